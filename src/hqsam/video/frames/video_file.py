"""Video files, decoded by PyAV frame by frame as they are asked for."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.errors import ImageError, ImageWarning
from hqsam.optional import require
from hqsam.video.frames import RgbImage, check_index, check_size
from hqsam.video.frames.video_index import VideoIndex, open_container

_AHEAD = 32
"""A frame so far ahead is looked for from the key frame before it, a nearer one by decoding on."""

Numbered = tuple[int, RgbImage]
"""A frame with its number."""


class VideoFile:
    """The frames of a video file: its first video stream, turned upright.

    Reading in order decodes each frame once. Only the frame that was read last is held.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, index it and decode the first frame.

        Raises:
            ImageError: it cannot be read, or has no frame.
            MissingExtra: hqsam[video] is not installed.
        """
        self._av = require("av", extra="video")
        self.path, self.name = path, path.name
        self._index = VideoIndex.of(self._av, path)
        self._decoder: Iterator[Numbered] | None = None
        self._current: Numbered | None = None
        self._upcoming: Numbered | None = None
        first = self._nearest(0)
        if first is None:
            raise ImageError(f"no frame of {self.path} can be decoded; the file is damaged")
        self.size_hw = first[1].shape[0], first[1].shape[1]

    def __len__(self) -> int:
        return len(self._index.times)

    def read(self, index: int) -> RgbImage:
        """Return a frame; in place of one that is damaged, the good one nearest to it, with an `ImageWarning`.

        Raises:
            ImageError: there is no such frame, or its size is not that of the first.
        """
        check_index(index, len(self), self.name)
        nearest = self._nearest(index) or self._nearest(0)
        assert nearest is not None, "the first frame could be decoded"
        found, pixels = nearest
        if found != index:
            message = f"frame {index} of {self.name} is damaged; frame {found} is used in its place"
            warnings.warn(ImageWarning(message, kind="damaged frame"), stacklevel=2)
        return check_size(pixels, self.size_hw, f"frame {index} of {self.name}")

    def fingerprint(self) -> str:
        """Return the size and the time of the file."""
        about = self.path.stat()
        return f"{about.st_size} {about.st_mtime_ns}"

    def frame_name(self, index: int) -> str:
        """Return a name such as "00012.jpg"."""
        return f"{index:05d}.jpg"

    def seconds(self, index: int) -> float | None:
        """Return when the frame is shown, in seconds from the first frame's time; None where the file has no times."""
        return self._index.seconds(index)

    def close(self) -> None:
        """Close the file; reading opens it again."""
        self._decoder = self._current = self._upcoming = None

    def _nearest(self, index: int) -> Numbered | None:
        """Return a frame or, if it is damaged, the last good one before it since a key frame, else the next one."""
        current = self._current
        if self._decoder is None or current is None or current[0] > index or self._is_far(index, current[0]):
            self._decoder = self._frames_from(self._index.key_before(index))
            self._current = self._upcoming = None
        while self._current is None or self._current[0] < index:
            upcoming = self._upcoming or next(self._decoder, None)
            if upcoming is None or upcoming[0] > index:
                self._upcoming = upcoming
                break
            self._current, self._upcoming = upcoming, None
        return self._current or self._upcoming

    def _is_far(self, index: int, current: int) -> bool:
        return index - current > _AHEAD and self._index.key_before(index) > current

    def _frames_from(self, key: int) -> Iterator[Numbered]:
        """Decode the good frames from a key frame on, in the order that they are shown."""
        with open_container(self._av, self.path) as container:
            stream = container.streams.video[0]
            if key and self._index.timed:
                container.seek(self._index.times[key], stream=stream)
            last = -1
            for frame in self._good_frames(container, stream):
                number = self._index.number_of.get(frame.pts) if self._index.timed else last + 1
                if number is not None and number > last:
                    last = number
                    yield number, _upright(frame)

    def _good_frames(self, container: Any, stream: Any) -> Iterator[Any]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except self._av.EOFError:
                return
            except self._av.FFmpegError:  # a damaged packet; those after it may be good
                continue
            if packet is None:
                return
            yield from (frame for frame in frames if not frame.is_corrupt)


def _upright(frame: Any) -> RgbImage:
    """Return the pixels of a decoded frame, turned as its rotation flag says: so many degrees counterclockwise."""
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
