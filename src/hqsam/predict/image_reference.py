"""References to images that were opened: the way back from an encoded image to its pixels, at almost no memory.

A path is remembered and read again. Arrays and PIL images are the caller's: they are found again for as long as the
caller holds them, or as they are among the last ones opened, of which a bounded number of bytes is kept.
"""

import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import ImageError
from hqsam.images.raster_source import is_remote
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.reading import ImageLike, read_with
from hqsam.images.stacks.zarr_stack import described

RgbImage = UInt8[np.ndarray, "height width 3"]

KEPT_BYTES = 192 << 20
"""The bytes of images that the whole process keeps, the last used: 64 megapixels, however many sessions."""


class ImageReference:
    """An image that was opened and can be looked at again. Safe to use from threads."""

    def __init__(self, image: ImageLike, pixels: RgbImage, options: ReadOptions = DEFAULTS) -> None:
        """Remember `image`, which was read as `pixels`; an array must not be changed while the session is used."""
        self.path = _path_of(image)
        """The file; None of an image that came from memory."""
        self._written = None if self.path is None else _written(self.path)
        self._image = _weakly(image)
        self._size_hw, self.options = pixels.shape[:2], options
        self.kept: RgbImage | None = None
        """The pixels, as long as `_Latest` lets this image keep them."""
        if self.path is None:
            _LATEST.keep(self, pixels)

    def read(self) -> RgbImage:
        """Return the image as it was when it was opened.

        Raises:
            ImageError: its file has changed or is gone, or no reference to the array is left.
        """
        pixels = self.kept
        if pixels is None:
            pixels = self._read_again() if self.path is None else self._read_file(self.path)
        _LATEST.keep(self, pixels)
        return pixels

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the reference by its path, or with the pixels if it has none."""
        kept = None
        if self.path is None:
            with suppress(ImageError):
                kept = self.read()
        return {**vars(self), "_image": None, "kept": kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.kept is not None:
            _LATEST.keep(self, self.kept)

    def _read_file(self, path: Path) -> RgbImage:
        pixels = read_with(path, self.options)
        if _written(path) != self._written or pixels.shape[:2] != self._size_hw:
            raise ImageError(f"{path} has changed since it was opened; open it again")
        return pixels

    def _read_again(self) -> RgbImage:
        image = None if self._image is None else self._image()
        if image is None:
            raise ImageError(
                "the image that this session was opened from is no longer in memory, and its pixels are needed "
                "again; hold on to the array, or open the image by its path"
            )
        return read_with(image, self.options)


class _Latest:
    """Lets the images that were used last keep their pixels, up to a number of bytes together.

    The pixels belong to their owners, so that they go with them; here is only who has some, the latest last.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._owners: list[weakref.ref[ImageReference]] = []
        self._lock = threading.Lock()

    def keep(self, owner: ImageReference, pixels: RgbImage) -> None:
        """Let this image keep its pixels, and others no longer if there is no room for all."""
        with self._lock:
            alive = [one for one in (ref() for ref in self._owners) if one is not None and one is not owner]
            owner.kept = pixels
            alive.append(owner)
            while alive and sum(one.kept.nbytes for one in alive if one.kept is not None) > self._most_bytes:
                alive.pop(0).kept = None
            self._owners = [weakref.ref(one) for one in alive]


_LATEST = _Latest(KEPT_BYTES)


def _path_of(image: Any) -> Path | None:
    """Return the path of a file, that of an address as it is; None for an image that is none."""
    if not isinstance(image, str | os.PathLike):
        return None
    return Path(image) if is_remote(image) else Path(image).absolute()


def _weakly(image: Any) -> "weakref.ref[Any] | None":
    try:
        return weakref.ref(image)
    except TypeError:
        return None  # a list of lists; its array is kept as one of the latest, if at all


def _written(path: Path) -> tuple[int, int] | None:
    """Return when a file was last written, and how long it is: another one under its name is noticed.

    Of a folder, such as an OME-Zarr, it is the file that describes it: labels may be added to the folder.
    """
    try:
        found = described(path).stat()
    except OSError:
        return None  # reading it will say why
    return found.st_mtime_ns, found.st_size
