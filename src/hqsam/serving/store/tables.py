"""The tables. Masks are run lengths, times are UTC; no row of an annotation is ever removed."""

from datetime import datetime, timezone

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

FORMAT = 3
"""Version of the tables: the newest revision in `migrations`."""

_Number = BigInteger().with_variant(Integer, "sqlite")  # the only kind of key that SQLite counts by itself


def now() -> datetime:
    """Return the time as it is stored: UTC without a zone, which SQLite cannot store."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Base(DeclarativeBase):
    """Base class of all tables."""


class Metadata(Base):
    """A value that holds for the whole database."""

    __tablename__ = "facts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ImageRow(Base):
    """An image of the library: an upload, or a file in the served folder."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("source", "place"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    """upload or folder."""
    place: Mapped[str] = mapped_column(Text)
    """The path below the folder; of an upload, the hash of its bytes."""
    name: Mapped[str] = mapped_column(Text)
    """The name that users see. Never used as a path."""
    position: Mapped[int] = mapped_column(Integer, default=0)
    """Its place in the list of the folder."""
    stamp: Mapped[str] = mapped_column(String(64), default="")
    """Size and time of the file that width and height were read from."""
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(Text, default=None)
    status: Mapped[str] = mapped_column(String(16), default="todo")
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    missing: Mapped[bool] = mapped_column(Boolean, default=False)
    deleted: Mapped[bool] = mapped_column(Boolean, default=False)
    added: Mapped[datetime] = mapped_column(DateTime, default=now)
    updated: Mapped[datetime] = mapped_column(DateTime, default=now)


class AnnotationRow(Base):
    """An annotation in its newest version."""

    __tablename__ = "annotations"
    __table_args__ = (UniqueConstraint("image_id", "key"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    key: Mapped[str | None] = mapped_column(String(64), default=None)
    version: Mapped[int] = mapped_column(Integer)
    deleted: Mapped[bool] = mapped_column(Boolean, default=False)
    class_name: Mapped[str] = mapped_column(Text, index=True)
    """The class in `content`, to search for."""
    content: Mapped[str] = mapped_column(Text)
    """JSON of `annotations.AnnotationContent`."""
    track: Mapped[int | None] = mapped_column(Integer, index=True, default=None)
    """The object's number along the sequence that the image is a frame of."""
    tracked: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """That of `content`, to search for."""
    created: Mapped[datetime] = mapped_column(DateTime)
    updated: Mapped[datetime] = mapped_column(DateTime)


class VersionRow(Base):
    """A version of an annotation; the newest is here too."""

    __tablename__ = "versions"
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotations.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    action: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime)
    batch_id: Mapped[int | None] = mapped_column(Integer, index=True, default=None)
    """The batch that it was made in, if any."""


class BatchRow(Base):
    """Many changes that were made, and can be undone, as one: an import, a renamed class."""

    __tablename__ = "batches"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    classes: Mapped[str | None] = mapped_column(Text, default=None)
    """JSON of the list of classes before and after it."""
    at: Mapped[datetime] = mapped_column(DateTime, default=now)


class ClassRow(Base):
    """A class of objects."""

    __tablename__ = "classes"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 1, and never given to another class."""
    name: Mapped[str] = mapped_column(Text, unique=True)
    colour: Mapped[str] = mapped_column(String(7))
    key: Mapped[str | None] = mapped_column(String(1), default=None)
    """The key on the keyboard that chooses it."""
    position: Mapped[int] = mapped_column(Integer)
    """Its place in the list."""
    removed: Mapped[bool] = mapped_column(Boolean, default=False)
    """True if it is no longer in the list; the row keeps its number from being given again."""
