"""Where each mask of a file lies, in 12 bytes for each object and frame: a day of video still fits in memory."""

from array import array
from collections.abc import Iterable
from itertools import islice

_NOWHERE = -1


class MaskPlaces:
    """The first byte and the length of each mask's line, by object and frame."""

    def __init__(self) -> None:
        self._of_object: dict[int, tuple[array[int], array[int]]] = {}

    def enter(self, object_id: int, frame: int, start: int, length: int) -> None:
        """Enter the place of a mask, in place of an earlier one."""
        starts, lengths = self._of_object.setdefault(object_id, (array("q"), array("i")))
        missing = frame + 1 - len(starts)
        if missing > 0:
            starts.extend([_NOWHERE] * missing)
            lengths.extend([0] * missing)
        starts[frame], lengths[frame] = start, length

    def get(self, object_id: int, frame: int) -> tuple[int, int] | None:
        """Return the first byte and the length of a mask's line, if there is one."""
        starts, lengths = self._of_object.get(object_id, ((), ()))
        if not 0 <= frame < len(starts) or starts[frame] == _NOWHERE:
            return None
        return starts[frame], lengths[frame]

    def forget(self, object_id: int) -> None:
        """Drop an object."""
        self._of_object.pop(object_id, None)

    def frames_of(self, object_id: int) -> list[int]:
        """Return the frames in which an object has a mask, in order."""
        starts = self._of_object.get(object_id, ((), ()))[0]
        return [frame for frame, start in enumerate(starts) if start != _NOWHERE]

    def first_in(self, object_id: int, frames: Iterable[int], count: int) -> list[int]:
        """Return the first frames of a range in which an object has a mask, at most `count`."""
        return list(islice((frame for frame in frames if self.get(object_id, frame)), count))
