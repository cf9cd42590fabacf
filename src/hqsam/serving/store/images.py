"""The photos that the database knows."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.orm import Session

from hqsam.serving.refusal import not_found
from hqsam.serving.store import Store
from hqsam.serving.store.tables import AnnotationRow, ImageRow, now

Status = Literal["todo", "done"]


class Images:
    """The table of photos."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, offset: int, limit: int, status: Status | None) -> tuple[list[ImageRow], int, int]:
        """A part of the list, how many there are in all of that status, and how many are done."""
        listed = _listed(status)
        order = (ImageRow.source, ImageRow.position, ImageRow.id)
        with self._store.reading() as session:
            rows = list(session.scalars(listed.order_by(*order).offset(offset).limit(limit)))
            return rows, _count(session, listed), _count(session, _listed("done"))

    def get(self, image_id: int) -> ImageRow:
        """One of them.

        Raises:
            Refusal: 404.
        """
        with self._store.reading() as session:
            return _found(session, image_id)

    def by_ids(self, image_ids: Sequence[int]) -> list[ImageRow]:
        """Some of them, in that order.

        Raises:
            Refusal: 404.
        """
        with self._store.reading() as session:
            return [_found(session, image_id) for image_id in image_ids]

    def worth_exporting(self) -> list[ImageRow]:
        """Those with annotations, and those that are done though they have none."""
        with self._store.reading() as session:
            annotated = select(AnnotationRow.image_id).where(AnnotationRow.deleted.is_(False))
            wanted = (ImageRow.id.in_(annotated)) | (ImageRow.status == "done")
            chosen = select(ImageRow).where(ImageRow.deleted.is_(False), wanted)
            return list(session.scalars(chosen.order_by(ImageRow.source, ImageRow.position, ImageRow.id)))

    def all(self) -> list[ImageRow]:
        """Every photo."""
        with self._store.reading() as session:
            return list(session.scalars(_listed(None).order_by(ImageRow.source, ImageRow.position, ImageRow.id)))

    def counts(self, image_ids: Sequence[int]) -> dict[int, int]:
        """How many annotations these have."""
        counted = (
            select(AnnotationRow.image_id, func.count().label("how_many"))
            .where(AnnotationRow.image_id.in_(image_ids), AnnotationRow.deleted.is_(False))
            .group_by(AnnotationRow.image_id)
        )
        with self._store.reading() as session:
            return {row.image_id: row.how_many for row in session.execute(counted)}

    def sync_folder(self, places: Sequence[str]) -> None:
        """Make the list what the folder has, in this order. Photos that are gone stay, with their annotations."""
        with self._store.writing() as session:
            known = {row.place: row for row in session.scalars(select(ImageRow).where(ImageRow.source == "folder"))}
            here = set(places)
            new = [_new_row(place, position) for position, place in enumerate(places) if place not in known]
            if new:
                session.execute(insert(ImageRow), new)
            for position, place in enumerate(places):
                if place in known:
                    known[place].position, known[place].missing = position, False
            for place in known.keys() - here:
                known[place].missing = True

    def add_upload(self, digest: str, name: str, width: int, height: int) -> tuple[ImageRow, bool]:
        """The photo of these bytes, and whether it is new."""
        with self._store.writing() as session:
            chosen = select(ImageRow).where(ImageRow.source == "upload", ImageRow.place == digest)
            row = session.scalar(chosen.with_for_update())
            if row is not None and not row.deleted:
                return row, False
            if row is None:
                row = ImageRow(source="upload", place=digest)
                session.add(row)
            row.name, row.width, row.height, row.deleted = name, width, height, False
            row.updated = now()
            session.flush()
            return row, True

    def measured(self, image_id: int, **facts: Any) -> ImageRow:
        """Remember what its file says: stamp, width, height, problem."""
        with self._store.writing() as session:
            session.execute(update(ImageRow).where(ImageRow.id == image_id).values(**facts))
            return session.get_one(ImageRow, image_id)

    def set_status(self, image_id: int, status: Status) -> ImageRow:
        """To do, or done."""
        with self._store.writing() as session:
            row = _found(session, image_id)
            row.status, row.updated = status, now()
            return row

    def delete(self, image_id: int) -> ImageRow:
        """Take it off the list."""
        with self._store.writing() as session:
            row = _found(session, image_id)
            row.deleted, row.updated = True, now()
            return row


def _listed(status: Status | None) -> Select[ImageRow]:
    """What people see: not what they deleted, nor what is gone and was never worked on."""
    annotated = select(AnnotationRow.image_id).where(AnnotationRow.deleted.is_(False))
    listed = select(ImageRow).where(
        ImageRow.deleted.is_(False), ImageRow.missing.is_(False) | ImageRow.id.in_(annotated)
    )
    return listed if status is None else listed.where(ImageRow.status == status)


def _count(session: Session, listed: Select[ImageRow]) -> int:
    return session.scalar(select(func.count()).select_from(listed.subquery())) or 0


def _found(session: Session, image_id: int) -> ImageRow:
    row = session.get(ImageRow, image_id)
    if row is None or row.deleted:
        raise not_found(f"photo {image_id}")
    return row


def _new_row(place: str, position: int) -> dict[str, Any]:
    return {"source": "folder", "place": place, "name": place, "position": position, "added": now(), "updated": now()}
