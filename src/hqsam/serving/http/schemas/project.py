"""The project: one database, and what its page has to remember."""

from hqsam.serving.http.schemas.common import BodyId, Id, Schema


class Project(Schema):
    """The folder, or the uploads, that a server works on."""

    id: str
    """Name of the database; the same after a restart, and in another place."""
    name: str
    open_image: Id | None
    """The image that the page had open last."""
    sequences: bool
    """The images of each folder are the frames of a video, in their order."""
    detector: str | None
    """The detector that finds objects by words; null where the server has none."""


class ProjectUpdate(Schema):
    """Fields of the project to change."""

    open_image: BodyId | None = None
