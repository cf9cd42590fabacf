"""Sequences: the images of a folder as the frames of a video, and the objects that have a number along them.

An object's annotations on several frames share a `track`. Those that following made are `tracked`; all others, drawn or
corrected by hand, are keyframes, which following keeps and goes by.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hqsam.errors import OptionError
from hqsam.masks.rle import Rle
from hqsam.serving.store.annotations import (
    AnnotationContent,
    StoredAnnotation,
    add_annotation,
    add_version,
    annotations_of,
    stored,
)
from hqsam.serving.store.batches import BatchTable
from hqsam.serving.store.classes import ensure_classes
from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import ConflictError, NotFoundError
from hqsam.serving.store.tables import AnnotationRow, ImageRow


@dataclass(frozen=True)
class Track:
    """An object along a sequence, as the places of the frames that it has a mask on."""

    number: int
    class_name: str
    """That of its first frame."""
    keyframes: list[int] = field(default_factory=list)
    """Places of frames with a mask by hand, in order."""
    tracked: list[int] = field(default_factory=list)
    """Places of frames with a mask that was followed, in order."""


@dataclass(frozen=True)
class ImageSequence:
    """The frames of one folder, in order."""

    name: str
    """The folder's path below that of the server; empty for that folder itself."""
    image_ids: list[int]

    def place_of(self, image_id: int) -> int:
        """Return the place of an image among the frames, from 0."""
        return self.image_ids.index(image_id)


class SequenceTable:
    """Reads sequences, and writes what following finds."""

    def __init__(self, database: Database, batches: BatchTable) -> None:
        self._database, self._batches = database, batches

    def of_image(self, image_id: int) -> ImageSequence:
        """Return the sequence that an image is a frame of.

        Raises:
            NotFoundError: there is no such image.
            OptionError: it was uploaded, and so has no folder.
        """
        with self._database.reading() as session:
            row = session.get(ImageRow, image_id)
            if row is None or row.deleted:
                raise NotFoundError(f"there is no image {image_id}")
            if row.source != "folder":
                raise OptionError(f"{row.name} was uploaded; frames of a sequence are the images of one folder")
            folder = PurePosixPath(row.place).parent
            chosen = (
                select(ImageRow.id, ImageRow.place).where(_is_below(folder)).order_by(ImageRow.position, ImageRow.id)
            )
            found = session.execute(chosen)
            ids = [number for number, place in found if PurePosixPath(place).parent == folder]
            return ImageSequence("" if folder == PurePosixPath(".") else folder.as_posix(), ids)

    def tracks(self, sequence: ImageSequence) -> list[Track]:
        """Return the objects that have a number, in the order of their numbers."""
        places = {image_id: place for place, image_id in enumerate(sequence.image_ids)}
        columns = AnnotationRow.track, AnnotationRow.image_id, AnnotationRow.class_name, AnnotationRow.tracked
        chosen = select(*columns).where(_has_track(sequence)).order_by(AnnotationRow.track)
        tracks: dict[int, Track] = {}
        with self._database.reading() as session:
            found = [row for row in session.execute(chosen) if row.image_id in places]
        for row in sorted(found, key=lambda row: (row.track, places[row.image_id])):
            track = tracks.setdefault(row.track, Track(row.track, row.class_name))
            (track.tracked if row.tracked else track.keyframes).append(places[row.image_id])
        return list(tracks.values())

    def rle_of(self, track: int, image_id: int) -> tuple[Rle, float | None] | None:
        """Return the mask and score of an object on a frame, if it has one there."""
        with self._database.reading() as session:
            row = _on_frame(session, image_id, track)
            content = None if row is None else AnnotationContent.from_json(row.content)
            return None if content is None else (content.rle, content.score)

    def number_objects(self, sequence: ImageSequence, image_id: int) -> list[StoredAnnotation]:
        """Return the visible annotations of a frame, after each that has no number along the sequence got one."""
        with self._database.writing() as session:
            last = session.scalar(select(func.max(AnnotationRow.track)).where(_has_track(sequence))) or 0
            found = [one for one in annotations_of(session, image_id) if one.content.visible]
            for number, one in enumerate((one for one in found if one.row.track is None), start=last + 1):
                one.row.track = number
            return found

    def set_track(self, sequence: ImageSequence, annotation_id: int, track: int) -> StoredAnnotation:
        """Say which object of the sequence an annotation is.

        Raises:
            NotFoundError: there is no such annotation, or no object of that number.
            ConflictError: the object has another annotation on this frame.
        """
        with self._database.writing() as session:
            row = session.get(AnnotationRow, annotation_id, with_for_update=True)
            if row is None or row.deleted:
                raise NotFoundError(f"there is no annotation {annotation_id}")
            known = session.scalar(select(AnnotationRow.id).where(_has_track(sequence), AnnotationRow.track == track))
            if known is None:
                raise NotFoundError(f"there is no object {track} in this sequence")
            there = _on_frame(session, row.image_id, track)
            if there is not None and there.id != annotation_id:
                raise ConflictError(f"object {track} has a mask on this frame already; delete that one first")
            row.track = track
            return stored(row)

    def begin_batch(self) -> int:
        """Return the number of a new batch, by which what is followed can be undone."""
        with self._batches.open("follow") as (_, batch):
            return batch

    def put(self, image_id: int, batch: int, masks: Iterable[tuple[int, AnnotationContent | None]]) -> None:
        """Write what following found on a frame: a mask for each object, or None where it is absent.

        Keyframes stay as they are.
        """
        with self._database.writing() as session:
            for track, content in masks:
                row = _on_frame(session, image_id, track)
                if row is not None and not row.tracked:
                    continue
                if content is not None:
                    ensure_classes(session, [content.class_name])
                _put(session, row, image_id, track, content, batch)


def _put(
    session: Session,
    row: AnnotationRow | None,
    image_id: int,
    track: int,
    content: AnnotationContent | None,
    batch: int,
) -> None:
    if row is None and content is not None:
        add_annotation(session, image_id, None, content, batch).row.track = track
    elif row is not None and content is None:
        add_version(session, row, AnnotationContent.from_json(row.content), "deleted", batch)
    elif row is not None and content is not None:
        before = AnnotationContent.from_json(row.content)
        kept = {name: getattr(before, name) for name in ("colour", "visible", "locked", "z")}
        add_version(session, row, replace(content, **kept), "changed", batch)


def _on_frame(session: Session, image_id: int, track: int) -> AnnotationRow | None:
    chosen = select(AnnotationRow).where(
        AnnotationRow.image_id == image_id, AnnotationRow.track == track, AnnotationRow.deleted.is_(False)
    )
    return session.scalars(chosen.order_by(AnnotationRow.id)).first()


def _has_track(sequence: ImageSequence) -> ColumnElement[bool]:
    frames = select(ImageRow.id).where(_is_below(PurePosixPath(sequence.name or ".")))
    return AnnotationRow.track.is_not(None) & AnnotationRow.deleted.is_(False) & AnnotationRow.image_id.in_(frames)


def _is_below(folder: PurePosixPath) -> ColumnElement[bool]:
    """Images of a folder that are there, and those of folders in it."""
    here = (ImageRow.source == "folder") & ImageRow.deleted.is_(False) & ImageRow.missing.is_(False)
    if folder == PurePosixPath("."):
        return here
    return here & ImageRow.place.startswith(f"{folder.as_posix()}/", autoescape=True)
