"""Batches: many changes that are made, and can be undone, as one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from hqsam.errors import OptionError
from hqsam.serving.store.annotations import AnnotationContent, add_annotation, add_version, annotations_of
from hqsam.serving.store.classes import (
    change_class,
    classes_from_json,
    classes_to_json,
    ensure_classes,
    names_in_use,
    read_classes,
    removed_class,
    write_classes,
)
from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import ConflictError, NotFoundError
from hqsam.serving.store.tables import AnnotationRow, BatchRow, ImageRow, VersionRow


@dataclass(frozen=True)
class BatchResult:
    """The outcome of a batch."""

    batch: int
    changed: int
    """Annotations that it changed."""
    skipped: int
    """Annotations that an undo left alone, as they were changed since."""
    images: list[int]
    """Images of the changed annotations."""


class BatchTable:
    """Changes of many annotations, and of the list of classes, in one transaction each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def open(self, kind: str) -> Iterator[tuple[Session, int]]:
        """Begin a batch: yield a session that writes, and the number for the versions that it adds."""
        with self._database.writing() as session:
            before = read_classes(session)
            row = BatchRow(kind=kind)
            session.add(row)
            session.flush()
            yield session, row.id
            after = read_classes(session)
            row.classes = None if before == after else classes_to_json(before, after)

    def copy(self, origin: ImageRow, target: ImageRow, chosen: Sequence[int] | None) -> tuple[BatchResult, int]:
        """Copy annotations to another image of the same size; return how many were there already as well.

        Args:
            origin: the image that has them.
            target: the image that gets them.
            chosen: numbers of annotations; None for all.

        Raises:
            OptionError: the images differ in size.
        """
        if (origin.width, origin.height) != (target.width, target.height):
            raise OptionError(
                f"{origin.name} is {origin.width} x {origin.height} and {target.name} {target.width} x "
                f"{target.height}; annotations are copied between images of one size"
            )
        with self.open("copy") as (session, batch):
            there = {one.content.rle["counts"] for one in annotations_of(session, target.id)}
            wanted = annotations_of(session, origin.id)
            contents = [one.content for one in wanted if chosen is None or one.row.id in chosen]
            new = [content for content in contents if content.rle["counts"] not in there]
            rows = [add_annotation(session, target.id, None, content, batch).row for content in new]
            return _result(batch, rows), len(contents) - len(new)

    def update_class(self, number: int, **changes: str | None) -> BatchResult:
        """Change name, colour or key of a class; all its annotations get the new name.

        Raises:
            NotFoundError: no class has that number.
            ConflictError: the new name is another class's.
            OptionError: the new key is another class's.
        """
        with self.open("class") as (session, batch):
            before, after = change_class(session, number, lambda one: replace(one, **changes))
            changed = [] if before.name == after.name else _reassigned(session, batch, before.name, after.name)
            return _result(batch, changed)

    def merge_class(self, number: int, into: int) -> BatchResult:
        """Give all annotations of a class another class, and remove it.

        Raises:
            NotFoundError: no class has one of the numbers.
            ConflictError: both are the same class.
        """
        if number == into:
            raise ConflictError("a class cannot be merged into itself")
        with self.open("merge") as (session, batch):
            target, _ = change_class(session, into, lambda one: one)
            before, _ = change_class(session, number, removed_class)
            return _result(batch, _reassigned(session, batch, before.name, target.name))

    def remove_class(self, number: int, *, with_annotations: bool) -> BatchResult:
        """Remove a class, with its annotations if that is said.

        Raises:
            NotFoundError: no class has that number.
            ConflictError: it has annotations, and they are not to be deleted.
        """
        with self.open("remove") as (session, batch):
            before, _ = change_class(session, number, removed_class)
            rows = _rows_of_class(session, before.name)
            if rows and not with_annotations:
                raise ConflictError(f"{before.name!r} has {len(rows)} annotations; merge it, or delete them with it")
            for row in rows:
                add_version(session, row, AnnotationContent.from_json(row.content), "deleted", batch)
            return _result(batch, rows)

    def undo(self, batch: int) -> BatchResult:
        """Take back a batch, as far as its annotations were not changed since; the undo is a batch as well.

        Raises:
            NotFoundError: there is no batch of that number.
        """
        with self.open("undo") as (session, own):
            row = session.get(BatchRow, batch)
            if row is None:
                raise NotFoundError(f"there is no batch {batch}")
            versions = session.scalars(select(VersionRow).where(VersionRow.batch_id == batch)).all()
            changed = [done for one in versions if (done := _taken_back(session, one, own)) is not None]
            if row.classes:
                _restore_classes(session, row.classes)
            ensure_classes(session, sorted(names_in_use(session)))
            return replace(_result(own, changed), skipped=len(versions) - len(changed))


def _reassigned(session: Session, batch: int, old: str, new: str) -> list[AnnotationRow]:
    rows = _rows_of_class(session, old)
    for row in rows:
        content = replace(AnnotationContent.from_json(row.content), class_name=new)
        add_version(session, row, content, "changed", batch)
    return rows


def _rows_of_class(session: Session, name: str) -> list[AnnotationRow]:
    chosen = select(AnnotationRow).where(AnnotationRow.class_name == name, AnnotationRow.deleted.is_(False))
    return list(session.scalars(chosen.with_for_update()))


def _taken_back(session: Session, version: VersionRow, batch: int) -> AnnotationRow | None:
    """Undo one version; None if the annotation is no longer as that version left it."""
    row = session.get_one(AnnotationRow, version.annotation_id, with_for_update=True)
    if (row.content, row.deleted) != (version.content, version.action == "deleted"):
        return None
    past = session.get(VersionRow, (version.annotation_id, version.version - 1))
    if past is None or past.action == "deleted":
        add_version(session, row, AnnotationContent.from_json(row.content), "deleted", batch)
    else:
        add_version(session, row, AnnotationContent.from_json(past.content), "restored", batch)
    return row


def _restore_classes(session: Session, stored: str) -> None:
    """Bring the list of classes back to what it was before a batch; of a list that was changed since, the classes
    that were not, as far as no other has their name or key by now."""
    before, after = classes_from_json(stored)
    now = read_classes(session, for_update=True)
    if now == after:
        write_classes(session, before)
        return
    old, left = ({one.number: one for one in state} for state in (before, after))
    restored = [old.get(one.number, one) if one == left.get(one.number) else one for one in now]
    for place, one in enumerate(restored):
        others = restored[:place] + restored[place + 1 :]
        if any(one.name == other.name for other in others):
            restored[place] = now[place]
        elif one.key and any(one.key == other.key for other in others):
            restored[place] = replace(one, key=None)
    write_classes(session, restored)


def _result(batch: int, rows: list[AnnotationRow]) -> BatchResult:
    return BatchResult(batch, len(rows), 0, sorted({row.image_id for row in rows}))
