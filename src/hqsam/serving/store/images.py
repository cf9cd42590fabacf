"""The table of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.orm import Session

from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import NotFoundError
from hqsam.serving.store.tables import AnnotationRow, ImageRow, now

Status = Literal["todo", "done", "to_review", "rejected"]
STATUSES: tuple[Status, ...] = get_args(Status)
_ORDER = (ImageRow.source, ImageRow.position, ImageRow.id)


@dataclass(frozen=True)
class ImageFilter:
    """A choice of images; an empty one is all of them."""

    statuses: Sequence[Status] = ()
    search: str = ""
    """A part of the name, in any case of letters."""
    class_name: str | None = None
    """Images with an annotation of this class."""
    annotated: bool | None = None
    """True: images with annotations; False: those without."""


class ImageTable:
    """Reads and changes the rows of images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, offset: int, limit: int, chosen: ImageFilter) -> tuple[list[ImageRow], int]:
        """Return a page of the chosen images, and the number of all of them."""
        listed = _filtered(chosen)
        with self._database.reading() as session:
            rows = list(session.scalars(listed.order_by(*_ORDER).offset(offset).limit(limit)))
            return rows, session.scalar(select(func.count()).select_from(listed.subquery())) or 0

    def numbers(self, chosen: ImageFilter) -> list[int]:
        """Return the numbers of the chosen images, in the order of the list."""
        with self._database.reading() as session:
            listed = _filtered(chosen).with_only_columns(ImageRow.id)
            return list(session.scalars(listed.order_by(*_ORDER)))

    def status_counts(self) -> dict[Status, int]:
        """Return the number of images of each status."""
        listed = _filtered(ImageFilter()).subquery()
        with self._database.reading() as session:
            counted = session.execute(select(listed.c.status, func.count()).group_by(listed.c.status))
            return dict.fromkeys(STATUSES, 0) | {row[0]: row[1] for row in counted}

    def get(self, image_id: int) -> ImageRow:
        """Return one image.

        Raises:
            NotFoundError: there is no image of that number.
        """
        with self._database.reading() as session:
            return _get(session, image_id)

    def by_ids(self, image_ids: Sequence[int]) -> list[ImageRow]:
        """Return images in the order of their numbers as given.

        Raises:
            NotFoundError: there is no image of one of the numbers.
        """
        with self._database.reading() as session:
            return [_get(session, image_id) for image_id in image_ids]

    def to_export(self, chosen: ImageFilter) -> list[ImageRow]:
        """Return the chosen images with annotations, and the done ones without; rejected ones only if they are asked
        for."""
        wanted = ImageRow.id.in_(_ANNOTATED) | (ImageRow.status == "done")
        if "rejected" not in chosen.statuses:
            wanted &= ImageRow.status != "rejected"
        with self._database.reading() as session:
            return list(session.scalars(_filtered(chosen).where(wanted).order_by(*_ORDER)))

    def all(self) -> list[ImageRow]:
        """Return every image."""
        with self._database.reading() as session:
            return list(session.scalars(_filtered(ImageFilter()).order_by(*_ORDER)))

    def class_counts(self, image_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """Return the number of annotations of each class, for each image that has some."""
        counted = (
            select(AnnotationRow.image_id, AnnotationRow.class_name, func.count())
            .where(AnnotationRow.image_id.in_(image_ids), AnnotationRow.deleted.is_(False))
            .group_by(AnnotationRow.image_id, AnnotationRow.class_name)
            .order_by(AnnotationRow.image_id, AnnotationRow.class_name)
        )
        counts: dict[int, dict[str, int]] = {}
        with self._database.reading() as session:
            for image_id, class_name, count in session.execute(counted):
                counts.setdefault(image_id, {})[class_name] = count
        return counts

    def sync_folder(self, places: Sequence[str]) -> None:
        """Make the list what the folder has, in this order; images that are gone stay, with their annotations."""
        with self._database.writing() as session:
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
        """Return the image of these bytes, and True if it is new."""
        with self._database.writing() as session:
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

    def update_file_info(self, image_id: int, **values: Any) -> ImageRow:
        """Store what its file says: stamp, width, height, problem."""
        with self._database.writing() as session:
            session.execute(update(ImageRow).where(ImageRow.id == image_id).values(**values))
            return session.get_one(ImageRow, image_id)

    def change(self, image_id: int, **values: Any) -> ImageRow:
        """Change status or note of an image.

        Raises:
            NotFoundError: there is no image of that number.
        """
        with self._database.writing() as session:
            row = _get(session, image_id)
            for name, value in (values | {"updated": now()}).items():
                setattr(row, name, value)
            return row

    def delete(self, image_id: int) -> ImageRow:
        """Take an image off the list.

        Raises:
            NotFoundError: there is no image of that number.
        """
        with self._database.writing() as session:
            row = _get(session, image_id)
            row.deleted, row.updated = True, now()
            return row


_ANNOTATED = select(AnnotationRow.image_id).where(AnnotationRow.deleted.is_(False))


def _filtered(chosen: ImageFilter) -> Select[ImageRow]:
    """Select images that users see: neither deleted ones nor those that are gone and were never annotated."""
    is_here = ImageRow.missing.is_(False) | ImageRow.id.in_(_ANNOTATED)
    listed = select(ImageRow).where(ImageRow.deleted.is_(False), is_here)
    if chosen.statuses:
        listed = listed.where(ImageRow.status.in_(chosen.statuses))
    if chosen.search:
        listed = listed.where(ImageRow.name.icontains(chosen.search, autoescape=True))
    if chosen.class_name is not None:
        listed = listed.where(ImageRow.id.in_(_ANNOTATED.where(AnnotationRow.class_name == chosen.class_name)))
    if chosen.annotated is not None:
        listed = listed.where(ImageRow.id.in_(_ANNOTATED) == chosen.annotated)
    return listed


def _get(session: Session, image_id: int) -> ImageRow:
    row = session.get(ImageRow, image_id)
    if row is None or row.deleted:
        raise NotFoundError(f"there is no image {image_id}")
    return row


def _new_row(place: str, position: int) -> dict[str, Any]:
    return {"source": "folder", "place": place, "name": place, "position": position, "added": now(), "updated": now()}
