"""Makes the pictures of docs/annotator.md: `python docs/images/annotator.py`, with Playwright and Debian's chromium.

It starts `hqsam serve` on the example photos and does with the page what people do.
"""

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
TOKEN = "only-for-the-pictures"
DESK = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1.25}
PHONE = {"viewport": {"width": 390, "height": 760}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
OBJECTS = {"shuttle": (345, 10, 460, 280), "helmet": (270, 345, 512, 512)}
FACE = (130, 10, 310, 200)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with serving(Path(folder)) as address:
            desk(browser, address)
            close_up(browser, address)
            everything(browser, address)
            phone(browser, address)


def desk(browser: Browser, address: str) -> None:
    """Two objects with names, and a third in the making."""
    page = opened(browser, address, "astronaut.jpg", **DESK)
    for name, box in OBJECTS.items():
        drag_box(page, box)
        page.fill("#draft-class", name)
        page.keyboard.press("Enter")
        settle(page)
    drag_box(page, FACE)
    page.fill("#draft-class", "head")
    page.keyboard.press("Tab")
    save(page, "annotator-desk")


def close_up(browser: Browser, address: str) -> None:
    """Single pixels, on a dark page."""
    page = opened(browser, address, "rocket.jpg", color_scheme="dark", **DESK)
    drag_box(page, (300, 80, 345, 380))
    page.keyboard.press("p")
    for _ in range(7):
        page.mouse.move(*at(page, 318, 134))
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(50)
    save(page, "annotator-pixels")


def everything(browser: Browser, address: str) -> None:
    """What "everything" found, waiting to be kept."""
    page = opened(browser, address, "coffee.jpg", **DESK)
    page.keyboard.press("a")
    page.click("#everything-dialog button.main")
    page.locator("#proposals-bar").wait_for(timeout=120_000)
    page.mouse.move(*at(page, 370, 275))
    page.wait_for_timeout(300)
    save(page, "annotator-everything")


def phone(browser: Browser, address: str) -> None:
    """The same objects in a hand."""
    page = opened(browser, address, "astronaut.jpg", **PHONE)
    page.locator("[data-tool='box']").tap()
    page.touchscreen.tap(*at(page, *FACE[:2]))
    page.touchscreen.tap(*at(page, *FACE[2:]))
    settle(page)
    save(page, "annotator-phone")


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """A server on the example photos, until the block ends."""
    photos = home / "photos"
    photos.mkdir()
    for photo in EXAMPLES.glob("*.jpg"):
        shutil.copy(photo, photos)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = ["serve", photos, "--data", home / "data", "--port", port, "--token", TOKEN, "--no-browser"]
    command = [sys.executable, "-c", "from hqsam.cli import main; main()", *map(str, line)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            while not server.stdout.readline().startswith("open "):
                assert server.poll() is None, "the server did not start"
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health", timeout=30).close()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def opened(browser: Browser, address: str, photo: str, **screen: object) -> Page:
    page = browser.new_page(**screen)  # type: ignore[arg-type]
    page.goto(f"{address}/?token={TOKEN}")
    page.locator(f"#gallery button[title='{photo}']").wait_for(state="attached")
    page.evaluate("name => document.querySelector(`#gallery button[title='${name}']`).click()", photo)
    page.wait_for_timeout(500)
    settle(page)
    return page


def settle(page: Page) -> None:
    """Until the page is at rest."""
    page.wait_for_timeout(300)
    while page.locator("#status").get_attribute("data-kind") == "busy":
        page.wait_for_timeout(50)
    page.wait_for_timeout(700)


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the photo is on the screen."""
    canvas = page.locator("#canvas").bounding_box()
    look = "async place => (await import('/web/main.js')).app.viewport.toScreen(place)"
    left, top = page.evaluate(look, [x, y])
    assert canvas
    return canvas["x"] + left, canvas["y"] + top


def drag_box(page: Page, box: tuple[int, int, int, int]) -> None:
    page.mouse.move(*at(page, *box[:2]))
    page.mouse.down()
    page.mouse.move(*at(page, *box[2:]), steps=4)
    page.mouse.up()
    settle(page)


def save(page: Page, name: str) -> None:
    """As WebP, which is a tenth of PNG and shows on GitHub and GitLab."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(HERE / f"{name}.webp", quality=82, method=6)
    page.context.close()


if __name__ == "__main__":
    main()
