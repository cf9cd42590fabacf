"""Follow prompted objects through a stack in both directions, by the tracker of videos, and cut them where they end."""

from collections.abc import Mapping

import numpy as np

from hqsam.errors import OptionError
from hqsam.masks.rle import Rle, area
from hqsam.predict.everything import Progress
from hqsam.video.objects import VideoObject
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.video import Video
from hqsam.volumes.join_slices import ious

Masks = dict[int, tuple[Rle, float]]
"""Masks of one object and their scores, by the number of the plane."""


def follow(
    video: Video, planes: range, least_overlap: float | None, progress: Progress
) -> tuple[list[dict[int, Rle]], list[float]]:
    """Return the masks of each object by plane, and its score: the mean over its planes, by area.

    Args:
        video: the planes as a video, with prompted objects.
        planes: the planes that are looked at; prompted ones are looked at in any case.
        least_overlap: the IoU with the plane before that an object goes on with; None lets it move and come back.
        progress: called after each plane.

    Raises:
        OptionError: the overlap is not from 0 to 1.
        ImageError: a plane cannot be read.
    """
    if least_overlap is not None and not 0 <= least_overlap <= 1:
        raise OptionError(f"an overlap of {least_overlap}; give an IoU from 0 to 1, such as 0.3")
    video.on_lost = lambda one, index: None  # objects end, which is nothing to warn of
    found: dict[int, Masks] = {number: {} for number in video.objects}
    total, done = len(planes), 0
    for reverse in (False, True):
        front = _Front(video, found, least_overlap, reverse)
        stop = planes.start - 1 if reverse else planes.stop
        for frame in video.track(stop=stop, reverse=reverse):
            is_new = all(frame.index not in masks for masks in found.values())
            front.take(frame)
            done += is_new
            progress(min(done, total), total)
            if front.all_have_ended(frame.index):
                break
        front.doubt_rejected()
    progress(total, total)
    return [{plane: rle for plane, (rle, _) in sorted(masks.items())} for masks in found.values()], [
        _mean_score(masks) for masks in found.values()
    ]


class _Front:
    """The masks that objects were last seen with, going in one direction."""

    def __init__(self, video: Video, found: dict[int, Masks], least_overlap: float | None, reverse: bool) -> None:
        self._video, self._found, self._least, self._reverse = video, found, least_overlap, reverse
        self._last: dict[int, Rle | None] = {}
        """The last mask of objects that were reached; None of those that have ended."""
        self._rejected: list[tuple[int, int]] = []
        """Objects and planes whose masks were not taken."""

    def take(self, frame: TrackedFrame) -> None:
        """Keep the masks of a plane, of objects that go on there."""
        for row, number in enumerate(frame.object_id.tolist()):
            rle, status, score = frame.rle[row], frame.status[row], float(frame.scores[row])
            if status != "prompted" and not self._goes_on(number, rle, status):
                self._last[number] = None
                self._rejected.append((number, frame.index))
                continue
            self._last[number] = rle
            if area(rle):
                self._found[number][frame.index] = rle, score

    def doubt_rejected(self) -> None:
        """Let planes before a further prompt, whose masks were not taken, be followed to from that prompt as well."""
        for number, plane in self._rejected:
            one = self._video.objects[number]
            if _is_prompted_beyond(one, plane, self._reverse):
                one.doubted[plane] = self._video.serial

    def all_have_ended(self, index: int) -> bool:
        """Return True if no object goes on from a plane, and none is prompted further on."""
        if self._least is None:
            return False
        return all(
            self._last.get(number) is None and not _is_prompted_beyond(one, index, self._reverse)
            for number, one in self._video.objects.items()
        )

    def _goes_on(self, number: int, rle: Rle, status: str) -> bool:
        if self._least is None:
            return status != "absent"
        last = self._last.get(number)
        if last is None or status == "absent":
            return False
        return bool(area(rle)) and float(ious([rle], [last])[0, 0]) >= self._least


def _is_prompted_beyond(one: VideoObject, index: int, reverse: bool) -> bool:
    return any(frame < index if reverse else frame > index for frame in one.prompted)


def _mean_score(masks: Mapping[int, tuple[Rle, float]]) -> float:
    if not masks:
        return 0.0
    weights = [area(rle) for rle, _ in masks.values()]
    return round(float(np.average([score for _, score in masks.values()], weights=weights)), 4)
