"""Annotations: every change is a transaction, every version is kept."""

from typing import Annotated

from fastapi import Body, Query

from hqsam.serving.http.converters import to_annotation, to_annotation_version, to_changes, to_content
from hqsam.serving.http.dependencies import AnnotationId, ImageId, ServiceDep, router
from hqsam.serving.http.schemas import annotations as schemas
from hqsam.serving.http.schemas.common import Id

routes = router("annotations")
_MAX_AT_ONCE = 2000


@routes.get("/images/{image_id}/annotations")
def list_annotations(image_id: ImageId, service: ServiceDep) -> list[schemas.Annotation]:
    """Return the annotations of one image from back to front: by `z`, then oldest first."""
    service.images.get(image_id)
    return [to_annotation(one) for one in service.annotations.of_image(image_id)]


@routes.post("/images/{image_id}/annotations", status_code=201)
def add_annotations(
    image_id: ImageId,
    new: schemas.AnnotationCreate
    | Annotated[list[schemas.AnnotationCreate], Body(min_length=1, max_length=_MAX_AT_ONCE)],
    service: ServiceDep,
) -> schemas.Annotation | list[schemas.Annotation]:
    """Add an object, or several: all of them or, if one is not valid, none."""
    size_hw = service.library.get(image_id).size_hw
    several = new if isinstance(new, list) else [new]
    stored = service.annotations.add(image_id, [(one.key, to_content(one, size_hw)) for one in several])
    added = [to_annotation(one) for one in stored]
    return added if isinstance(new, list) else added[0]


@routes.get("/annotations/{annotation_id}")
def get_annotation(annotation_id: AnnotationId, service: ServiceDep) -> schemas.Annotation:
    """Return the newest version of an annotation."""
    return to_annotation(service.annotations.get(annotation_id))


@routes.patch("/annotations/{annotation_id}")
def change_annotation(
    annotation_id: AnnotationId, change: schemas.AnnotationUpdate, service: ServiceDep
) -> schemas.Annotation:
    """Add a version; 409 if the one that it was made from is not the newest."""
    height, width = service.annotations.get(annotation_id).content.rle["size"]
    return to_annotation(
        service.annotations.change(annotation_id, change.version, **to_changes(change, (height, width)))
    )


@routes.delete("/annotations/{annotation_id}", status_code=204)
def delete_annotation(
    annotation_id: AnnotationId, service: ServiceDep, version: Annotated[Id | None, Query()] = None
) -> None:
    """Take an annotation off the list; with `version`, 409 if that is not the newest. Its history stays."""
    service.annotations.delete(annotation_id, version)


@routes.get("/annotations/{annotation_id}/history")
def annotation_history(annotation_id: AnnotationId, service: ServiceDep) -> list[schemas.AnnotationVersion]:
    """Return every version, oldest first, also of an annotation that was deleted."""
    row, versions = service.annotations.history(annotation_id)
    return [to_annotation_version(row, past) for past in versions]


@routes.post("/annotations/{annotation_id}/restore")
def restore_annotation(
    annotation_id: AnnotationId, back: schemas.RestoreRequest, service: ServiceDep
) -> schemas.Annotation:
    """Make an earlier version the newest; this also brings back a deleted annotation."""
    return to_annotation(service.annotations.restore(annotation_id, back.version))
