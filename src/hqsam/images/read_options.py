"""Settings for reading an image file that its owner may want to choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hqsam.errors import ImageError
from hqsam.images.to_rgb import note

Page = TypeVar("Page")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Settings for reading an image."""

    max_pixels: int | None = None
    """Files of more pixels are refused before they are decoded; by default `HQSAM_MAX_PIXELS`, else 250 million."""
    value_range: tuple[float, float] | None = None
    """The values that become 0 and 255, for images of more than 8 bits; by default found in the file or its values."""
    bands: tuple[int, ...] | None = None
    """Bands of a raster, counted from 1: one, or three for red, green and blue; by default those that it calls so, else
    the first ones. Read by GDAL."""
    stretch: tuple[float, float] | None = None
    """The percentiles of each band that become 0 and 255; by default 2 and 98 in rasters of more than 8 bits, and none
    in others. Read by GDAL."""
    channels: tuple[int | str, ...] | None = None
    """Channels of a stack, from 0 or by name: one, or up to three for red, green and blue; by default the first."""
    z: int | None = None
    """The slice of a stack, from 0; by default the middle one."""
    t: int | None = None
    """The timepoint of a stack, from 0; by default the first."""
    page: int | None = None
    """The page of a stack, or frame of an animation, counted from 1; by default the first."""

    def choose_page(self, pages: Sequence[Page], name: str) -> Page:
        """Return the page to read of those that an image has, with a warning if there are others that were not chose.

        Raises:
            ImageError: there is no such page.
        """
        if self.page is None and len(pages) > 1:
            note(name, "pages", f"page 1 of {len(pages)} was read, no other; choose another with page=N or --page N")
        number = self.page or 1
        if not 1 <= number <= len(pages):
            raise ImageError(f"{name} has {len(pages)} pages and page {number} was asked for; pages count from 1")
        return pages[number - 1]


DEFAULTS = ReadOptions()
