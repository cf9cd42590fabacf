"""Images: their list, and opening one."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hqsam.serving.http.schemas.common import Id, ModelName, Schema
from hqsam.serving.store.images import Status


class Image(Schema):
    """An image to annotate."""

    id: Id
    name: str
    """The path below the folder, with / between its parts; of an upload, the name that it came with."""
    width: int
    height: int
    """Upright, in pixels; 0 if the image cannot be read."""
    status: Status
    note: str
    annotation_count: int
    class_counts: dict[str, int]
    """Number of annotations of each class."""
    source: Literal["upload", "folder"]
    problem: str | None
    """Why it cannot be opened: it is gone from the folder, damaged, or too large."""
    added: datetime
    updated: datetime
    """Time of the last change of its status, note or annotations."""


class StatusCounts(Schema):
    """Number of images of each status, of all images."""

    todo: int
    done: int
    to_review: int
    rejected: int


class ImageList(Schema):
    """A page of the list of images."""

    total: int
    """Number of images that were asked for, on all pages."""
    done: int
    """Number of all images that are done; the same as in `counts`."""
    counts: StatusCounts
    images: list[Image]


class ImagePlace(Schema):
    """The place of an image in a list."""

    place: int | None
    """From 0, as `offset` counts; null if the image is not in the list."""
    total: int


class ImageUpdate(Schema):
    """Fields of an image to change."""

    status: Status | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None


class OpenRequest(Schema):
    """The model that is to encode the image; the default one if it is not named."""

    model: ModelName | None = None


class OpenResponse(Schema):
    """The image is encoded; prompts are quick now."""

    state: Literal["ready"]
    model: str
    seconds: float
    found_in: Literal["memory", "disk", "encoder"]
    """Place that the features came from: `encoder` means that they were computed now."""
