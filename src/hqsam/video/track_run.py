"""Follow objects through a video into a folder, from prompts to written results; goes on where a killed run stopped."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from hqsam import storage
from hqsam.errors import ImageError, OptionError, OutputError
from hqsam.formats.label_map import read_any
from hqsam.video.results import Progress
from hqsam.video.saved_state import STATE, TRACKS
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.video import Video
from hqsam.video.writers import WRITERS
from hqsam.video.writers.overlay import draw

Direction = Literal["forward", "reverse", "both"]
Existing = Literal["replace", "keep", "refuse"]

_SAY_WHAT = "say what to follow, with --box x0,y0,x1,y1, --point x,y or --mask FILE"
_PREVIEW = "preview.jpg"
_PREVIEW_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class TrackRun:
    """The work of `hqsam track`."""

    prompts: Sequence[Mapping[str, Any]]
    """Arguments of `Video.add` for each object; none to go on with those of the folder."""
    frame: int = 0
    """The frame that they are for."""
    start: int | None = None
    stop: int | None = None
    """Range of the frames: `start` is the first and `stop` comes after the last, in the order of following as for
    `Video.track`; of both directions, in time."""
    direction: Direction = "forward"
    every: int = 1
    formats: Sequence[str] = ("davis", "csv")
    preview: bool = False
    """Keep the picture preview.jpg of the last frame, about once a second."""

    def __call__(self, video: Video, folder: Path, progress: Progress = lambda done, total: None) -> list[Path]:
        """Add the objects, follow them and write the results; return their files and folders.

        Args:
            video: opened with the folder as its `results`, or without any for an official predictor.
            folder: where results go.
            progress: called after each frame with how many are done and how many there are.

        Raises:
            OptionError: there is nothing to follow, or the folder has a run of other prompts.
            PromptError: a prompt does not fit the frame.
            ImageError: a frame cannot be read; results of those before it are written.
            OutputError: a result cannot be written; what was found is kept.
        """
        self._add(video)
        show = self._shower(video, folder)
        try:
            for frame in self._frames(video, progress):
                show(frame)
        except ImageError:
            video.close()
            video.save(folder, *self.formats)
            raise
        video.close()
        return video.save(folder, *self.formats)

    def _add(self, video: Video) -> None:
        if not video.objects:
            if not self.prompts:
                raise OptionError(_SAY_WHAT)
            _add_all(video, self.frame, self.prompts)
        elif self.prompts and not _same_prompts(video, self.frame, self.prompts):
            raise OptionError(
                "the folder has a run with other prompts; leave the prompts out to go on with it, choose another "
                "--out, or start anew with --existing replace"
            )

    def _frames(self, video: Video, progress: Progress) -> Any:
        options = {"every": self.every}
        passes = self._passes(video)
        done, total = 0, -(-sum(_length(video, *one) for one in passes) // self.every)
        for reverse, start, stop in passes:
            for frame in video.track(start, stop, reverse=reverse, **options):
                done += 1
                progress(min(done, total), total)
                yield frame

    def _passes(self, video: Video) -> list[tuple[bool, int | None, int | None]]:
        """Return the directions that are followed, each as `reverse`, `start` and `stop` of `Video.track`."""
        if self.direction != "both":
            return [(self.direction == "reverse", self.start, self.stop)]
        first = _prompted(video)[0]
        later = self.start if self.start is not None and self.start > first else None
        return [(False, later, self.stop), (True, None, None if self.start is None else self.start - 1)]

    def _shower(self, video: Video, folder: Path) -> Callable[[TrackedFrame], None]:
        shown_at = -_PREVIEW_SECONDS

        def show(frame: TrackedFrame) -> None:
            nonlocal shown_at
            if self.preview and time.monotonic() - shown_at > _PREVIEW_SECONDS:
                shown_at = time.monotonic()
                with storage.replacing(folder / _PREVIEW) as temporary_path:
                    Image.fromarray(draw(video.read(frame.index), frame)).save(temporary_path, "JPEG", quality=85)

        return show


def _add_all(video: Video, frame: int, prompts: Sequence[Mapping[str, Any]]) -> None:
    """Add the objects, and save them together: a run that is killed before begins anew."""
    on_change, video.on_change = video.on_change, lambda now=False: None
    try:
        for prompt in prompts:
            video.add(frame=frame, **prompt)
    finally:
        video.on_change = on_change
    video.on_change(now=True)


def _prompted(video: Video) -> list[int]:
    """Return the prompted frames of all objects, in order."""
    return sorted(frame for one in video.objects.values() for frame in one.prompted)


def _length(video: Video, reverse: bool, start: int | None, stop: int | None) -> int:
    """Return about how many frames a pass follows, for the progress."""
    if reverse:
        return max(0, (_prompted(video)[-1] if start is None else start) - (-1 if stop is None else stop))
    return max(0, min(stop or len(video), len(video)) - (_prompted(video)[0] if start is None else start))


def check_prompted(prompts: Sequence[Mapping[str, Any]], folder: Path, existing: Existing) -> None:
    """Refuse a run that has nothing to follow: neither prompts nor an earlier run in its folder to go on with.

    Raises:
        OptionError: there is neither.
    """
    if not prompts and (existing == "replace" or not (folder / STATE).exists()):
        raise OptionError(_SAY_WHAT)


def prepare_folder(folder: Path, existing: Existing, *, can_go_on: bool = True) -> None:
    """Leave, refuse or remove the state of an earlier run; results of a replaced run are overwritten.

    Args:
        folder: where results go.
        existing: what is done with an earlier run.
        can_go_on: False for runs that keep no state, such as those by an official predictor.

    Raises:
        OutputError: there is one and it is refused or cannot be gone on with, or the folder cannot be written.
    """
    storage.check_folder(folder)
    there = [folder / name for name in (STATE, TRACKS) if (folder / name).exists()]
    if there and existing == "refuse":
        raise OutputError(f"{there[0]} is there already; choose another --out, or --existing replace or keep")
    if there and existing == "keep" and not can_go_on:
        raise OutputError(
            f"{there[0]} is of an earlier run, and with --compatible there is no going on; choose another --out, or "
            "start anew with --existing replace"
        )
    if there and existing == "replace":
        for path in there:
            storage.remove(path)
        _remove_pictures(folder)


def prompts_of_mask_file(path: Path) -> list[dict[str, Any]]:
    """Return a prompt for each object of a mask or label map.

    Raises:
        DataError: it cannot be read, or is no mask.
    """
    found, _ = read_any(path)
    return [{"mask": found.mask(row), "label": found.labels[row]} for row in range(len(found))]


def prompts_by_number(
    boxes: Sequence[Any], clicks: Sequence[tuple[int | None, Any, int]], *, has_mask: bool
) -> list[dict[str, Any]]:
    """Return a prompt for each of several objects.

    Args:
        boxes: x0, y0, x1, y1 of the first objects.
        clicks: the number of an object from 1, None for the only one; x, y; 1 on the object and 0 beside it.
        has_mask: a mask was given as well.

    Raises:
        OptionError: a click or a mask could belong to any of the objects, or a number is left out.
    """
    objects: dict[int, dict[str, Any]] = {number: {"box": box} for number, box in enumerate(boxes, start=1)}
    if has_mask or (len(boxes) > 1 and any(number is None for number, _, _ in clicks)):
        raise OptionError(
            f"got {len(boxes)} boxes together with clicks or a mask, which could belong to any of them; say which "
            "object a click is for, as in --point 2:x,y, and give masks by themselves"
        )
    for number, point, label in clicks:
        prompt = objects.setdefault(1 if number is None else number, {})
        prompt.setdefault("points", []).append(point)
        prompt.setdefault("labels", []).append(label)
    missing = set(range(1, max(objects) + 1)) - set(objects)
    if missing:
        raise OptionError(f"object {min(missing)} has no prompt, and object {max(objects)} has; number them from 1 on")
    return [objects[number] for number in sorted(objects)]


def labelled(prompts: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the prompts with the classes of their objects: one for all, or one for each in their order.

    Raises:
        OptionError: there are several classes, and another number of objects.
    """
    if len(labels) > 1 and len(labels) != len(prompts):
        raise OptionError(f"got {len(labels)} labels for {len(prompts)} objects; give one for all, or one for each")
    names = list(labels) * len(prompts) if len(labels) == 1 else list(labels)
    return (
        [{**prompt, "label": name} for prompt, name in zip(prompts, names, strict=True)]
        if names
        else [dict(prompt) for prompt in prompts]
    )


def _remove_pictures(folder: Path) -> None:
    """Remove the pictures of single frames of an earlier run, which may have had more of them."""
    for one in WRITERS.values():
        if not Path(one.name).suffix and (folder / one.name).is_dir():
            for file in (folder / one.name).glob("*.png"):
                storage.remove(file)


def _same_prompts(video: Video, frame: int, prompts: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if a video's objects, in their order, have just these prompts."""
    there = list(video.objects.values())
    if len(there) != len(prompts) or any(list(one.prompted) != [frame] for one in there):
        return False
    return all(
        one.label == prompt.get("label", "object") and _same(one.prompted[frame].prompt, prompt)
        for one, prompt in zip(there, prompts, strict=True)
    )


def _same(saved: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    wanted = {name: value for name, value in given.items() if value is not None and name != "label"}
    return set(saved) == set(wanted) and all(
        np.array_equal(np.asarray(saved[name], float), np.asarray(wanted[name], float)) for name in wanted
    )
