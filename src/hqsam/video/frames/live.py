"""Frames that come one by one, from a camera: the last few are held."""

from collections import OrderedDict
from typing import Any

from hqsam.errors import ImageError
from hqsam.images.reading import read_image
from hqsam.video.frames import RgbImage, check_size


class LiveFrames:
    """The frames that were pushed so far, of which the last few can be read again."""

    name = "stream"

    def __init__(self, kept: int = 8) -> None:
        """Hold the last `kept` frames, 1 or more."""
        self.kept = kept
        self.size_hw: tuple[int, int] = (0, 0)
        self._count = 0
        self._frames: OrderedDict[int, RgbImage] = OrderedDict()

    def push(self, image: Any) -> int:
        """Take the next frame, and return its number.

        Raises:
            ImageError: it is no image, or of another size than the first; the stream is as it was.
        """
        pixels = read_image(image)
        if self._count:
            check_size(pixels, self.size_hw, f"frame {self._count}")
        self.size_hw = pixels.shape[0], pixels.shape[1]
        self._frames[self._count] = pixels.copy()  # cameras write the next frame into the same array
        self._count += 1
        while len(self._frames) > self.kept:
            self._frames.popitem(last=False)
        return self._count - 1

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> RgbImage:
        """Return one of the last frames.

        Raises:
            ImageError: it is no longer held, or has not come yet.
        """
        if index not in self._frames:
            held = f"{min(self._frames)} to {max(self._frames)}" if self._frames else "none yet"
            raise ImageError(f"frame {index} of the stream is not held; the frames that are: {held}")
        return self._frames[index]

    def is_held(self, index: int) -> bool:
        """Return True if a frame can still be read."""
        return index in self._frames

    def frame_name(self, index: int) -> str:
        """Return a name such as "00012.jpg"."""
        return f"{index:05d}.jpg"

    def seconds(self, index: int) -> float | None:
        """Return None: who pushes knows the time."""
        return None
