"""A video with the masks of its objects, as writers and callers see it; `Video` also finds them."""

from collections.abc import Callable
from pathlib import Path

from hqsam.video.frames import FrameSource, RgbImage, check_index
from hqsam.video.objects import VideoObject
from hqsam.video.track_store import TrackStore
from hqsam.video.tracked_frame import TrackedFrame, TrackedMask


class TrackedVideo:
    """Frames, objects, and the masks that objects have on them."""

    def __init__(self, frames: FrameSource, tracks: TrackStore) -> None:
        self.frames, self.tracks = frames, tracks
        self.objects: dict[int, VideoObject] = {}

    @property
    def name(self) -> str:
        """The name of the file or folder."""
        return self.frames.name

    @property
    def image_size_hw(self) -> tuple[int, int]:
        """Height and width of the upright frames, in whose pixels prompts and masks are."""
        return self.frames.size_hw

    @property
    def object_ids(self) -> list[int]:
        """The numbers of the objects, in the order that they were added."""
        return list(self.objects)

    def __len__(self) -> int:
        """Return the number of frames; of a stream, those that came so far."""
        return len(self.frames)

    def read(self, frame: int) -> RgbImage:
        """Return a frame as uint8 RGB [H, W, 3].

        Raises:
            ImageError: there is no such frame, or it cannot be read.
        """
        return self.frames.read(frame)

    def masks_of(self, frame: int) -> TrackedFrame:
        """Return what is known of a frame by now, without following anything: a row for each object with a mask.

        Raises:
            ImageError: there is no such frame.
        """
        check_index(frame, len(self), self.name)
        masks = [mask for one in self.objects if (mask := self.tracks.get(one, frame)) is not None]
        return self.as_frame(frame, masks)

    def save(
        self, folder: str | Path, *formats: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Path]:
        """Write what was found so far, and return the files and folders.

        >>> video.save("out", "davis", "overlay", "csv")

        Args:
            folder: where they go.
            formats: names of `hqsam.video.writers.WRITERS`; by default davis, the label maps.
            progress: called after each frame with how many are done and how many there are; may raise, to stop.

        Raises:
            OptionError: there is no such format.
            MissingExtra: a format needs hqsam[video], and that is not installed.
            OutputError: a file cannot be written; no incomplete one was left.
        """
        from hqsam.video.results import VideoResults
        from hqsam.video.writers import write

        return write(VideoResults(self, progress), Path(folder), formats or ("davis",))

    def as_frame(self, index: int, masks: list[TrackedMask]) -> TrackedFrame:
        """Return masks of one frame as the result type."""
        labels = [self.objects[mask.object_id].label for mask in masks]
        return TrackedFrame.of(index, masks, labels, self.image_size_hw, self.frames.frame_name(index))
