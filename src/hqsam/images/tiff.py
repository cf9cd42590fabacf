"""Read parts of TIFF files by their own tiles or strips, of any number of channels and depth."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam import optional
from hqsam.errors import HqsamError, ImageError
from hqsam.images.image_info import is_tiff, tags_of
from hqsam.images.open_image import first_bytes, open_image
from hqsam.images.read_options import ReadOptions
from hqsam.images.tiff_page import TiffPage
from hqsam.images.to_rgb import eight_bit_alpha, is_transparency, note_bands, range_for, rgb_of_values
from hqsam.images.value_range import declared_by_tags, nodata_of

_PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""GeoTIFF's: scale, tie points, transformation; and the coordinate system."""

_SAMPLED_WHOLE = 1 << 20
"""Pixels of a page that is read as a whole to find the range of its values; of a larger one, parts are."""


@contextmanager
def open_tiff(file: Any, name: str, options: ReadOptions, any_orientation: bool = False) -> Iterator["TiffWindows"]:
    """Open a page of a TIFF to read parts of it.

    Args:
        file: a path, or an open file.
        name: for messages.
        options: which page, and which values become 0 and 255; without a range, it is found in parts of the page.
        any_orientation: take a page that has to be turned upright afterwards.

    Raises:
        ImageError: it is of a kind that is not read in parts. tifffile raises other exceptions on damaged files.
        MissingExtra: tifffile is not installed.
    """
    tifffile = optional.require("tifffile", extra="tiles")
    with tifffile.TiffFile(file) as tiff:
        full_pages = [page for page in tiff.pages if not is_reduced(page.tags.valueof(254))]
        page = options.choose_page(full_pages, name)
        turned = page.tags.valueof(274) or 1
        if turned != 1 and not any_orientation:
            raise ImageError(f"{name} lies on its side (orientation {turned}); save it upright")
        yield TiffWindows(name, page, options)


def place_tags(path: Path) -> list[tuple[int, int, int, Any, bool]]:
    """Return the tags that say where on Earth a GeoTIFF lies, as tifffile's `extratags`; none for other files.

    Raises:
        MissingExtra: tifffile is not installed.
    """
    if not is_tiff(first_bytes(path)):
        return []
    with optional.require("tifffile", extra="tiles").TiffFile(path) as tiff:
        tags = [tiff.pages[0].tags.get(code) for code in _PLACE_TAGS]
        return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags if tag is not None]


def has_place(path: Path) -> bool:
    """Return True for a GeoTIFF, if Pillow or an installed tifffile can open it."""
    if not is_tiff(first_bytes(path)):
        return False
    try:
        with open_image(path) as image:
            return any(tags_of(image)(code) is not None for code in _PLACE_TAGS[:3])
    except HqsamError:
        return optional.is_installed("tifffile") and bool(place_tags(path))


def is_reduced(subfile_type: Any) -> bool:
    """Return True for a page that is a smaller copy or a mask of another, by the value of its tag NewSubfileType."""
    return bool(int(subfile_type or 0) & 5)


class TiffWindows:
    """A page of a TIFF file of which any part can be read as RGB."""

    def __init__(self, name: str, page: Any, options: ReadOptions) -> None:
        self._name, self._page, self._values = name, page, TiffPage(name, page)
        self.size_hw, self._channels = self._values.size_hw, self._values.channels
        self.orientation = int(page.tags.valueof(274) or 1)
        self._has_alpha = self._channels == 4 and bool(page.extrasamples) and page.extrasamples[0] in (1, 2)
        if self._channels == 2 or (self._channels > 3 and not self._has_alpha):
            note_bands(name, self._channels)
        self._range = self._choose_range(options)

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the page as uint8 RGB."""
        return rgb_of_values(
            self._with_known_channels(self._values.read(rows, columns)), self._name, self._range, trust_alpha=True
        )

    def valid(self, rows: slice, columns: slice) -> None:
        """Return None: pixels without data are known of rasters that GDAL reads."""
        return

    @property
    def georeference(self) -> None:
        """None: the place is read by GDAL, and its tags are copied as they are by `place_tags`."""
        return

    def _with_known_channels(self, window: np.ndarray) -> np.ndarray:
        """Return the window as gray, RGB or RGBA; of more channels, the first three."""
        if self._page.photometric == 0 and window.dtype.kind == "u":  # white is zero
            window = np.iinfo(window.dtype).max - window
        if self._channels == 2:
            return window[..., :1]
        return window if self._has_alpha else window[..., :3]

    def _choose_range(self, options: ReadOptions) -> tuple[float, float] | None:
        """Return one range of values for all windows, and find out whether a fourth channel is transparency."""
        is_deep = self._page.dtype != np.uint8
        if not self._has_alpha and (options.value_range is not None or not is_deep):
            return options.value_range
        sample = self._sample()
        self._has_alpha = self._has_alpha and is_transparency(
            eight_bit_alpha(sample[..., 3]), sample[..., :3], self._name
        )
        if options.value_range is not None or not is_deep:
            return options.value_range
        colours, tag = self._with_known_channels(sample)[..., :3], self._page.tags.valueof
        chosen = range_for(colours, self._name, declared=declared_by_tags(tag), nodata=nodata_of(tag))
        return chosen.low, chosen.high

    def _sample(self) -> np.ndarray:
        """Return values of parts that are spread over the page, [1, N, channels]; of a small page all."""
        height, width = self.size_hw
        if height * width <= _SAMPLED_WHOLE:
            return self._values.read(slice(0, height), slice(0, width)).reshape(1, -1, self._channels)
        tops, lefts = (np.linspace(0, max(0, side - 64), 8).astype(int).tolist() for side in self.size_hw)
        parts = [
            self._values.read(slice(top, min(top + 64, height)), slice(left, min(left + 64, width))).reshape(
                -1, self._channels
            )
            for top, left in product(tops, lefts)
        ]
        return np.concatenate(parts)[None]
