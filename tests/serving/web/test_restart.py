"""The server is killed while somebody annotates, and started again."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from hqsam import Client
from hqsam.masks.rle import decode
from tests.serving.servers import TOKEN, photos_in, wait_until
from tests.serving.web.annotator import Annotator


class Killable:
    """`hqsam serve` in a process of its own."""

    def __init__(self, home) -> None:
        self.folder, self.data = photos_in(home / "photos"), home / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        line = ["serve", self.folder, "--data", self.data, "--port", self.port, "--token", TOKEN, "--no-browser"]
        command = [sys.executable, "-c", "from hqsam.cli import main; main()", *map(str, line)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, seconds=60)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        try:
            return urllib.request.urlopen(f"{self.address}/v1/health", timeout=5).status == 200
        except OSError:
            return False


@pytest.fixture
def server(_nano, tmp_path):
    server = Killable(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def annotator(browser, server):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    annotator = Annotator(context.new_page(), server.address)
    annotator.enter()
    yield annotator
    context.close()


def test_what_is_kept_while_the_server_is_dead_reaches_it_when_it_lives_again(annotator, server):
    annotator.click(300, 60)
    annotator.press("Enter")
    server.kill()
    annotator.page.keyboard.press("p")
    annotator.page.mouse.move(*annotator.at(20, 20))
    annotator.page.mouse.down()
    annotator.page.mouse.move(*annotator.at(80, 20), steps=4)
    annotator.page.mouse.up()
    by_hand = annotator.draft
    annotator.page.keyboard.press("Enter")
    annotator.until("!document.querySelector('#connection-notice').hidden")
    assert "The server does not answer" in annotator.page.locator("#connection-notice").text_content()
    assert annotator.page.locator("#saved").text_content().startswith("1 to be sent")
    annotator.page.keyboard.press("c")
    annotator.page.mouse.click(*annotator.at(300, 300))  # nobody can answer yet
    server.start()
    annotator.until("document.querySelector('#connection-notice').hidden")
    annotator.settle()
    kept = Client(server.address, TOKEN).annotations(annotator.look("app.store.image.id"))
    assert len(kept) == 2
    assert np.array_equal(decode(kept[1]["rle"]), by_hand)
    assert annotator.draft.any(), "the click that was made meanwhile is answered"


def test_a_draft_outlives_a_click_that_was_made_while_the_server_was_away(annotator, server):
    annotator.click(300, 60)
    first = annotator.draft
    server.kill()
    annotator.page.mouse.click(*annotator.at(120, 150))
    annotator.until("!document.querySelector('#connection-notice').hidden")
    assert np.array_equal(annotator.draft, first), "what was there stays"
    server.start()
    annotator.until("document.querySelector('#connection-notice').hidden")
    annotator.settle()
    assert annotator.look("app.draftEditor.draft.points.length") == 2
    assert annotator.draft.any()
    assert not annotator.failures or "does not answer" in annotator.failures


def test_a_page_that_is_loaded_again_after_a_kill_shows_all_that_was_kept(annotator, server):
    annotator.click(300, 60)
    drawn = annotator.draft
    annotator.press("Enter")
    server.kill()
    server.start()
    annotator.page.reload()
    annotator.until("app.store.objects.length === 1")
    annotator.settle()
    assert np.array_equal(annotator.mask("(await import('/web/masks/rle.js')).decode(app.store.objects[0].rle)"), drawn)
    annotator.drag((120, 150), (515, 390))
    assert annotator.draft.any(), "it can go on at once"


def test_the_same_address_opens_the_image_that_was_open_after_a_restart(annotator, server, browser):
    annotator.show("more/cat.jpg")
    annotator.page.wait_for_timeout(500)  # the server is told in passing
    server.kill()
    server.start()
    another = Annotator(browser.new_context().new_page(), server.address)
    another.page.goto(f"{server.address}/?token={TOKEN}")
    another.until("app.store.image && app.renderer.bitmap")
    assert another.look("app.store.image.name") == "more/cat.jpg"
    another.page.context.close()


def test_a_page_of_an_earlier_start_says_what_to_do(annotator, server, browser):
    annotator.page.context.clear_cookies()
    annotator.page.mouse.click(*annotator.at(300, 60))
    annotator.until("!document.querySelector('#connection-notice').hidden")
    assert "Open the address that it printed" in annotator.page.locator("#connection-notice").text_content()
