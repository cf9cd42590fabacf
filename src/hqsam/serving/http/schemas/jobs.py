"""Jobs."""

from typing import Literal

from hqsam.serving.http.schemas.common import ErrorDetail, Id, Schema
from hqsam.serving.http.schemas.masks import Mask
from hqsam.serving.http.schemas.sequences import Followed


class Job(Schema):
    """Work that takes a while."""

    id: str
    kind: Literal["everything", "text", "load", "follow"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    """0 while it is not known."""
    unit: Literal["clicks", "labels", "bytes", "frames"]
    model: str
    image_id: Id | None
    error: ErrorDetail | None
    masks: list[Mask] | None
    """Result of `everything` and `text`, once it is done; not in events."""
    followed: Followed | None
    """What `follow` has done so far."""
