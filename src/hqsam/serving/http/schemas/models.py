"""Health and models."""

from typing import Literal

from hqsam.serving.http.schemas.common import Schema, SourceName


class Health(Schema):
    """The state and version of the server."""

    status: Literal["ok"]
    version: str
    default_model: str


class Model(Schema):
    """A model that the server can run."""

    name: str
    origin: str
    licence: str
    notice: str
    bytes: int
    """Size of the download, or of the bundled file."""
    bundled: bool
    installed: bool
    """It is on this machine and can be opened at once."""
    loaded: bool
    """It is in memory."""
    default: bool
    """It is used where a request names no model."""
    sources: list[SourceName]
    """Sources of masks that it has, its default first."""
    image_size: int
    """Pixels on the side of the square that it sees."""
