"""Annotations and their versions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from hqsam.serving.http.schemas.common import MAX_ID, Box, ClassName, Colour, Id, JsonNotes, ModelName, Rle, Schema

Score = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False, strict=True)]
ZOrder = Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)]
MaskSource = Literal["sum", "hq", "sam", "hand", "import"]


class Annotation(Schema):
    """An object of an image, in one of its versions."""

    id: Id
    key: str | None
    """The key that its client gave it."""
    image_id: Id
    class_name: str
    colour: str | None
    """Its own colour, or None for that of its class."""
    rle: Rle
    box: Box
    area: int
    visible: bool
    locked: bool
    source: str | None
    model: str | None
    score: float | None
    prompts: Any
    version: int
    """From 1; each change adds 1."""
    z: int
    """Order from back to front; of one z, newer ones are in front."""
    track: int | None
    """The object's number along a sequence, the same on all frames; null while it has none."""
    tracked: bool
    """Following made the mask from another frame's, and nobody has changed it since."""
    created: datetime
    updated: datetime


class AnnotationCreate(Schema):
    """An object to add."""

    class_name: ClassName = "object"
    colour: Colour | None = None
    rle: Rle
    visible: StrictBool = True
    locked: StrictBool = False
    source: MaskSource | None = None
    model: ModelName | None = None
    score: Score | None = None
    prompts: Annotated[JsonNotes, Field(default_factory=list)]
    """The prompts that it was made from."""
    z: ZOrder = 0
    key: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")] | None = None
    """A name that the client makes: a request repeated with the same key, after a broken connection, adds nothing; a
    deleted annotation of that key is restored with the new content."""


class AnnotationUpdate(Schema):
    """Fields of an annotation to change, and the version that the change was made from."""

    version: Annotated[int, Field(ge=1, le=MAX_ID)]
    class_name: ClassName | None = None
    colour: Colour | None = None
    rle: Rle | None = None
    visible: StrictBool | None = None
    locked: StrictBool | None = None
    source: MaskSource | None = None
    model: ModelName | None = None
    score: Score | None = None
    prompts: Annotated[JsonNotes, Field(default_factory=list)]
    z: ZOrder | None = None


class RestoreRequest(Schema):
    """The version to restore; it becomes the newest version, also of a deleted annotation."""

    version: Annotated[int, Field(ge=1, le=MAX_ID)]


class AnnotationVersion(Schema):
    """A version of an annotation."""

    action: Literal["created", "changed", "deleted", "restored"]
    at: datetime
    annotation: Annotation
