"""Following over HTTP: the objects of a frame into the next ones, each frame stored as it is done."""

import numpy as np
from jaxtyping import Bool

from hqsam.errors import OptionError, PromptError
from hqsam.masks.rle import area, decode
from hqsam.masks.runs import runs_from_rle
from hqsam.predict.segmenter import Segmenter
from hqsam.serving.http.schemas.sequences import Followed, FollowRequest, Lost
from hqsam.serving.scheduler.jobs import Job
from hqsam.serving.service import Service
from hqsam.serving.store.annotations import AnnotationContent, StoredAnnotation
from hqsam.serving.store.sequence_video import SequenceFrames, sequence_name
from hqsam.serving.store.sequences import Track
from hqsam.video.propagation import take_followed
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.video import Video

_KEYFRAMES_BEFORE = 3
"""Earlier keyframes of an object that it is followed by, beside its first one and the frame that it starts from."""


class Follower:
    """Follows the objects of one frame along its sequence, into the store."""

    def __init__(self, service: Service, image_id: int, request: FollowRequest) -> None:
        """Number the objects that are followed.

        Raises:
            OptionError: the server has no sequences, or the frame is the last one.
            PromptError: there is no object to follow on the frame.
        """
        if not service.settings.sequences:
            raise OptionError("this server has single images; start it with --sequence to follow objects")
        self._service, self._request = service, request
        self._sequence = service.sequences.of_image(image_id)
        self._place = self._sequence.place_of(image_id)
        self._range = _places(self._place, len(self._sequence.image_ids), request)
        found = service.sequences.number_objects(self._sequence, image_id)
        chosen = request.annotations
        self._objects = [one for one in found if chosen is None or one.row.id in chosen]
        if not self._objects:
            raise PromptError("there is no object to follow on this frame; make one, or show one that is hidden")

    def run(self, segmenter: Segmenter, job: Job) -> Followed:
        """Follow, and store the masks frame by frame as one batch.

        Raises:
            ImageError: a frame cannot be read, or is of another size; the frames before are kept.
            ClientDisconnected: the job was cancelled; likewise.
        """
        followed = Followed(batch=self._service.sequences.begin_batch(), images=[], lost=[])
        job.result = followed
        job.progress(0, len(self._range))
        video, tracks = self._open(segmenter)
        stop = None if self._request.reverse and self._range[-1] == 0 else self._range[-1] + self._range.step
        video.on_lost = lambda one, index: followed.lost.append(self._lost(tracks[one.object_id], index))
        for frame in video.track(self._place, stop, reverse=self._request.reverse):
            if frame.index == self._place:
                continue
            image_id = self._sequence.image_ids[frame.index]
            self._store(frame, image_id, tracks, job, followed)
            followed.images.append(image_id)
            job.progress(len(followed.images), len(self._range))
        return followed

    def _open(self, segmenter: Segmenter) -> tuple[Video, dict[int, StoredAnnotation]]:
        """Return the video with its objects prompted, and their annotations by the numbers that they have there."""
        name = sequence_name(self._sequence, self._service.settings.folder)
        frames = SequenceFrames(self._sequence, self._service.library, name)
        video = segmenter.open_video(frames, source=self._request.source)
        known = {one.number: one for one in self._service.sequences.tracks(self._sequence)}
        return video, {self._add(video, one, known[track_of(one)]): one for one in self._objects}

    def _add(self, video: Video, one: StoredAnnotation, track: Track) -> int:
        """Add an object by its keyframes, and return the number that it has in the video.

        A mask on the first frame that was followed there is gone on from, with those of the frames before it: so it
        does not matter in how many jobs an object is followed. Without a keyframe before, it is the prompt.
        """
        masks = {place: mask for place in self._keyframes(track) if (mask := self._mask(track, place)) is not None}
        goes_on = one.row.tracked and any(self._is_behind(place) for place in masks)
        if not goes_on:
            masks = {self._place: decode(one.content.rle), **masks}
        first, *others = masks
        number = int(video.add(frame=first, mask=masks[first], label=one.content.class_name).object_id[0])
        for place in others:
            video.correct(number, frame=place, mask=masks[place])
        if goes_on:
            for place in self._followed_before(track, video.tracker.reach):
                if (mask := self._mask(track, place)) is not None:
                    take_followed(video, video.objects[number], place, mask)
        return number

    def _mask(self, track: Track, place: int) -> Bool[np.ndarray, "height width"] | None:
        """Return the mask of an object on a frame, if it has one with pixels."""
        found = self._service.sequences.rle_of(track.number, self._sequence.image_ids[place])
        return decode(found[0]) if found is not None and area(found[0]) else None

    def _is_behind(self, place: int) -> bool:
        return (place - self._place) * self._range.step < 0

    def _followed_before(self, track: Track, count: int) -> list[int]:
        """Return the last frames that an object was followed to up to the first one, at most `count` and that."""
        places = sorted(filter(self._is_behind, track.tracked), reverse=self._request.reverse)
        return [*places[-count:], self._place]

    def _lost(self, one: StoredAnnotation, place: int) -> Lost:
        image_id = self._sequence.image_ids[place]
        return Lost(track=track_of(one), class_name=one.content.class_name, image_id=image_id)

    def _keyframes(self, track: Track) -> list[int]:
        """Return the keyframes to go by: the first and the last ones before the start, and those on the way."""
        behind = sorted(filter(self._is_behind, track.keyframes), reverse=self._request.reverse)
        on_the_way = [place for place in track.keyframes if place in self._range]
        return [*behind[:1], *behind[1:][-_KEYFRAMES_BEFORE:], *on_the_way]

    def _store(
        self, frame: TrackedFrame, image_id: int, tracks: dict[int, StoredAnnotation], job: Job, followed: Followed
    ) -> None:
        masks = []
        for row, number in enumerate(frame.object_id.tolist()):
            if frame.status[row] == "prompted":
                continue  # a keyframe, which is stored already
            one = tracks[number]
            content = None if frame.status[row] == "absent" else _content(frame, row, one, job.model)
            masks.append((track_of(one), content))
        self._service.sequences.put(image_id, followed.batch, masks)


def track_of(one: StoredAnnotation) -> int:
    """Return the number of an annotation's object along the sequence."""
    assert one.row.track is not None, "objects are numbered before they are followed"
    return one.row.track


def _places(place: int, count: int, request: FollowRequest) -> range:
    """Return the places of the frames to follow into."""
    if request.reverse:
        chosen = range(place - 1, max(place - 1 - request.frames, -1), -1)
    else:
        chosen = range(place + 1, min(place + 1 + request.frames, count))
    if not chosen:
        which = "first" if request.reverse else "last"
        raise OptionError(f"this is the {which} frame of its sequence; there is none to follow into")
    return chosen


def _content(frame: TrackedFrame, row: int, one: StoredAnnotation, model: str) -> AnnotationContent:
    rle = frame.rle[row]
    runs = runs_from_rle(rle)
    x0, y0, x1, y1 = runs.box_xyxy(frame.image_size_hw[0]).tolist()
    return AnnotationContent(
        class_name=one.content.class_name,
        rle=rle,
        box=(x0, y0, x1, y1),
        area=runs.area,
        colour=one.content.colour,
        z=one.content.z,
        model=model,
        score=float(frame.scores[row]),
        prompts=[],
        tracked=True,
    )
