"""Label Studio's videos: rectangles that an annotator drew on some frames, followed into the next ones."""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam.errors import PromptError
from hqsam.predict.segmenter import Segmenter
from hqsam.serving.http.label_studio.images import TaskImage
from hqsam.serving.http.label_studio.prompts import box_of_rectangle
from hqsam.video.frames import FrameSource, open_frames
from hqsam.video.tracked_frame import TrackedFrame

_KEPT_FILES = 4
_PERCENT = 100.0


class VideoFiles:
    """The videos of the last tasks, in a temporary folder that goes with this object."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hqsam-", ignore_cleanup_errors=True)
        self._paths: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, video: TaskImage) -> FrameSource:
        """Return a task's video, fetched unless it is one of the last ones.

        Raises:
            ImageError: it cannot be fetched, is too large, or no video.
            MissingExtra: hqsam[video] is not installed.
        """
        with self._lock:
            path = self._paths.get(video.stamp)
            if path is None:
                path = Path(self._folder.name) / video.stamp
                path.write_bytes(video.data()[0])
                self._paths[video.stamp] = path
            self._paths.move_to_end(video.stamp)
            while len(self._paths) > _KEPT_FILES:
                self._paths.popitem(last=False)[1].unlink(missing_ok=True)
            return open_frames(path)


@dataclass(frozen=True)
class VideoRegion:
    """One object as Label Studio has it: rectangles on keyframes, between which it interpolates."""

    item: Mapping[str, Any]
    """The region as it came; what comes back is the same with a longer sequence."""
    keyframes: Mapping[int, Mapping[str, Any]]
    """The rectangles by the numbers of their frames, from 0."""

    @property
    def label(self) -> str:
        """Its first label, if it has one."""
        labels = self.item["value"].get("labels")
        return str(labels[0]) if isinstance(labels, list) and labels else "object"


def read_regions(items: Iterable[Any]) -> list[VideoRegion]:
    """Return the objects of a request's `context.result`; those that are switched off on all their frames are left out.

    Raises:
        PromptError: an item is of another type, or damaged.
    """
    regions = []
    for item in items:
        try:
            if item["type"] != "videorectangle":
                raise PromptError(f"{item['type']} cannot be followed through a video; draw with a VideoRectangle tag")
            shown = [one for one in item["value"]["sequence"] if one.get("enabled", True)]
            keyframes = {int(one["frame"]) - 1: one for one in shown}
            str(item["id"]), str(item["from_name"]), str(item["to_name"])
        except PromptError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise PromptError(f"this is no rectangle of a Label Studio video: {str(item)[:200]}") from error
        if keyframes:
            regions.append(VideoRegion(item, keyframes))
    return regions


def follow_regions(
    segmenter: Segmenter, frames: FrameSource, regions: list[VideoRegion], count: int, check: Callable[[], None]
) -> list[dict[str, Any]]:
    """Return the regions with a rectangle on each of the `count` frames after the last keyframe of all.

    Args:
        segmenter: finds the objects in the rectangles, and follows them.
        frames: the video.
        regions: from `read_regions`.
        count: the number of frames.
        check: called for each frame; raises to stop.

    Raises:
        PromptError: a rectangle is damaged, or outside of the frame.
        ImageError: a keyframe is beyond the end, or a frame cannot be read.
    """
    video = segmenter.open_video(frames)
    video.on_lost = lambda one, index: None  # the answer says it
    of_number: dict[int, VideoRegion] = {}
    for region in regions:
        number = None
        for index, rectangle in sorted(region.keyframes.items()):
            box = _box(rectangle, frames.size_hw)
            if number is None:
                number = int(video.add(frame=index, box=box, label=region.label).object_id[0])
                of_number[number] = region
            else:
                video.correct(number, frame=index, box=box)
    last = max(index for region in regions for index in region.keyframes)
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in of_number}
    for frame in video.track(last, min(last + 1 + count, len(frames))):
        check()
        for number, region in of_number.items():
            if frame.index not in region.keyframes:
                _add(found[number], frame, number, _rate(region))
    return [_answer(region, found[number]) for number, region in of_number.items()]


def _box(rectangle: Mapping[str, Any], size_hw: tuple[int, int]) -> tuple[float, float, float, float]:
    try:
        return box_of_rectangle(rectangle, size_hw)
    except (LookupError, TypeError, ValueError) as error:
        raise PromptError(f"this is no rectangle of a Label Studio video: {str(rectangle)[:200]}") from error


def _add(sequence: list[dict[str, Any]], frame: TrackedFrame, number: int, rate: float | None) -> None:
    """Add a frame's rectangle; where the object is absent, the last rectangle once more, switched off from there on."""
    row = frame.object_id.tolist().index(number)
    height, width = frame.image_size_hw
    time = {} if rate is None else {"time": round(frame.index / rate, 4)}
    if frame.areas[row]:
        x0, y0, x1, y1 = frame.boxes[row].tolist()
        place = {"x": x0 / width, "y": y0 / height, "width": (x1 - x0) / width, "height": (y1 - y0) / height}
        percent = {name: round(_PERCENT * value, 4) for name, value in place.items()}
        sequence.append({"frame": frame.index + 1, "enabled": True, "rotation": 0, **percent, **time})
    elif sequence and sequence[-1]["enabled"]:
        sequence.append(sequence[-1] | {"frame": frame.index + 1, "enabled": False, **time})


def _rate(region: VideoRegion) -> float | None:
    """Return the frames a second that Label Studio counts with; None where it does not say."""
    value = region.item["value"]
    count, duration = value.get("framesCount"), value.get("duration")
    numbers = isinstance(count, int | float) and isinstance(duration, int | float)
    return count / duration if numbers and count > 0 and duration > 0 else None


def _answer(region: VideoRegion, sequence: list[dict[str, Any]]) -> dict[str, Any]:
    value = region.item["value"]
    made = {one["frame"] for one in sequence}
    kept = [one for one in value["sequence"] if one.get("frame") not in made]
    merged = sorted([*kept, *sequence], key=lambda one: one["frame"])
    return {**region.item, "value": {**value, "sequence": merged}}
