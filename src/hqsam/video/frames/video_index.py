"""The index of a video file: when each frame is shown, and which are key frames.

It is made by reading the packets without decoding them. So frames have numbers also where their rate varies, and any
of them can be found by decoding from the key frame before it.
"""

import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hqsam.errors import ImageError, ImageWarning


@dataclass(frozen=True)
class VideoIndex:
    """The frames of a video stream, in the order that they are shown."""

    times: list[int]
    """When each frame is shown, in units of the stream; its number where the file has no times."""
    keys: list[int]
    """Numbers of the key frames."""
    seconds_per_unit: float
    timed: bool
    """False for files whose packets carry no times, such as some AVIs: their frames are found by counting."""

    @classmethod
    def of(cls, av: Any, path: Path) -> "VideoIndex":
        """Index a file.

        Args:
            av: the module PyAV.
            path: the file.

        Raises:
            ImageError: it cannot be read, or has no frame.
        """
        times: set[int] = set()
        keys: set[int] = set()
        untimed = 0
        with open_container(av, path) as container:
            stream = container.streams.video[0]
            unit = float(stream.time_base or 1)
            for packet in _packets(av, container, stream, path):
                if packet.pts is None:
                    untimed += 1
                elif not packet.is_discard:
                    times.add(packet.pts)
                    keys |= {packet.pts} if packet.is_keyframe else set()
        if untimed:
            count = _count_by_decoding(av, path)
            return cls(list(range(count)), [0], 0, False)
        if not times:
            raise ImageError(f"{path} has no frames")
        order = sorted(times)
        return cls(order, [number for number, time in enumerate(order) if time in keys], unit, True)

    @cached_property
    def number_of(self) -> dict[int, int]:
        """The number of the frame that is shown at a time."""
        return {time: number for number, time in enumerate(self.times)}

    def key_before(self, index: int) -> int:
        """Return the number of the last key frame up to `index`; 0 if there is none."""
        place = bisect_right(self.keys, index)
        return self.keys[place - 1] if place else 0

    def seconds(self, index: int) -> float | None:
        """Return when a frame is shown, in seconds from the first one's time; None where the file has no times."""
        return (self.times[index] - self.times[0]) * self.seconds_per_unit if self.timed else None


@contextmanager
def open_container(av: Any, path: Path) -> Iterator[Any]:
    """Open a video file with PyAV.

    Raises:
        ImageError: it cannot be read, or has no pictures.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot read {path} as a video: {cause}") from error
    with container:
        if not container.streams.video:
            raise ImageError(f"{path} has no pictures; give a video such as an mp4, mov, webm or gif")
        # Threads for several frames would report a damaged packet late, with the good frames of others.
        container.streams.video[0].thread_type = "SLICE"
        yield container


def _packets(av: Any, container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Yield the packets that hold something, up to where the file breaks off."""
    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except av.FFmpegError as error:
        message = f"{path} breaks off ({error}); the frames before are used"
        warnings.warn(ImageWarning(message, kind="truncated video"), stacklevel=2)


def _count_by_decoding(av: Any, path: Path) -> int:
    with open_container(av, path) as container:
        count = sum(_frames_in(av, packet) for packet in container.demux(container.streams.video[0]))
    if not count:
        raise ImageError(f"{path} has no frames")
    return count


def _frames_in(av: Any, packet: Any) -> int:
    try:
        return len(packet.decode())
    except av.FFmpegError:  # a damaged packet, which has no frame
        return 0
