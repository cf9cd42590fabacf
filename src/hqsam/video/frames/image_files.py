"""Frames that are images: files, PIL images or arrays in a list, read one at a time."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hqsam.errors import ImageError, ImageWarning
from hqsam.images.reading import read_image
from hqsam.video.frames import RgbImage, check_index, check_size


class ImageFrames:
    """A list of images as the frames of a video."""

    def __init__(self, images: Sequence[Any], name: str) -> None:
        """Take the images, and read the first, whose size is that of all.

        Raises:
            ImageError: there is none, or the first cannot be read.
        """
        if not len(images):
            raise ImageError("the list of frames is empty; give at least one image, or nothing to push frames later")
        self.name = name
        self._images = images
        first = read_image(images[0])
        self.size_hw = first.shape[0], first.shape[1]

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int) -> RgbImage:
        """Return a frame; in place of a file that is damaged, the last good one before it, with an `ImageWarning`.

        Raises:
            ImageError: its file is gone, it is no image in memory, or it is of another size than the first.
        """
        check_index(index, len(self), self.name)
        found, pixels = self._nearest(index)
        if found != index:
            damaged, used = self.frame_name(index), self.frame_name(found)
            message = f"{damaged} (frame {index} of {self.name}) is damaged; {used} is used in its place"
            warnings.warn(ImageWarning(message, kind="damaged frame"), stacklevel=2)
        return check_size(pixels, self.size_hw, f"frame {index} ({self.frame_name(index)})")

    def _nearest(self, index: int) -> tuple[int, RgbImage]:
        """Return a frame or, if its file is damaged, the last good one before it, with its number."""
        number = index
        while (pixels := self._undamaged(number)) is None:
            number -= 1
        return number, pixels

    def _undamaged(self, index: int) -> RgbImage | None:
        try:
            return read_image(self._images[index])
        except ImageError:
            if index and _is_file(self._images[index]):
                return None
            raise

    def fingerprint(self) -> str:
        """Return a digest of the files' names, sizes and times, or of the first and last image in memory."""
        images = self._images if isinstance(self._images[0], str | os.PathLike) else [self._images[0], self._images[-1]]
        digest = hashlib.sha256()
        for image in images:
            digest.update(_file_facts(image) if isinstance(image, str | os.PathLike) else read_image(image).tobytes())
        return digest.hexdigest()

    def frame_name(self, index: int) -> str:
        """Return the file's name, or "00012.jpg" for images in memory."""
        image = self._images[index]
        return Path(image).name if isinstance(image, str | os.PathLike) else f"{index:05d}.jpg"

    def seconds(self, index: int) -> float | None:
        """Return None: images have no time."""
        return None


def _is_file(image: Any) -> bool:
    return isinstance(image, str | os.PathLike) and Path(image).is_file()


def _file_facts(path: str | os.PathLike[str]) -> bytes:
    about = Path(path).stat()
    return f"{Path(path).name} {about.st_size} {about.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
