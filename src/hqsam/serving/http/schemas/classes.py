"""Classes of objects, and counts of them."""

from typing import Annotated

from pydantic import Field

from hqsam.serving.http.schemas.common import ClassName, Colour, Id, Schema
from hqsam.serving.http.schemas.images import StatusCounts

Key = Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[!-~]$", examples=["1"])]
Number = Annotated[int, Field(ge=1, le=65_535, strict=True)]


class ObjectClass(Schema):
    """A class of the project."""

    number: int
    """From 1, and never given to another class: COCO's category id, the value in semantic maps, YOLO's id + 1."""
    name: str
    colour: str
    key: str | None
    """The key on the keyboard that chooses it."""
    annotation_count: int


class ClassEntry(Schema):
    """A class to put into the list; what is left out stays as it is, or is chosen for a new name."""

    name: ClassName
    colour: Colour | None = None
    key: Key | None = None
    number: Number | None = None


class ClassUpdate(Schema):
    """Fields of a class to change; a new name is given to all its annotations."""

    name: ClassName | None = None
    colour: Colour | None = None
    key: Key | None = None


class MergeRequest(Schema):
    """The class that takes over the annotations."""

    into: Number


class ClassChange(Schema):
    """The list of classes after a change."""

    classes: list[ObjectClass]
    changed: int
    """Annotations that were changed."""
    batch: Id
    """Number to undo it by."""


class UndoResult(Schema):
    """The outcome of taking back a batch."""

    batch: Id
    """The undo itself; to take it back is to redo."""
    undone: int
    """Annotations that are as they were before."""
    skipped: int
    """Annotations that were changed since, and left alone."""
    images: list[Id]
    """Images of the annotations that were changed."""


class ClassStatistics(Schema):
    """Counts of one class."""

    number: int
    name: str
    colour: str
    images: int
    annotations: int


class Statistics(Schema):
    """Counts of the whole project."""

    images: StatusCounts
    annotations: int
    classes: list[ClassStatistics]
