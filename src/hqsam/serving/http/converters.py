"""Conversion of rows, jobs and models to schemas, and of schemas to what the store takes."""

from datetime import datetime, timezone
from typing import Any, Literal, cast

from hqsam.serving.http.errors import to_api_error
from hqsam.serving.http.rle_validation import validated_mask
from hqsam.serving.http.schemas import annotations as schemas
from hqsam.serving.http.schemas.common import ErrorDetail, Rle
from hqsam.serving.http.schemas.images import Image
from hqsam.serving.http.schemas.jobs import Job as JobSchema
from hqsam.serving.http.schemas.models import Model
from hqsam.serving.scheduler.jobs import Job, Kind
from hqsam.serving.scheduler.models import ModelInfo
from hqsam.serving.store.annotations import AnnotationContent, StoredAnnotation
from hqsam.serving.store.tables import AnnotationRow, ImageRow, VersionRow

_UNITS: dict[Kind, Literal["clicks", "labels", "bytes", "frames"]] = {
    "everything": "clicks",
    "text": "labels",
    "load": "bytes",
    "follow": "frames",
}


def to_image(row: ImageRow, class_counts: dict[str, int]) -> Image:
    """Return an image of the list."""
    return Image(
        id=row.id,
        name=row.name,
        width=row.width,
        height=row.height,
        status=cast("Any", row.status),
        note=row.note,
        annotation_count=sum(class_counts.values()),
        class_counts=class_counts,
        source=cast("Any", row.source),
        problem=row.problem,
        added=_as_utc(row.added),
        updated=_as_utc(row.updated),
    )


def to_annotation(stored: StoredAnnotation) -> schemas.Annotation:
    """Return the newest version of an annotation."""
    return _annotation(stored.row, stored.content, stored.row.version, stored.row.updated)


def to_annotation_version(row: AnnotationRow, past: VersionRow) -> schemas.AnnotationVersion:
    """Return one version of the history."""
    annotation = _annotation(row, AnnotationContent.from_json(past.content), past.version, past.at)
    return schemas.AnnotationVersion(action=cast("Any", past.action), at=_as_utc(past.at), annotation=annotation)


def to_content(new: schemas.AnnotationCreate, size_hw: tuple[int, int]) -> AnnotationContent:
    """Return the content of a new annotation, its mask validated.

    Raises:
        PromptError: its mask does not fit the image.
    """
    return AnnotationContent(**new.model_dump(exclude={"rle", "key"}), **vars(validated_mask(new.rle, size_hw)))


def to_changes(change: schemas.AnnotationUpdate, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Return the fields that were sent; None counts only for fields that may be None.

    Raises:
        PromptError: its mask does not fit the image.
    """
    sent = change.model_dump(exclude={"version", "rle"}, exclude_unset=True)
    never_none = ("class_name", "visible", "locked", "z")
    changes = {name: value for name, value in sent.items() if value is not None or name not in never_none}
    return changes if change.rle is None else changes | vars(validated_mask(change.rle, size_hw))


def to_job(job: Job, *, with_masks: bool) -> JobSchema:
    """Return the state of a job, with its result or without."""
    error = None if job.error is None else to_api_error(job.error)
    return JobSchema(
        id=job.id,
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        unit=_UNITS[job.kind],
        model=job.model,
        image_id=job.image_id,
        error=None if error is None else ErrorDetail(code=error.code, message=error.message),
        masks=job.result if with_masks and job.kind in ("everything", "text") else None,
        followed=job.result if job.kind == "follow" else None,
    )


def to_model(model: ModelInfo) -> Model:
    """Return a row of the list of models."""
    about = model.checkpoint
    return Model(
        name=about.name,
        origin=about.origin,
        licence=about.licence,
        notice=about.notice,
        bytes=model.bytes,
        bundled=about.is_bundled,
        installed=model.is_installed,
        loaded=model.is_loaded,
        default=model.is_default,
        sources=cast("Any", list(model.config.sources)),
        image_size=model.config.image_size,
    )


def _annotation(row: AnnotationRow, content: AnnotationContent, version: int, updated: datetime) -> schemas.Annotation:
    return schemas.Annotation(
        **{**vars(content), "rle": Rle.of(content.rle)},
        track=row.track,
        id=row.id,
        key=row.key,
        image_id=row.image_id,
        version=version,
        created=_as_utc(row.created),
        updated=_as_utc(updated),
    )


def _as_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=timezone.utc)
