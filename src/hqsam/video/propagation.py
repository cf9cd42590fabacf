"""One frame of following: which objects are due in it, from what, and what they are told when one is lost."""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from hqsam.errors import ImageWarning
from hqsam.masks.rle import decode
from hqsam.video.frames.live import LiveFrames
from hqsam.video.objects import VideoObject
from hqsam.video.tracked_frame import TrackedFrame, TrackedMask
from hqsam.video.trackers import Answer, Memory

if TYPE_CHECKING:
    from hqsam.video.video import Video


def frames_to_visit(video: "Video", start: int | None, stop: int | None, reverse: bool, every: int) -> Iterator[int]:
    """Yield the numbers of frames in the order of following: each `every`-th, and the prompted ones.

    Prompts that come while the frames are followed are seen.
    """
    prompted = [frame for one in video.objects.values() for frame in one.prompted]
    index = start if start is not None else (max if reverse else min)(prompted)
    end = stop if stop is not None else (-1 if reverse else len(video))
    grid = index
    while index > end if reverse else index < min(end, len(video)):
        yield index
        grid += 0 if grid != index else -every if reverse else every
        between = [
            frame
            for one in video.objects.values()
            for frame in one.prompted
            if (grid < frame < index if reverse else index < frame < grid)
        ]
        index = (max(between) if reverse else min(between)) if between else grid


def follow_frame(video: "Video", index: int, before: int | None, *, reverse: bool) -> TrackedFrame:
    """Return the masks of a frame: prompted, made already, or followed from the frame before.

    Args:
        video: the video, whose objects' memories are brought up to this frame.
        index: the frame's number.
        before: the frame that was visited before this one; None at the start.
        reverse: go against time.
    """
    found: dict[int, TrackedMask] = {}
    due: list[VideoObject] = []
    for one in list(video.objects.values()):
        if not one.is_reached(index, reverse):
            continue
        there = video.tracks.get(one.object_id, index)
        if index in one.prompted or (there and not one.is_outdated(index, reverse, there.serial)):
            assert there is not None, "a prompted frame has a mask"
            found[one.object_id] = there
            _remember_prompted(video, one, index, before, reverse)
        else:
            due.append(one)
    if due:
        found |= _followed(video, due, index, before, reverse)
    masks = [found[number] for number in video.objects if number in found]
    return video.as_frame(index, masks)


def _followed(
    video: "Video", due: list[VideoObject], index: int, before: int | None, reverse: bool
) -> dict[int, TrackedMask]:
    for one in due:
        if one.memory is None or one.at is None or one.at != (before, reverse):
            _rebuild_memory(video, one, index, reverse)
    frame = video.cache.encoded(index)
    memories = [one.memory for one in due if one.memory is not None]
    steps = video.tracker.step(frame, memories, reverse=reverse)
    found = {}
    for one, (answer, memory) in zip(due, steps, strict=True):
        was_there = _was_present(video, one, before)
        status = "tracked" if answer.present else "absent"
        found[one.object_id] = video.keep(one, index, answer, status, reverse)
        one.memory, one.at = memory, (index, reverse)
        if was_there and not answer.present:
            (video.on_lost or partial(_warn_of_lost, video))(one, index)
    return found


def _remember_prompted(video: "Video", one: VideoObject, index: int, before: int | None, reverse: bool) -> None:
    """Add a prompted frame to a memory that reaches up to it; another memory is built when it is needed."""
    if index in one.prompted and one.memory is not None and before is not None and one.at == (before, reverse):
        answer = one.prompted[index].answer
        one.memory = remember(video, index, answer, one.memory, prompted=True)
        one.at = index, reverse


def remember(video: "Video", index: int, answer: Answer, memory: Memory | None, *, prompted: bool) -> Memory:
    """Return a memory with a frame in it, which is encoded if need be."""
    return video.tracker.remember(lambda: video.cache.encoded(index), index, answer, memory, prompted=prompted)


def take_followed(video: "Video", one: VideoObject, index: int, mask: Bool[np.ndarray, "height width"]) -> None:
    """Take a mask to which an object was followed earlier, in another run, as if it had been followed in this one.

    Prompts that it followed have to be given before.
    """
    video.keep(one, index, Answer(mask, 1.0), "tracked")


def memory_for_prompt(video: "Video", one: VideoObject, index: int) -> Memory | None:
    """Return the memory by which a prompt on a frame is answered.

    None where the object was not followed to this frame: what is prompted there begins anew. So it is with trackers
    that answer prompts by the frame alone.
    """
    there = video.tracks.get(one.object_id, index)
    if not video.tracker.recalls or there is None or not one.is_recalled(index, there.status):
        return None
    if one.memory is not None and one.at is not None and one.at[1] == there.reverse:
        known = video.tracker.before(one.memory, index, there.reverse)
        if known is not None:
            return known
    return _built_memory(video, one, index, there.reverse)


def _rebuild_memory(video: "Video", one: VideoObject, index: int, reverse: bool) -> None:
    """Build the memory before a frame from the prompted frames, and from the last masks that were followed."""
    one.memory = _built_memory(video, one, index, reverse)


def _built_memory(video: "Video", one: VideoObject, index: int, reverse: bool) -> Memory | None:
    behind = sorted((frame for frame in one.prompted if (frame > index if reverse else frame < index)), reverse=reverse)
    if not behind:
        return None
    frames = {frame: True for frame in behind if _can_remember(video, one, frame) or frame == behind[-1]}
    end = behind[0] if video.tracker.recalls else behind[-1]
    back = range(index + 1, end) if reverse else range(index - 1, end, -1)
    for frame in video.tracks.first_in(one.object_id, back, video.tracker.reach):
        frames.setdefault(frame, False)
    memory = None
    for frame in sorted(frames, reverse=reverse):
        if frames[frame]:
            memory = remember(video, frame, one.prompted[frame].answer, memory, prompted=True)
            continue
        mask = video.tracks.get(one.object_id, frame)
        assert mask is not None
        if not one.is_outdated(frame, reverse, mask.serial):
            answer = Answer(decode(mask.rle), mask.score, mask.status != "absent")
            memory = remember(video, frame, answer, memory, prompted=False)
    return memory


def _can_remember(video: "Video", one: VideoObject, frame: int) -> bool:
    """Return False for a prompted frame of a stream that is no longer held, and of which no tensors tell."""
    held = not isinstance(video.frames, LiveFrames) or video.frames.is_held(frame)
    return held or bool(one.prompted[frame].answer.tensors)


def _was_present(video: "Video", one: VideoObject, before: int | None) -> bool:
    mask = None if before is None else video.tracks.get(one.object_id, before)
    return mask is not None and mask.status != "absent"


def _warn_of_lost(video: "Video", one: VideoObject, index: int) -> None:
    warnings.warn(
        ImageWarning(
            f"object {one.object_id} ({one.label}) is not seen from frame {index} of {video.name} on; if it is there, "
            f"correct it on that frame",
            kind="lost object",
        ),
        stacklevel=4,
    )
