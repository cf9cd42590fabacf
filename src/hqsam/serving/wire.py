"""What the database holds, as it goes over the wire."""

from datetime import datetime, timezone
from typing import Any

from hqsam.masks.rle import Rle
from hqsam.serving import schemas
from hqsam.serving.rle_check import checked_mask
from hqsam.serving.store.annotations import Content, Kept
from hqsam.serving.store.tables import AnnotationRow, VersionRow


def in_utc(time: datetime) -> datetime:
    """A time of the database, with its zone."""
    return time.replace(tzinfo=timezone.utc)


def annotation_view(kept: Kept) -> schemas.Annotation:
    """The newest version."""
    return _view(kept.row, kept.content, kept.row.version, kept.row.updated)


def past_view(row: AnnotationRow, past: VersionRow) -> schemas.PastVersion:
    """One version of the history."""
    annotation = _view(row, Content.from_json(past.content), past.version, past.at)
    return schemas.PastVersion.model_validate({"action": past.action, "at": in_utc(past.at), "annotation": annotation})


def content_of(new: schemas.NewAnnotation, size_hw: tuple[int, int]) -> Content:
    """What somebody wants to keep, checked.

    Raises:
        PromptError: its mask does not fit the photo.
    """
    mask = checked_mask(new.rle, size_hw)
    others = new.model_dump(exclude={"rle", "key"})
    return Content(**others, rle=mask.rle, box=mask.box, area=mask.area)


def changes_of(change: schemas.ChangeAnnotation, size_hw: tuple[int, int]) -> dict[str, Any]:
    """The fields that were sent, checked; `None` is an answer where a field may be without one.

    Raises:
        PromptError: its mask does not fit the photo.
    """
    sent = change.model_dump(exclude={"version", "rle"}, exclude_unset=True)
    never_none = ("class_name", "visible", "locked")
    changes = {name: value for name, value in sent.items() if value is not None or name not in never_none}
    if change.rle is not None:
        mask = checked_mask(change.rle, size_hw)
        changes |= {"rle": mask.rle, "box": mask.box, "area": mask.area}
    return changes


def size_of(rle: Rle) -> tuple[int, int]:
    """Height and width."""
    height, width = rle["size"]
    return height, width


def _view(row: AnnotationRow, content: Content, version: int, updated: datetime) -> schemas.Annotation:
    return schemas.Annotation(
        **{**vars(content), "rle": schemas.Rle.of(content.rle)},
        id=row.id,
        key=row.key,
        image_id=row.image_id,
        version=version,
        created=in_utc(row.created),
        updated=in_utc(updated),
    )
