"""The project that the server works on."""

from pathlib import PurePath
from typing import Any
from uuid import uuid4

from hqsam.serving.http.dependencies import ServiceDep, router
from hqsam.serving.http.schemas.project import Project, ProjectUpdate
from hqsam.serving.store.errors import NotFoundError

routes = router("project")


@routes.get("/project")
def get_project(service: ServiceDep) -> Project:
    """Return the project, and the image that the page had open last."""
    folder = service.settings.folder
    number = service.database.metadata("open_image")
    try:
        image = service.images.get(int(number)).id if number else None
    except NotFoundError:
        image = None
    return Project(
        id=service.database.metadata("project", uuid4().hex),
        name="uploads" if folder is None else folder.resolve().name,
        open_image=image,
        sequences=service.settings.sequences,
        detector=None if service.detector is None else _name_of(service.settings.detector),
    )


@routes.patch("/project")
def change_project(change: ProjectUpdate, service: ServiceDep) -> Project:
    """Remember the image that the page has open."""
    if "open_image" in change.model_fields_set:
        image = change.open_image
        service.database.set_metadata("open_image", "" if image is None else str(service.images.get(image).id))
    return get_project(service)


def _name_of(detector: Any) -> str:
    """Return the name of a folder or repo, without the path that only the server knows."""
    return PurePath(detector).name if isinstance(detector, str | PurePath) else type(detector).__name__
