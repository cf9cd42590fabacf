"""Somebody at the page that `hqsam export --format browser` makes: does what hands do, and takes away files."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

APP = "(await import('/main.js')).app"
PATIENCE = 120  # seconds; a busy machine is no failure


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    """A static host for a folder, which sends no headers of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Page:
    """A page of Playwright's. Places are pixels of the photo."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        self.until("app && document.querySelector('#loading').hidden")

    def look(self, expression: str) -> Any:
        """A value of the page's own parts."""
        return self.page.evaluate(f"async () => {{ const app = {APP}; return {expression}; }}")

    def until(self, expression: str) -> None:
        """Wait for something on the page, which may load itself again meanwhile."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if self.look(f"Boolean({expression})"):
                    return
            except Exception as error:  # a page that is being left has no parts
                if "context was destroyed" not in str(error) and "dynamically imported" not in str(error):
                    raise
            said = self.page.locator("body").inner_text()
            assert time.monotonic() < end, f"this did not come true: {expression}; the page says {said!r}"
            time.sleep(0.05)

    def open(self, photo: Path) -> None:
        self.look("(window.before = app.photo, 0)")
        self.page.set_input_files("#file", photo)
        self.until("app.photo !== window.before && app.isReady")

    def answered(self) -> None:
        self.until("app.prompt.step.answer || app.prompt.isBlank")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where the middle of a pixel of the photo is on the screen."""
        canvas = self.page.locator("#canvas").bounding_box()
        left, top = self.look(f"app.viewport.toScreen([{x + 0.5}, {y + 0.5}])")
        return canvas["x"] + left, canvas["y"] + top

    def click(self, x: int, y: int, button: str = "left") -> None:
        self.page.mouse.click(*self.at(x, y), button=button)
        self.answered()

    def draw_box(self, x0: int, y0: int, x1: int, y1: int) -> None:
        self.page.mouse.move(*self.at(x0 - 0.5, y0 - 0.5))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(x1 - 0.5, y1 - 0.5), steps=4)
        self.page.mouse.up()
        self.answered()

    def save(self, what: str) -> tuple[str, bytes]:
        """The name and the bytes of a file that the page makes."""
        with self.page.expect_download() as waiting:
            self.page.locator(f"#save-{what}").click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    @property
    def mask(self) -> np.ndarray:
        _, data = self.save("mask")
        return np.asarray(Image.open(io.BytesIO(data)).convert("L")) > 127

    @property
    def said(self) -> str:
        return self.page.locator("#status").text_content()

    @property
    def failures(self) -> str:
        return " ".join(self.page.locator("#failures li").all_text_contents())


def iou(one: np.ndarray, two: np.ndarray) -> float:
    assert one.shape == two.shape
    return float((one & two).sum() / (one | two).sum())
