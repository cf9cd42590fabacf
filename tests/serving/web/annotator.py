"""Somebody at the page: does what hands do, and sees what is on the screen."""

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hqsam.masks.rle import decode
from tests.serving.servers import TOKEN

APP = "(await import('/web/main.js')).app"
PATIENCE = 60  # seconds; a busy machine is no failure


class Annotator:
    """A page of Playwright's, in the words of an annotator. Places are pixels of the photo."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def enter(self, image: str = "coffee 2.jpg") -> None:
        """Open the address that the server prints, and a photo."""
        self.page.goto(f"{self.address}/?token={TOKEN}")
        self.until("app.store.image && app.renderer.bitmap")
        self.show(image)

    def show(self, image: str) -> None:
        """Open a photo from the strip, and wait until clicks are quick."""
        if self.look("app.store.image.name") != image:
            self.page.locator(f"#gallery button[title='{image}']").click()
        self.until(f"app.store.image.name === {image!r} && app.renderer.bitmap")
        self.settle()

    def settle(self) -> None:
        """Until nothing is going on: the photo is encoded, the model has answered, all is saved."""
        self.until("document.querySelector('#status').dataset.kind !== 'busy' && app.saveQueue.count === 0")
        self.until("!(await import('/web/state/draft.js')).needsAnswer(app.draftEditor.draft)")

    # Looking

    def look(self, expression: str) -> Any:
        """A value of the page's own parts."""
        return self.page.evaluate(f"async () => {{ const app = {APP}; return {expression}; }}")

    def until(self, expression: str) -> None:
        """Wait for something on the page. (Playwright's own waiting needs eval, which the page forbids.)"""
        end = time.monotonic() + PATIENCE
        while not self.look(f"Boolean({expression})"):
            assert time.monotonic() < end, (
                f"this did not come true: {expression}; the page says {self.said + self.failures!r}"
            )
            time.sleep(0.03)

    @property
    def said(self) -> str:
        """What the page says that it does."""
        return self.page.locator("#status").text_content()

    @property
    def failures(self) -> str:
        """What the page says that went wrong."""
        return " ".join(self.page.locator("#failures li").all_text_contents())

    @property
    def draft(self) -> np.ndarray:
        """The mask that is being made."""
        return self.mask("app.draftEditor.mask")

    def mask(self, expression: str) -> np.ndarray:
        return decode(self.look(f"(await import('/web/masks/rle.js')).encode({expression})"))

    @property
    def names(self) -> list[str]:
        """The class names in the list of objects."""
        return [name.text_content() for name in self.page.locator("#objects .name").all()]

    def pixels(self, layer: str, columns: slice, rows: slice) -> np.ndarray:
        """The colours on a canvas in the middles of the photo's pixels, [row, column, 4]."""
        return np.array(
            self.page.evaluate(
                f"""async ([left, right, top, bottom]) => {{
                    const {{ viewport }} = {APP};
                    const context = document.querySelector("canvas.{layer}").getContext("2d");
                    const rows = [];
                    for (let y = top; y < bottom; y++) {{
                        rows.push([]);
                        for (let x = left; x < right; x++) {{
                            const [a, b] = viewport.toScreen([x + 0.5, y + 0.5]).map(Math.floor);
                            rows.at(-1).push([...context.getImageData(a, b, 1, 1).data]);
                        }}
                    }}
                    return rows;
                }}""",
                [columns.start, columns.stop, rows.start, rows.stop],
            )
        )

    def window_around(self, x: int, y: int, most: int = 10) -> tuple[slice, slice]:
        """Columns and rows of the photo about a place, as far as they are on the screen."""
        left, top = self.look("app.viewport.toImage([0, 0]).map(Math.ceil)")
        right, bottom = self.look("app.viewport.toImage(Object.values(app.viewport.canvas)).map(Math.floor)")
        return slice(max(left, x - most), min(right, x + most)), slice(max(top, y - most), min(bottom, y + most))

    # Doing

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the photo is on the screen."""
        canvas = self.page.locator("#canvas").bounding_box()
        left, top = self.look(f"app.viewport.toScreen([{x}, {y}])")
        return canvas["x"] + left, canvas["y"] + top

    def point(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.at(x, y))

    def click(self, x: float, y: float, button: str = "left") -> None:
        self.page.mouse.click(*self.at(x, y), button=button)
        self.settle()

    def drag(self, *places: tuple[float, float], button: str = "left") -> None:
        self.page.mouse.move(*self.at(*places[0]))
        self.page.mouse.down(button=button)
        for place in places[1:]:
            self.page.mouse.move(*self.at(*place), steps=4)
        self.page.mouse.up(button=button)
        self.settle()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def download(self, press: Any) -> tuple[str, bytes]:
        """What a press downloads: its name and its bytes."""
        with self.page.expect_download() as waiting:
            press()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def masks_in(name: str, data: bytes) -> list[np.ndarray]:
    """The PNG masks of a download, one or a zip of several."""
    if not name.endswith(".zip"):
        return [np.asarray(Image.open(io.BytesIO(data))) > 0]
    with zipfile.ZipFile(io.BytesIO(data)) as files:
        return [np.asarray(Image.open(files.open(one))) > 0 for one in sorted(files.namelist())]
