"""A folder of frames in the browser: scrub, carry on, correct, go on, say which object it is, export."""

import io
import zipfile

import pytest
from PIL import Image

from tests.serving.sequences import FRAMES, frames_in, sequence_server
from tests.serving.web.annotator import Annotator


@pytest.fixture
def page(browser, tmp_path):
    """The page on a sequence, and its server; the last two frames are black."""
    frames_in(tmp_path / "clip")
    for number in (FRAMES - 2, FRAMES - 1):
        Image.new("RGB", (128, 96)).save(tmp_path / "clip" / f"{number:05d}.png")
    with sequence_server(tmp_path) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        annotator = Annotator(context.new_page(), server.address)
        annotator.enter("00000.png")
        yield annotator
        context.close()
        assert annotator.faults == []


def panel(annotator, selector):
    return annotator.page.locator(f".sequence {selector}")


def draw(annotator, row, name):
    """Make an object with the brush."""
    annotator.press("p")
    annotator.drag((20, row), (34, row))
    annotator.press("n")
    annotator.page.keyboard.type(name)
    annotator.press("Enter", "c")


def carry_on(annotator, frames, button="Carry on"):
    panel(annotator, "input[type=number]").fill(str(frames))
    panel(annotator, f"button:text-is('{button}')").click()
    annotator.until("document.querySelector('.sequence progress').hidden")
    annotator.settle()


def place(annotator):
    return panel(annotator, ".place").text_content()


def at(annotator, number):
    """Wait until a frame is open, and the bar has what is on it."""
    annotator.until(f"app.store.image.name === '{number:05d}.png'")
    annotator.until(f"document.querySelector('.sequence .place').textContent.startsWith('Frame {number + 1} ')")
    annotator.settle()


def test_objects_are_carried_on_corrected_undone_and_exported(page):
    page.until("!document.querySelector('.sequence').hidden")
    assert place(page) == f"Frame 1 of {FRAMES}"
    draw(page, 26, "cup")
    carry_on(page, 3)
    page.until("app.store.image.name === '00003.png' && app.store.objects.length === 1")
    page.until("document.querySelector('.sequence .place').textContent.startsWith('Frame 4')")
    assert page.names == ["cup"]
    about = panel(page, ".name").get_attribute("aria-label")
    assert about == "cup, object 1: 3 frames followed, 1 by hand"

    page.press("j", "Enter", "e")  # correct it with the eraser
    page.drag((54, 26), (64, 26))
    page.press("Enter", "c")
    page.until("document.querySelector('.sequence .name')?.title.endsWith('2 frames followed, 2 by hand')")

    carry_on(page, 1)
    page.until("app.store.image.name === '00004.png' && app.store.objects.length === 1")
    page.until("document.querySelector('.sequence .name')?.title.endsWith('3 frames followed, 2 by hand')")
    page.press("Control+z")  # what was followed is one step
    page.until("document.querySelector('.sequence .name')?.title.endsWith('2 frames followed, 2 by hand')")
    page.until("app.store.objects.length === 0")

    panel(page, "select").select_option("davis")
    name, data = page.download(panel(page, "button:text-is('Export sequence')").click)
    assert name == "clip_davis.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [f"clip/{number:05d}.png" for number in range(4)]


def test_the_slider_and_the_strip_go_to_frames(page):
    page.until("!document.querySelector('.sequence').hidden")
    draw(page, 26, "cup")
    carry_on(page, 1)
    at(page, 1)
    panel(page, "input[type=range]").focus()
    page.page.keyboard.press("End")
    at(page, FRAMES - 1)
    page.until("document.querySelector('.sequence .strip')?.clientWidth > 0")
    page.settle()
    width = page.look("document.querySelector('.sequence .strip').clientWidth")
    panel(page, ".strip").click(position={"x": width * 2.5 / FRAMES, "y": 12})
    at(page, 2)
    panel(page, ".name").click()  # it is not on this frame: to the nearest that has it
    at(page, 1)
    page.until("app.store.objects.length === 1")
    page.settle()
    panel(page, ".name").click()
    page.until("app.store.selected.length === 1")


def test_a_lost_object_is_shown_and_drawn_again_as_the_same_one(page):
    page.until("!document.querySelector('.sequence').hidden")
    draw(page, 26, "cup")
    carry_on(page, FRAMES)
    lost = f"{FRAMES - 2:05d}.png"
    page.until(f"app.store.image.name === '{lost}'")
    page.until("document.querySelector('#status').textContent.startsWith('cup not found from this frame on')")
    draw(page, 60, "cup")
    page.until("document.querySelectorAll('.sequence .same').length === 1")
    page.press("j")
    panel(page, ".same").click()
    page.until("document.querySelector('.sequence .name')?.title.endsWith('2 by hand')")
    page.until("document.querySelector('.sequence .same').hidden")


def test_the_bar_has_no_barriers(page):
    from axe_playwright_python.sync_playwright import Axe

    page.until("!document.querySelector('.sequence').hidden")
    draw(page, 26, "cup")
    carry_on(page, 1)
    found = Axe().run(page.page, context=".sequence")
    assert found.violations_count == 0, found.generate_report()


def test_pages_without_sequences_do_not_load_the_bar(annotator):
    loaded = annotator.look("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert any(name.endswith("/main.js") for name in loaded)
    assert not any("/sequence/" in name for name in loaded)
