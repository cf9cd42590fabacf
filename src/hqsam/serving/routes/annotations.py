"""Annotations and classes: every change a transaction, every version kept."""

from typing import Annotated

from fastapi import Body, Query

from hqsam.serving import schemas
from hqsam.serving.routes import AnnotationId, ImageId, Parts, router
from hqsam.serving.wire import annotation_view, changes_of, content_of, past_view, size_of

routes = router("annotations")
_MOST_AT_ONCE = 2000


@routes.get("/images/{image_id}/annotations")
def list_annotations(image_id: ImageId, parts: Parts) -> list[schemas.Annotation]:
    """Those of one photo, oldest first."""
    parts.images.get(image_id)
    return [annotation_view(kept) for kept in parts.annotations.of_image(image_id)]


@routes.post("/images/{image_id}/annotations", status_code=201)
def add_annotations(
    image_id: ImageId,
    new: schemas.NewAnnotation | Annotated[list[schemas.NewAnnotation], Body(min_length=1, max_length=_MOST_AT_ONCE)],
    parts: Parts,
) -> schemas.Annotation | list[schemas.Annotation]:
    """Keep an object, or several: all of them or, if one does not fit, none."""
    size_hw = parts.gallery.photo(image_id).size_hw
    several = new if isinstance(new, list) else [new]
    kept = parts.annotations.add(image_id, [(one.key, content_of(one, size_hw)) for one in several])
    views = [annotation_view(one) for one in kept]
    return views if isinstance(new, list) else views[0]


@routes.get("/annotations/{annotation_id}")
def get_annotation(annotation_id: AnnotationId, parts: Parts) -> schemas.Annotation:
    """Its newest version."""
    return annotation_view(parts.annotations.get(annotation_id))


@routes.patch("/annotations/{annotation_id}")
def change_annotation(
    annotation_id: AnnotationId, change: schemas.ChangeAnnotation, parts: Parts
) -> schemas.Annotation:
    """A newer version; 409 if the one that it was made from is not the newest."""
    size_hw = size_of(parts.annotations.get(annotation_id).content.rle)
    return annotation_view(parts.annotations.change(annotation_id, change.version, **changes_of(change, size_hw)))


@routes.delete("/annotations/{annotation_id}", status_code=204)
def delete_annotation(
    annotation_id: AnnotationId, parts: Parts, version: Annotated[schemas.Id | None, Query()] = None
) -> None:
    """Out of the list; with `version`, 409 if that is not the newest. Its history stays."""
    parts.annotations.delete(annotation_id, version)


@routes.get("/annotations/{annotation_id}/history")
def annotation_history(annotation_id: AnnotationId, parts: Parts) -> list[schemas.PastVersion]:
    """Every version, oldest first, also of one that was deleted."""
    row, versions = parts.annotations.history(annotation_id)
    return [past_view(row, past) for past in versions]


@routes.post("/annotations/{annotation_id}/restore")
def restore_annotation(annotation_id: AnnotationId, back: schemas.Restore, parts: Parts) -> schemas.Annotation:
    """Make an earlier version the newest; brings back what was deleted."""
    return annotation_view(parts.annotations.restore(annotation_id, back.version))


@routes.get("/classes")
def list_classes(parts: Parts) -> list[schemas.ObjectClass]:
    """The names that objects can have."""
    return [schemas.ObjectClass(name=name, colour=colour) for name, colour in parts.classes.list()]


@routes.put("/classes")
def replace_classes(
    classes: Annotated[list[schemas.ObjectClass], Body(max_length=_MOST_AT_ONCE)], parts: Parts
) -> list[schemas.ObjectClass]:
    """Make it this list."""
    parts.classes.replace([(one.name, one.colour) for one in classes])
    return classes
