"""Import, and copies."""

from typing import Annotated

from pydantic import Field

from hqsam.serving.http.schemas.common import BodyId, Id, Schema


class LeftOut(Schema):
    """Entries of a file that could not be taken, for one reason."""

    reason: str
    count: int
    examples: list[str]
    """The ids, or other names, of the first of them."""


class ImportResult(Schema):
    """The outcome of an import."""

    batch: Id | None
    """Number to undo it by; null if nothing was added."""
    annotations: int
    """Annotations that were added."""
    duplicates: int
    """Masks that were there already, and were left out."""
    images: list[Id]
    """Images that got some."""
    unmatched: list[str]
    """Images of the file that are not here, are of another size, or have the name of several that are here."""
    left_out: list[LeftOut]
    """Further entries that could not be taken."""


class CopyRequest(Schema):
    """The annotations to copy."""

    from_image: BodyId
    annotations: Annotated[list[BodyId], Field(max_length=2000)] | None = None
    """Numbers of annotations; all of the image if it is left out."""


class CopyResult(Schema):
    """The outcome of a copy."""

    batch: Id
    """Number to undo it by."""
    annotations: int
    """Annotations that were added."""
    duplicates: int
    """Masks that were there already, and were left out."""
