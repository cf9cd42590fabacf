"""The results of a video as writers see them: the frames that were looked at, in order, each read when it is needed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from hqsam.masks.rle import area
from hqsam.video.frames import RgbImage
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.tracked_video import TrackedVideo

Progress = Callable[[int, int], None]
"""Called with the number of frames that are done, and of all; may raise, to stop."""


@dataclass(frozen=True, eq=False)
class VideoResults:
    """All masks of a video that were found."""

    video: TrackedVideo
    progress: Progress = lambda done, total: None

    @cached_property
    def indices(self) -> list[int]:
        """Numbers of the frames that have a mask or were looked at, in order."""
        tracks = self.video.tracks
        return sorted({frame for one in self.video.objects for frame in tracks.frames_of(one)})

    @property
    def category_ids(self) -> dict[str, int]:
        """The number of each class, from 1 in alphabetical order."""
        labels = sorted({one.label for one in self.video.objects.values()})
        return {label: number for number, label in enumerate(labels, start=1)}

    def frames(self) -> Iterator[TrackedFrame]:
        """Yield the masks of frame after frame."""
        for done, index in enumerate(self.indices, start=1):
            yield self.video.masks_of(index)
            self.progress(done, len(self.indices))

    def frames_of(self, object_id: int) -> Iterator[TrackedFrame | None]:
        """Yield the mask of one object in frame after frame; None where it is not seen."""
        for index in self.indices:
            mask = self.video.tracks.get(object_id, index)
            yield self.video.as_frame(index, [mask]) if mask and area(mask.rle) else None

    def pictures(self) -> Iterator[tuple[RgbImage, TrackedFrame]]:
        """Yield the pixels and the masks of frame after frame.

        Raises:
            ImageError: a frame cannot be read.
        """
        for frame in self.frames():
            yield self.video.read(frame.index), frame

    def times_ms(self) -> list[int]:
        """Return when each frame is shown, in milliseconds; 25 a second where the source has no times."""
        known = [self.video.frames.seconds(index) for index in self.indices]
        times = [1000 * (index / 25 if time is None else time) for index, time in zip(self.indices, known, strict=True)]
        return [round(time - times[0]) for time in times]


def seen(frame: TrackedFrame) -> TrackedFrame:
    """Return a frame without the objects that are absent from it."""
    return frame[[row for row, rle in enumerate(frame.rle) if area(rle)]]
