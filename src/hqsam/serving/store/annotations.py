"""The tables of annotations and of their versions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hqsam.masks.rle import Rle
from hqsam.serving.store.classes import ensure_classes
from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import ConflictError, NotFoundError
from hqsam.serving.store.tables import AnnotationRow, ImageRow, VersionRow, now


@dataclass(frozen=True, kw_only=True)
class AnnotationContent:
    """The part of an annotation that users change, and that each version has of its own."""

    class_name: str
    rle: Rle
    box: tuple[int, int, int, int]
    area: int
    colour: str | None = None
    visible: bool = True
    locked: bool = False
    source: str | None = None
    model: str | None = None
    score: float | None = None
    prompts: Any = None
    z: int = 0
    """Order from back to front; of one z, newer ones are in front."""
    tracked: bool = False
    """Following made the mask from another frame's, and nobody has changed it since."""

    @property
    def json(self) -> str:
        """The annotation as the JSON text that is stored."""
        return json.dumps(vars(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "AnnotationContent":
        """Return the content that `json` has written."""
        values = json.loads(text)
        return cls(**{**values, "box": tuple(values["box"])})


@dataclass(frozen=True)
class StoredAnnotation:
    """An annotation in its newest version."""

    row: AnnotationRow
    content: AnnotationContent


class AnnotationTable:
    """Reads and changes annotations; each change adds a version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_image(self, image_id: int) -> list[StoredAnnotation]:
        """Return the annotations of one image from back to front, of one z the oldest first."""
        with self._database.reading() as session:
            return annotations_of(session, image_id)

    def get(self, annotation_id: int) -> StoredAnnotation:
        """Return one annotation.

        Raises:
            NotFoundError: there is no annotation of that number.
        """
        with self._database.reading() as session:
            return stored(_get(session, annotation_id))

    def add(self, image_id: int, contents: Sequence[tuple[str | None, AnnotationContent]]) -> list[StoredAnnotation]:
        """Add annotations, each with its client's key: all or none.

        If the image already has an annotation of that key, it is returned, restored with the new content if it was
        deleted.
        """
        with self._database.writing() as session:
            ensure_classes(session, [content.class_name for _, content in contents])
            return [add_annotation(session, image_id, key, content) for key, content in contents]

    def change(self, annotation_id: int, version: int, **changes: Any) -> StoredAnnotation:
        """Add a version with other values, made from the newest version.

        A mask that was followed from another frame counts as followed again when a correction of it is taken back.

        Raises:
            NotFoundError: there is no annotation of that number.
            ConflictError: `version` is not the newest.
        """
        with self._database.writing() as session:
            row = _newest(session, annotation_id, version)
            before = AnnotationContent.from_json(row.content)
            after = replace(before, **changes)
            tracked = after.tracked if after.rle == before.rle else after.rle == _last_tracked_mask(session, row.id)
            add_version(session, row, replace(after, tracked=tracked), "changed")
            ensure_classes(session, [row.class_name])
            return stored(row)

    def delete(self, annotation_id: int, version: int | None) -> None:
        """Take an annotation off the list; its versions stay.

        Raises:
            NotFoundError: there is no annotation of that number.
            ConflictError: `version` is given and not the newest.
        """
        with self._database.writing() as session:
            row = _newest(session, annotation_id, version)
            add_version(session, row, AnnotationContent.from_json(row.content), "deleted")

    def restore(self, annotation_id: int, version: int) -> StoredAnnotation:
        """Make an earlier version the newest, also of an annotation that is deleted.

        Raises:
            NotFoundError: there is no annotation or no version of that number.
        """
        with self._database.writing() as session:
            row = _get(session, annotation_id, with_deleted=True, for_update=True)
            past = session.get(VersionRow, (annotation_id, version))
            if past is None:
                raise NotFoundError(f"there is no version {version} of annotation {annotation_id}")
            add_version(session, row, AnnotationContent.from_json(past.content), "restored")
            ensure_classes(session, [row.class_name])
            return stored(row)

    def history(self, annotation_id: int) -> tuple[AnnotationRow, list[VersionRow]]:
        """Return an annotation and its versions, oldest first, also if it is deleted.

        Raises:
            NotFoundError: there is no annotation of that number.
        """
        chosen = select(VersionRow).where(VersionRow.annotation_id == annotation_id).order_by(VersionRow.version)
        with self._database.reading() as session:
            return _get(session, annotation_id, with_deleted=True), list(session.scalars(chosen))


def annotations_of(session: Session, image_id: int) -> list[StoredAnnotation]:
    """Return the annotations of one image from back to front, of one z the oldest first."""
    chosen = select(AnnotationRow).where(AnnotationRow.image_id == image_id, AnnotationRow.deleted.is_(False))
    found = [stored(row) for row in session.scalars(chosen.order_by(AnnotationRow.id))]
    return sorted(found, key=lambda one: one.content.z)


def add_annotation(
    session: Session, image_id: int, key: str | None, content: AnnotationContent, batch: int | None = None
) -> StoredAnnotation:
    """Add one annotation in a transaction of the caller; see `AnnotationTable.add`."""
    if key is not None:
        chosen = select(AnnotationRow).where(AnnotationRow.image_id == image_id, AnnotationRow.key == key)
        known = session.scalar(chosen.with_for_update())
        if known is not None:
            if known.deleted:
                add_version(session, known, content, "restored", batch)
            return stored(known)
    row = AnnotationRow(image_id=image_id, key=key, version=0, class_name="", content="", created=now(), updated=now())
    session.add(row)
    session.flush()
    add_version(session, row, content, "created", batch)
    row.created = row.updated
    return stored(row)


def add_version(
    session: Session, row: AnnotationRow, content: AnnotationContent, action: str, batch: int | None = None
) -> None:
    """Make this content the newest version of an annotation, which is deleted if that is the action."""
    row.version += 1
    row.class_name, row.content, row.updated = content.class_name, content.json, now()
    row.deleted, row.tracked = action == "deleted", content.tracked
    version = VersionRow(annotation_id=row.id, version=row.version, action=action, content=row.content, at=row.updated)
    version.batch_id = batch
    session.add(version)
    session.execute(update(ImageRow).where(ImageRow.id == row.image_id).values(updated=row.updated))


def stored(row: AnnotationRow) -> StoredAnnotation:
    """Return an annotation with its content read."""
    return StoredAnnotation(row, AnnotationContent.from_json(row.content))


def _get(
    session: Session, annotation_id: int, *, with_deleted: bool = False, for_update: bool = False
) -> AnnotationRow:
    row = session.get(AnnotationRow, annotation_id, with_for_update=for_update or None)
    if row is None or (row.deleted and not with_deleted):
        raise NotFoundError(f"there is no annotation {annotation_id}")
    return row


def _last_tracked_mask(session: Session, annotation_id: int) -> Rle | None:
    """Return the mask that following made last, or None if it made none."""
    chosen = select(VersionRow.content).where(VersionRow.annotation_id == annotation_id)
    likely = chosen.where(VersionRow.content.contains('"tracked":true')).order_by(VersionRow.version.desc())
    contents = map(AnnotationContent.from_json, session.scalars(likely))
    return next((content.rle for content in contents if content.tracked), None)


def _newest(session: Session, annotation_id: int, version: int | None) -> AnnotationRow:
    row = _get(session, annotation_id, for_update=True)
    if version not in (None, row.version):
        raise ConflictError(
            f"annotation {annotation_id} is at version {row.version}, and this change was made from version {version}; "
            "read it again"
        )
    return row
