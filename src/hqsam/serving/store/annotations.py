"""The objects of a photo, each with every version that it had."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hqsam.masks.rle import Rle
from hqsam.serving.refusal import Refusal, not_found
from hqsam.serving.store import Store
from hqsam.serving.store.tables import AnnotationRow, ImageRow, VersionRow, now


@dataclass(frozen=True, kw_only=True)
class Content:
    """What somebody can change in an annotation."""

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

    @property
    def json(self) -> str:
        """As it is stored."""
        return json.dumps(vars(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Content":
        """The way back from `json`."""
        values = json.loads(text)
        return cls(**{**values, "box": tuple(values["box"])})


@dataclass(frozen=True)
class Kept:
    """An annotation as it is now."""

    row: AnnotationRow
    content: Content


class Annotations:
    """The tables of annotations and of their versions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_image(self, image_id: int) -> list[Kept]:
        """Those of one photo, oldest first."""
        chosen = select(AnnotationRow).where(AnnotationRow.image_id == image_id, AnnotationRow.deleted.is_(False))
        with self._store.reading() as session:
            return [_kept(row) for row in session.scalars(chosen.order_by(AnnotationRow.id))]

    def get(self, annotation_id: int) -> Kept:
        """One of them.

        Raises:
            Refusal: 404.
        """
        with self._store.reading() as session:
            return _kept(_found(session, annotation_id))

    def add(self, image_id: int, contents: Sequence[tuple[str | None, Content]]) -> list[Kept]:
        """New ones, each with its maker's key; all or none. What is there under its key is not added again."""
        with self._store.writing() as session:
            _touch(session, image_id)
            return [_kept(_add(session, image_id, key, content)) for key, content in contents]

    def change(self, annotation_id: int, version: int, **changes: Any) -> Kept:
        """A newer version, made from that one.

        Raises:
            Refusal: 404, or 409 if that version is not the newest.
        """
        with self._store.writing() as session:
            row = _newest(session, annotation_id, version)
            _next_version(session, row, replace(Content.from_json(row.content), **changes), "changed")
            return _kept(row)

    def delete(self, annotation_id: int, version: int | None) -> None:
        """Out of the list; its versions stay.

        Raises:
            Refusal: 404, or 409 if that version is not the newest.
        """
        with self._store.writing() as session:
            row = _newest(session, annotation_id, version)
            row.deleted = True
            _next_version(session, row, Content.from_json(row.content), "deleted")

    def restore(self, annotation_id: int, version: int) -> Kept:
        """Make an earlier version the newest, also of one that is deleted.

        Raises:
            Refusal: 404.
        """
        with self._store.writing() as session:
            row = _found(session, annotation_id, deleted_too=True, for_update=True)
            past = session.get(VersionRow, (annotation_id, version))
            if past is None:
                raise not_found(f"version {version} of annotation {annotation_id}")
            row.deleted = False
            _next_version(session, row, Content.from_json(past.content), "restored")
            return _kept(row)

    def history(self, annotation_id: int) -> tuple[AnnotationRow, list[VersionRow]]:
        """Every version, oldest first, also of one that is deleted.

        Raises:
            Refusal: 404.
        """
        chosen = select(VersionRow).where(VersionRow.annotation_id == annotation_id).order_by(VersionRow.version)
        with self._store.reading() as session:
            return _found(session, annotation_id, deleted_too=True), list(session.scalars(chosen))


def _kept(row: AnnotationRow) -> Kept:
    return Kept(row, Content.from_json(row.content))


def _found(
    session: Session, annotation_id: int, *, deleted_too: bool = False, for_update: bool = False
) -> AnnotationRow:
    row = session.get(AnnotationRow, annotation_id, with_for_update=for_update or None)
    if row is None or (row.deleted and not deleted_too):
        raise not_found(f"annotation {annotation_id}")
    return row


def _newest(session: Session, annotation_id: int, version: int | None) -> AnnotationRow:
    row = _found(session, annotation_id, for_update=True)
    if version not in (None, row.version):
        raise Refusal(
            409,
            "conflict",
            f"annotation {annotation_id} is at version {row.version}, and this change was made from version {version}; "
            "read it again",
        )
    return row


def _add(session: Session, image_id: int, key: str | None, content: Content) -> AnnotationRow:
    if key is not None:
        chosen = select(AnnotationRow).where(AnnotationRow.image_id == image_id, AnnotationRow.key == key)
        known = session.scalar(chosen.with_for_update())
        if known is not None:
            if known.deleted:
                known.deleted = False
                _next_version(session, known, content, "restored")
            return known
    at = now()
    row = AnnotationRow(image_id=image_id, key=key, version=1, content=content.json, created=at, updated=at)
    session.add(row)
    session.flush()
    session.add(VersionRow(annotation_id=row.id, version=1, action="created", content=row.content, at=at))
    return row


def _next_version(session: Session, row: AnnotationRow, content: Content, action: str) -> None:
    row.version += 1
    row.content, row.updated = content.json, now()
    past = VersionRow(annotation_id=row.id, version=row.version, action=action, content=row.content, at=row.updated)
    session.add(past)
    _touch(session, row.image_id)


def _touch(session: Session, image_id: int) -> None:
    session.execute(update(ImageRow).where(ImageRow.id == image_id).values(updated=now()))
