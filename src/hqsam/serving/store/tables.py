"""The tables. Masks are run lengths, times are UTC; nothing is ever removed but what a user uploaded."""

from datetime import datetime, timezone

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

FORMAT = 1
"""Counted on when the tables change."""

_Number = BigInteger().with_variant(Integer, "sqlite")  # the only kind of key that SQLite counts by itself


def now() -> datetime:
    """The time as it is stored: UTC, without saying so, because SQLite cannot."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Base(DeclarativeBase):
    """All tables."""


class Fact(Base):
    """What is known of the whole database."""

    __tablename__ = "facts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ImageRow(Base):
    """A photo."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("source", "place"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    """upload or folder."""
    place: Mapped[str] = mapped_column(Text)
    """Where it lies: of the folder the path below it; of an upload, the hash of its bytes."""
    name: Mapped[str] = mapped_column(Text)
    """What people call it. Never used as a path."""
    position: Mapped[int] = mapped_column(Integer, default=0)
    """In the list of its folder."""
    stamp: Mapped[str] = mapped_column(String(64), default="")
    """Size and time of the file that width and height were read from."""
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(Text, default=None)
    status: Mapped[str] = mapped_column(String(16), default="todo")
    missing: Mapped[bool] = mapped_column(Boolean, default=False)
    deleted: Mapped[bool] = mapped_column(Boolean, default=False)
    added: Mapped[datetime] = mapped_column(DateTime, default=now)
    updated: Mapped[datetime] = mapped_column(DateTime, default=now)


class AnnotationRow(Base):
    """The newest version of an object."""

    __tablename__ = "annotations"
    __table_args__ = (UniqueConstraint("image_id", "key"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    key: Mapped[str | None] = mapped_column(String(64), default=None)
    version: Mapped[int] = mapped_column(Integer)
    deleted: Mapped[bool] = mapped_column(Boolean, default=False)
    content: Mapped[str] = mapped_column(Text)
    """JSON, as `annotations.Content` has it."""
    created: Mapped[datetime] = mapped_column(DateTime)
    updated: Mapped[datetime] = mapped_column(DateTime)


class VersionRow(Base):
    """Each version that an object had, the newest too."""

    __tablename__ = "versions"
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotations.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    action: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime)


class ClassRow(Base):
    """A name for objects, and its colour."""

    __tablename__ = "classes"
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    colour: Mapped[str] = mapped_column(String(7))
