"""Import."""

from hqsam.serving.http.schemas.common import Id, Schema


class ImportResult(Schema):
    """The outcome of an import."""

    annotations: int
    """How many were added."""
    images: list[Id]
    """Images that got some."""
    unmatched: list[str]
    """Images of the file that are not here, or are of another size."""
