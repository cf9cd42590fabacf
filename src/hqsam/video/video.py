"""An open video: objects are added, corrected and followed through its frames.

Frames are decoded and encoded when they are needed, once for all objects. Masks are written as they are found, so that
memory does not grow with the video. What is prompted stays as it was prompted, and masks that are made already are
kept until a prompt that they should follow changes.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Bool

from hqsam.errors import ImageError, OptionError, PromptError
from hqsam.masks.rle import decode, encode
from hqsam.video.frame_cache import FrameCache
from hqsam.video.frames import FrameSource, check_index
from hqsam.video.frames.live import LiveFrames
from hqsam.video.objects import PromptedFrame, VideoObject, merged_prompt
from hqsam.video.propagation import follow_frame, frames_to_visit, memory_for_prompt, remember
from hqsam.video.track_store import TrackStore
from hqsam.video.tracked_frame import TrackedFrame, TrackedMask
from hqsam.video.tracked_video import TrackedVideo
from hqsam.video.trackers import Answer, Memory, Tracker

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
else:
    ArrayLike: TypeAlias = Any  # whatever comes is looked at, and what does not fit is refused in our own words


class Video(TrackedVideo):
    """A video whose objects are followed. Made by `segmenter.open_video`; not for several threads at a time."""

    def __init__(self, frames: FrameSource, tracker: Tracker, tracks: TrackStore, max_memory: int) -> None:
        super().__init__(frames, tracks)
        self.tracker = tracker
        self.cache = FrameCache(frames, tracker, max_memory)
        self.serial = 0
        """The number of masks and prompts so far."""
        self.on_change: Callable[..., None] = lambda now=False: None
        """Called after each frame and prompt, to save the state; with `now=True` it has to be saved at once."""
        self.on_lost: Callable[[VideoObject, int], None] | None = None
        """Called with an object and the number of the first frame on which it is not seen; None warns."""
        self.next_id = 1
        """The number of the object that is added next; numbers are not used again."""
        self._last: int | None = None

    def __repr__(self) -> str:
        height, width = self.image_size_hw
        return (
            f"Video({self.name}: {len(self)} frames of {width} x {height}, {len(self.objects)} objects, "
            f"{self.tracker.name})"
        )

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def about(self) -> str:
        """A sentence on the way that objects are followed."""
        return self.tracker.about

    def add(
        self,
        *,
        frame: int | None = None,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        label: str = "object",
    ) -> TrackedFrame:
        """Add an object by a prompt on one frame, and return its mask there. Objects may be added at any time.

        >>> cup = video.add(frame=0, box=(306, 132, 925, 893))

        Args:
            frame: the frame's number, from 0; by default the first, in a stream the last that came.
            points: clicks x, y [K, 2] in the pixels of the upright frame.
            labels: 1 for clicks on the object, 0 for clicks beside it; [K]. By default all are on it.
            box: x0, y0, x1, y1.
            mask: a bool mask [H, W]: alone it is taken as it is, with clicks or a box it is refined.
            label: the object's class.

        Returns:
            The frame with one row, whose `object_id` is the new object's.

        Raises:
            PromptError: the prompt is empty or does not fit the frame.
            ImageError: there is no such frame, or it cannot be read.
        """
        index = self._frame_for_prompt(frame)
        one = VideoObject(self.next_id, label)
        answer = self._prompt(one, index, {"points": points, "labels": labels, "box": box, "mask": mask})
        self.objects[one.object_id] = one
        self.next_id += 1
        self.on_change()
        return answer

    def correct(
        self,
        which: TrackedFrame | int,
        *,
        frame: int | None = None,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> TrackedFrame:
        """Correct an object on a frame, and return its mask there. It is kept, and the next `track` follows it.

        Clicks refine the mask that the object has on this frame, and add to earlier clicks on it.

        >>> video.correct(cup, frame=40, points=[(610, 400)], labels=[0])

        Args:
            which: what `add` returned, or the object's number.
            frame: the frame's number; by default as for `add`.
            points: as for `add`, like `labels`, `box` and `mask`.

        Raises:
            PromptError: there is no such object, or the prompt does not fit the frame.
            ImageError: there is no such frame, or it cannot be read.
        """
        one = self._object(which)
        given = {"points": points, "labels": labels, "box": box, "mask": mask}
        answer = self._prompt(one, self._frame_for_prompt(frame), given)
        self.on_change()
        return answer

    def remove(self, which: TrackedFrame | int) -> None:
        """Remove an object and its masks, also while it is being followed.

        Raises:
            PromptError: there is no such object.
        """
        one = self._object(which)
        del self.objects[one.object_id]
        self.tracks.forget(one.object_id)
        self.on_change()

    def track(
        self, start: int | None = None, stop: int | None = None, *, reverse: bool = False, every: int = 1
    ) -> Iterator[TrackedFrame]:
        """Follow all objects, and yield the masks of frame after frame. Close the iterator to stop.

        Masks that are made already are yielded as they are; so after a correction only what follows it is made anew.
        An object has rows from its first prompted frame on. Where it is absent, its mask is empty.

        >>> for frame in video.track():
        ...     frame.index, frame.masks, frame.object_id, frame.scores

        Args:
            start: the first frame; by default the first prompted one, in reverse the last prompted one.
            stop: the frame before which it ends, as in `range`; by default all are followed.
            reverse: go against time.
            every: look at each N-th frame alone, and at the prompted ones.

        Raises:
            PromptError: no object was added.
            ImageError: there is no such frame, or one cannot be read; the frames before are kept.
            OptionError: `every` is below 1.
            OutputError: masks cannot be written; those before are kept.
        """
        if not self.objects:
            raise PromptError("there is no object to follow; add one with video.add(frame=0, box=(x0, y0, x1, y1))")
        if every < 1:
            raise OptionError(f"every is {every}; give 1 for all frames, or more to leave frames out")
        if start is not None:
            check_index(start, len(self), self.name)
        return self._follow(start, stop, reverse, every)

    def push(self, image: Any) -> TrackedFrame:
        """Take the next frame of a stream, follow all objects into it, and return their masks.

        Args:
            image: an array [H, W, 3] of uint8 RGB, or anything else that `segmenter.open` takes.

        Raises:
            ImageError: it is no image, or of another size than the frames before; the stream is as it was.
            OptionError: the video is a file or a folder, whose frames are there already.
        """
        if not isinstance(self.frames, LiveFrames):
            raise OptionError(
                f"frames are pushed to a stream, and {self.name} has its own; use segmenter.open_stream()"
            )
        index = self.frames.push(image)
        before, self._last = self._last, index
        return follow_frame(self, index, before, reverse=False)

    def close(self) -> None:
        """Flush what was written, and close the file."""
        self.on_change(now=True)
        self.tracks.close()
        close = getattr(self.frames, "close", None)
        if close is not None:
            close()

    def keep(self, one: VideoObject, index: int, answer: Answer, status: Any, reverse: bool = False) -> TrackedMask:
        """Write the mask of an object in a frame."""
        self.serial += 1
        score = round(answer.score, 6) if answer.present else 0.0  # as it is written
        mask = TrackedMask(one.object_id, index, encode(answer.mask), score, status, reverse, self.serial)
        self.tracks.add(mask)
        return mask

    def _follow(self, start: int | None, stop: int | None, reverse: bool, every: int) -> Iterator[TrackedFrame]:
        before = None
        try:
            for index in frames_to_visit(self, start, stop, reverse, every):
                if not self.objects:
                    return
                frame = follow_frame(self, index, before, reverse=reverse)
                before = index
                self.on_change()
                yield frame
        finally:
            self.on_change(now=True)

    def _prompt(self, one: VideoObject, index: int, given: dict[str, Any]) -> TrackedFrame:
        frame = self.cache.encoded(index)
        prompted = one.prompted.get(index)
        prompt = merged_prompt(prompted.prompt if prompted else None, given)
        memory = memory_for_prompt(self, one, index)
        if (given_mask := self._given_mask(prompt)) is not None:
            answer = self.tracker.given(frame, given_mask)
        else:
            answer = self.tracker.answer(frame, prompt, self._earlier(one, index), memory)
        self.serial += 1
        one.prompted[index] = PromptedFrame(prompt, answer, self.serial, memory is not None)
        self._remember(one, index, answer, memory)
        mask = self.keep(one, index, answer, "prompted")
        labels = [one.label]
        return TrackedFrame.of(index, [mask], labels, self.image_size_hw, self.frames.frame_name(index))

    def _remember(self, one: VideoObject, index: int, answer: Answer, memory: Memory | None) -> None:
        """Add a prompted frame to the memory of the frames before it, or to one that reaches just up to it; otherwise
        the memory is built when it is needed."""
        there = self.tracks.get(one.object_id, index)
        if memory is not None:
            one.memory = remember(self, index, answer, memory, prompted=True)
            one.at = index, there is not None and there.reverse
        elif one.memory is None or (one.at is not None and one.at[0] == index):
            one.memory = remember(self, index, answer, one.memory, prompted=True)
            one.at = one.at or (index, False)
        else:
            one.at = None

    def _given_mask(self, prompt: dict[str, Any]) -> Bool[np.ndarray, "height width"] | None:
        """Return the mask, where one of the frame is all that was given."""
        mask = prompt.get("mask")
        if set(prompt) != {"mask"} or not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            return None
        if mask.shape != self.image_size_hw or not mask.any():
            said = "is empty" if mask.shape == self.image_size_hw else f"has the shape {mask.shape}"
            raise PromptError(
                f"mask {said}; expected [H, W] of the frame, here {list(self.image_size_hw)}, with pixels"
            )
        return mask

    def _earlier(self, one: VideoObject, index: int) -> Answer | None:
        if index in one.prompted:
            return one.prompted[index].answer
        tracked = self.tracks.get(one.object_id, index)
        if tracked is None:
            return None
        return Answer(decode(tracked.rle), tracked.score, tracked.status != "absent")

    def _frame_for_prompt(self, frame: int | None) -> int:
        if not len(self):
            raise ImageError("the stream has no frame yet; push one, and then say what to follow in it")
        live = isinstance(self.frames, LiveFrames)
        index = frame if frame is not None else len(self) - 1 if live else 0
        check_index(index, len(self), self.name)
        return index

    def _object(self, which: TrackedFrame | int) -> VideoObject:
        if isinstance(which, TrackedFrame) and len(which) != 1:
            raise PromptError(f"{len(which)} objects were given; name one, as in frame[0]")
        number = int(which.object_id[0]) if isinstance(which, TrackedFrame) else which
        if number not in self.objects:
            there = ", ".join(map(str, self.objects)) or "none"
            raise PromptError(f"there is no object {number}, or it was removed; objects are: {there}")
        return self.objects[number]
