"""Jobs."""

from typing import Literal

from hqsam.serving.http.schemas.common import ErrorDetail, Id, Schema
from hqsam.serving.http.schemas.masks import Mask


class Job(Schema):
    """Work that takes a while."""

    id: str
    kind: Literal["everything", "load"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    """0 while it is not known."""
    unit: Literal["clicks", "bytes"]
    model: str
    image_id: Id | None
    error: ErrorDetail | None
    masks: list[Mask] | None
    """Result of `everything`, once it is done; not in events."""
