"""A sequence as the library's videos are: frames that are read from the folder, masks from the database."""

from pathlib import Path, PurePosixPath

from hqsam.images.reading import read_image
from hqsam.serving.store.image_library import ImageLibrary
from hqsam.serving.store.sequences import ImageSequence, SequenceTable
from hqsam.video.frames import RgbImage, check_index, check_size
from hqsam.video.objects import VideoObject
from hqsam.video.tracked_frame import TrackedMask
from hqsam.video.tracked_video import TrackedVideo


class SequenceFrames:
    """The frames of a sequence."""

    def __init__(self, sequence: ImageSequence, library: ImageLibrary, name: str) -> None:
        """Take the sequence; `name` is what its results are called.

        Raises:
            ImageError: its first frame cannot be read.
        """
        self.name, self._ids, self._library = name, sequence.image_ids, library
        self.size_hw = library.get(self._ids[0]).size_hw

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, index: int) -> RgbImage:
        """Return a frame.

        Raises:
            FileGoneError: its file is gone.
            ImageError: it cannot be read, or is of another size than the first.
        """
        check_index(index, len(self), self.name)
        image = self._library.get(self._ids[index])
        return check_size(read_image(image.path, self._library.max_pixels), self.size_hw, image.name)

    def frame_name(self, index: int) -> str:
        """Return the name of the frame's file."""
        return PurePosixPath(self._library.name_of(self._ids[index])).name

    def seconds(self, index: int) -> float | None:
        """Return None: images have no time."""
        return None


class SequenceTracks:
    """The annotations of a sequence, read as they are asked for."""

    def __init__(self, sequence: ImageSequence, table: SequenceTable) -> None:
        self._ids, self._table = sequence.image_ids, table
        self._frames = {one.number: (set(one.keyframes), set(one.tracked)) for one in table.tracks(sequence)}

    def add(self, mask: TrackedMask) -> None:
        """Refuse: annotations are changed in their own ways."""
        raise NotImplementedError

    def get(self, object_id: int, frame: int) -> TrackedMask | None:
        """Return the mask of an object in a frame, if there is one."""
        keyframes, tracked = self._frames[object_id]
        if frame not in keyframes and frame not in tracked:
            return None
        found = self._table.rle_of(object_id, self._ids[frame])
        status = "prompted" if frame in keyframes else "tracked"
        return None if found is None else TrackedMask(object_id, frame, found[0], found[1] or 1.0, status)

    def forget(self, object_id: int) -> None:
        """Drop an object from what is shown here."""
        del self._frames[object_id]

    def frames_of(self, object_id: int) -> list[int]:
        """Return the frames in which an object has a mask, in order."""
        return sorted(set.union(*self._frames[object_id]))

    def first_in(self, object_id: int, frames: range, count: int) -> list[int]:
        """Return the first frames of a range in which an object has a mask, at most `count`."""
        known = set.union(*self._frames[object_id])
        return [frame for frame in frames if frame in known][:count]

    def close(self) -> None:
        """Do nothing: the database stays open."""


def tracked_video(sequence: ImageSequence, table: SequenceTable, library: ImageLibrary, name: str) -> TrackedVideo:
    """Return the objects of a sequence and their masks, for the writers of videos.

    Raises:
        ImageError: the first frame cannot be read.
    """
    video = TrackedVideo(SequenceFrames(sequence, library, name), SequenceTracks(sequence, table))
    video.objects = {one.number: VideoObject(one.number, one.class_name) for one in table.tracks(sequence)}
    return video


def sequence_name(sequence: ImageSequence, folder: Path | None) -> str:
    """Return what results of a sequence are called: its folder's name."""
    return PurePosixPath(sequence.name).name or (folder.resolve().name if folder else "video")
