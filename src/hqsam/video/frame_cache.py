"""The encoded frames that are held: the last ones used, a few, and up to a number of bytes."""

from collections import OrderedDict
from typing import Any

from hqsam.video.frames import FrameSource, RgbImage
from hqsam.video.trackers import Tracker

_MOST_FRAMES = 32
"""Frames that are held at most, so that memory is flat soon, however small they are."""


class FrameCache:
    """Reads and encodes the frames of a video when they are needed."""

    def __init__(self, frames: FrameSource, tracker: Tracker, max_bytes: int) -> None:
        """Hold encoded frames of at most `max_bytes` together, but always the last one."""
        self._frames, self._tracker, self._max_bytes = frames, tracker, max_bytes
        self._held: OrderedDict[int, Any] = OrderedDict()

    def pixels(self, index: int) -> RgbImage:
        """Return a frame's pixels.

        Raises:
            ImageError: it cannot be read.
        """
        return self._frames.read(index)

    def encoded(self, index: int) -> Any:
        """Return a frame as the tracker encodes it.

        Raises:
            ImageError: it cannot be read.
        """
        if index not in self._held:
            self._held[index] = self._tracker.encode(self.pixels(index), index)
        self._held.move_to_end(index)
        while len(self._held) > 1 and (len(self._held) > _MOST_FRAMES or self.nbytes > self._max_bytes):
            self._held.popitem(last=False)
        return self._held[index]

    @property
    def nbytes(self) -> int:
        """Memory of the encoded frames, in bytes."""
        return sum(frame.nbytes for frame in self._held.values())
