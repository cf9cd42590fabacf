"""Sequences: frames, objects along them, and following."""

from typing import Annotated, Literal

from pydantic import Field

from hqsam.serving.http.schemas.common import BodyId, Id, ModelName, Schema, SourceName

TrackNumber = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class Track(Schema):
    """An object along a sequence. Places count the frames from 0."""

    track: int
    class_name: str
    keyframes: list[int]
    """Places of frames with a mask that was drawn or corrected by hand; following keeps these and goes by them."""
    tracked: list[int]
    """Places of frames with a mask that was followed."""


class Sequence(Schema):
    """The images of one folder as the frames of a video."""

    name: str
    """The folder's path; empty for the folder that is served."""
    place: int
    """The place of the image that was asked for, from 0."""
    images: list[Id]
    """Numbers of the frames, in order."""
    tracks: list[Track]


class FollowRequest(Schema):
    """Follow the objects of a frame into the next ones."""

    frames: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 20
    """The number of frames; fewer are left at the end of the sequence."""
    reverse: Annotated[bool, Field(strict=True)] = False
    """Into the frames before it."""
    annotations: Annotated[list[BodyId], Field(min_length=1, max_length=500)] | None = None
    """Numbers of the annotations to follow; all visible ones if it is left out."""
    model: ModelName | None = None
    source: SourceName | None = None


class Lost(Schema):
    """An object that was not found again from some frame on."""

    track: int
    class_name: str
    image_id: Id
    """The first frame on which it is absent."""


class Followed(Schema):
    """What following has done."""

    batch: Id
    """Number to undo it by."""
    images: list[Id]
    """Frames that were looked at, in the order of following."""
    lost: list[Lost]


class TrackUpdate(Schema):
    """The object of the sequence that an annotation is."""

    track: TrackNumber


SequenceFormat = Literal["davis", "ytvis", "coco", "csv", "overlay", "cutout", "cutout_png"]
