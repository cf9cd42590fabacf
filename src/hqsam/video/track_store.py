"""The masks of a video's objects as they are found: on disk as they come, so that memory stays flat and a kill loses
none, or of the last frames alone, for a camera."""

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hqsam.errors import DataError
from hqsam.storage.journal import Journal
from hqsam.video.mask_places import MaskPlaces
from hqsam.video.tracked_frame import TrackedMask


@runtime_checkable
class TrackStore(Protocol):
    """Masks by object and frame; a later one replaces an earlier one."""

    def add(self, mask: TrackedMask) -> None:
        """Keep a mask."""
        ...

    def get(self, object_id: int, frame: int) -> TrackedMask | None:
        """Return the mask of an object in a frame, if there is one."""
        ...

    def forget(self, object_id: int) -> None:
        """Drop an object."""
        ...

    def frames_of(self, object_id: int) -> list[int]:
        """Return the frames in which an object has a mask, in order."""
        ...

    def first_in(self, object_id: int, frames: range, count: int) -> list[int]:
        """Return the first frames of a range in which an object has a mask, at most `count`."""
        ...

    def close(self) -> None:
        """Flush what was written."""
        ...


class LatestTracks:
    """Masks in memory, of the last frames alone."""

    def __init__(self, kept: int) -> None:
        """Keep the masks of the last `kept` frames."""
        self._kept = kept
        self._of_frame: dict[int, dict[int, TrackedMask]] = {}

    def add(self, mask: TrackedMask) -> None:
        """Keep a mask, and drop those of frames too long ago."""
        self._of_frame.setdefault(mask.frame, {})[mask.object_id] = mask
        oldest = max(self._of_frame) - self._kept
        for frame in [frame for frame in self._of_frame if frame <= oldest]:
            del self._of_frame[frame]

    def get(self, object_id: int, frame: int) -> TrackedMask | None:
        """Return the mask of an object in a frame, if it is kept."""
        return self._of_frame.get(frame, {}).get(object_id)

    def forget(self, object_id: int) -> None:
        """Drop an object."""
        for masks in self._of_frame.values():
            masks.pop(object_id, None)

    def frames_of(self, object_id: int) -> list[int]:
        """Return the kept frames of an object, in order."""
        return sorted(frame for frame, masks in self._of_frame.items() if object_id in masks)

    def first_in(self, object_id: int, frames: range, count: int) -> list[int]:
        """Return the first frames of a range in which an object has a mask that is kept, at most `count`."""
        kept = self.frames_of(object_id)
        return sorted((frame for frame in kept if frame in frames), reverse=frames.step < 0)[:count]

    def close(self) -> None:
        """Do nothing: there is no file."""


class TrackFile:
    """Masks in a file of JSON lines that only grows; in memory is where each of them is."""

    def __init__(self, path: Path | None = None, up_to_serial: int | None = None) -> None:
        """Open the file, or a temporary one that goes with this object.

        Args:
            path: the file, which need not exist.
            up_to_serial: cut off masks of later serials, which a killed run wrote after it last saved its state.

        Raises:
            DataError: the file is damaged.
        """
        if path is None:
            folder = tempfile.mkdtemp(prefix="hqsam-video-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = Path(folder) / "tracks.jsonl"
        self.path = path
        self._journal = Journal(path)
        weakref.finalize(self, self._journal.close)  # or each video that nobody closes would keep a file open
        self._places = MaskPlaces()
        self._end = 0
        for place, record in self._records():
            if up_to_serial is not None and record["serial"] > up_to_serial:
                os.truncate(path, place[0])
                break
            self._enter(record, place)
            self._end = sum(place)

    def add(self, mask: TrackedMask) -> None:
        """Append a mask.

        Raises:
            OutputError: it cannot be written; the file is as it was.
        """
        record = _record_of(mask)
        length = self._journal.append(record)
        self._enter(record, (self._end, length))
        self._end += length

    def get(self, object_id: int, frame: int) -> TrackedMask | None:
        """Return the mask of an object in a frame, read from the file, if there is one."""
        place = self._places.get(object_id, frame)
        if place is None:
            return None
        with self.path.open("rb") as file:
            file.seek(place[0])
            return _mask_of(json.loads(file.read(place[1])))

    def forget(self, object_id: int) -> None:
        """Drop an object; its lines stay in the file and are not found any more."""
        self._places.forget(object_id)

    def frames_of(self, object_id: int) -> list[int]:
        """Return the frames in which an object has a mask, in order."""
        return self._places.frames_of(object_id)

    def first_in(self, object_id: int, frames: range, count: int) -> list[int]:
        """Return the first frames of a range in which an object has a mask, at most `count`."""
        return self._places.first_in(object_id, frames, count)

    def close(self) -> None:
        """Flush the file to the disk and close it; adding opens it again."""
        self._journal.close()

    def _enter(self, record: dict[str, Any], place: tuple[int, int]) -> None:
        self._places.enter(record["object"], record["frame"], *place)

    def _records(self) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
        """Yield the place and content of each whole line; the last may be incomplete after a kill."""
        if not self.path.exists():
            return
        start = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    record = json.loads(line) if line.endswith(b"\n") else None
                    if record is not None:
                        _mask_of(record)
                except (ValueError, LookupError, TypeError) as error:
                    raise DataError(f"line {number} of {self.path} is damaged: {error}") from error
                if record is not None:
                    yield (start, len(line)), record
                    start += len(line)


def _record_of(mask: TrackedMask) -> dict[str, Any]:
    return {
        "object": mask.object_id,
        "frame": mask.frame,
        "status": mask.status,
        "score": mask.score,
        "reverse": mask.reverse,
        "serial": mask.serial,
        "size": mask.rle["size"],
        "counts": mask.rle["counts"],
    }


def _mask_of(record: dict[str, Any]) -> TrackedMask:
    return TrackedMask(
        object_id=record["object"],
        frame=record["frame"],
        rle={"size": record["size"], "counts": record["counts"]},
        score=record["score"],
        status=record["status"],
        reverse=record["reverse"],
        serial=record["serial"],
    )
