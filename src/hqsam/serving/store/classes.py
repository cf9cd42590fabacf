"""The list of classes: names of objects with fixed numbers, colours and keys."""

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hqsam.errors import OptionError
from hqsam.images.palette import colour_of
from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import ConflictError, NotFoundError
from hqsam.serving.store.tables import AnnotationRow, ClassRow, Metadata

_KEYS = "123456789"
"""Keys that classes get by themselves."""


@dataclass(frozen=True)
class ClassInfo:
    """A class of objects."""

    number: int
    """From 1, and never given to another class."""
    name: str
    colour: str
    """#rrggbb."""
    key: str | None = None
    removed: bool = False
    """True if it is no longer in the list."""


@dataclass(frozen=True)
class ClassEntry:
    """A class to put into the list; fields that are None stay as they are, or are chosen."""

    name: str
    colour: str | None = None
    key: str | None = None
    number: int | None = None


class ClassTable:
    """Reads and sets the list of classes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> "list[ClassInfo]":
        """Return the classes in their order."""
        return [one for one in self.with_removed() if not one.removed]

    def with_removed(self) -> "list[ClassInfo]":
        """Return the classes in their order, also those that are no longer in the list."""
        with self._database.reading() as session:
            return read_classes(session)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return the number of annotations, and of images with some, of each class that has any."""
        counted = select(AnnotationRow.class_name, func.count(), func.count(AnnotationRow.image_id.distinct()))
        with self._database.reading() as session:
            rows = session.execute(counted.where(_IN_USE).group_by(AnnotationRow.class_name))
            return {name: (annotations, images) for name, annotations, images in rows}

    def replace(self, entries: Sequence[ClassEntry], *, renumber: bool = False) -> None:
        """Set order, colours and keys. Classes that are not named are removed, but those with annotations stay.

        Args:
            entries: the list.
            renumber: give classes the numbers of the entries; others that have them get new ones.

        Raises:
            OptionError: two entries have one name or one key.
            ConflictError: a number belongs to another name.
        """
        _check_unique("name", [entry.name for entry in entries])
        with self._database.writing() as session:
            known = read_classes(session, for_update=True)
            known = _renumbered(entries, known) if renumber else known
            named = {entry.name for entry in entries}
            used = names_in_use(session)
            rest = [one if one.name in used else removed_class(one) for one in known if one.name not in named]
            write_classes(session, [*_placed(entries, known), *rest])

    def add(self, entry: ClassEntry) -> None:
        """Put one class at the end of the list, or change it where it is; all others stay as they are.

        A key that another class has is not taken.

        Raises:
            ConflictError: the number belongs to another name.
        """
        with self._database.writing() as session:
            known = read_classes(session, for_update=True)
            if entry.key in {one.key for one in known if one.name != entry.name}:
                entry = replace(entry, key=None)
            (added,) = _placed([entry], known)
            listed = any(one.name == entry.name and not one.removed for one in known)
            others = [one for one in known if one.name != entry.name]
            changed = [added if one.name == entry.name else one for one in known]
            write_classes(session, changed if listed else [*others, added])


_NEXT_POSITION = select(func.coalesce(func.max(ClassRow.position), -1) + 1)
_IN_USE = AnnotationRow.deleted.is_(False)


def read_classes(session: Session, *, for_update: bool = False) -> list[ClassInfo]:
    """Return all classes in their order, also removed ones; with `for_update`, no other transaction changes them."""
    if for_update:  # a row that is always there
        session.scalar(select(Metadata).where(Metadata.name == "format").with_for_update())
    rows = session.scalars(select(ClassRow).order_by(ClassRow.position)).all()
    return [ClassInfo(row.number, row.name, row.colour, row.key, row.removed) for row in rows]


def write_classes(session: Session, classes: Sequence[ClassInfo]) -> None:
    """Replace the whole list.

    Raises:
        OptionError: two classes have one key.
    """
    _check_unique("key", [one.key for one in classes if one.key])
    session.execute(delete(ClassRow))
    session.add_all(ClassRow(**asdict(one), position=position) for position, one in enumerate(classes))
    session.flush()


def ensure_classes(session: Session, names: Iterable[str]) -> None:
    """Add the names that are not in the list, each with the next number and colour, and a key while there is one."""
    wanted = dict.fromkeys(names)
    there = select(func.count()).where(ClassRow.name.in_(wanted), ClassRow.removed.is_(False))
    if session.scalar(there) == len(wanted):
        return
    known = read_classes(session, for_update=True)
    listed = {one.name for one in known if not one.removed}
    for one in _placed([ClassEntry(name) for name in wanted if name not in listed], known):
        session.merge(ClassRow(**asdict(one), position=session.scalar(_NEXT_POSITION)))
        session.flush()


def change_class(
    session: Session, number: int, change: Callable[[ClassInfo], ClassInfo]
) -> tuple[ClassInfo, ClassInfo]:
    """Change one class of the list; return it as it was and as it is.

    Raises:
        NotFoundError: no class has that number.
        ConflictError: the new name is another class's.
        OptionError: the new key is another class's.
    """
    classes = read_classes(session, for_update=True)
    before = next((one for one in classes if one.number == number and not one.removed), None)
    if before is None:
        raise NotFoundError(f"there is no class {number}")
    after = change(before)
    if any(one.name == after.name and one.number != number and not one.removed for one in classes):
        raise ConflictError(f"there is a class {after.name!r} already; merge the two instead")
    freed = [_renamed_apart(one) if one.name == after.name and one.removed else one for one in classes]
    write_classes(session, [after if one.number == number else one for one in freed])
    return before, after


def names_in_use(session: Session) -> set[str]:
    """Return the classes that annotations have."""
    return set(session.scalars(select(AnnotationRow.class_name).where(_IN_USE).distinct()))


def classes_to_json(before: Sequence[ClassInfo], after: Sequence[ClassInfo]) -> str:
    """Return two states of the list as a batch stores them."""
    return json.dumps([[asdict(one) for one in state] for state in (before, after)])


def classes_from_json(text: str) -> "tuple[list[ClassInfo], list[ClassInfo]]":
    """Return the two states that `classes_to_json` has written."""
    before, after = ([ClassInfo(**one) for one in state] for state in json.loads(text))
    return before, after


def removed_class(one: ClassInfo) -> ClassInfo:
    """Return the class as one that is no longer in the list; its number stays its own."""
    return replace(one, removed=True, key=None)


def _placed(entries: Sequence[ClassEntry], known: Sequence[ClassInfo]) -> "list[ClassInfo]":
    """Return a class for each entry: what is known of its name, and for new names the next number, colour and key."""
    bases = {one.name: one for one in known}
    taken = {one.number: one.name for one in known}
    for entry in entries:
        if entry.number is not None and taken.setdefault(entry.number, entry.name) != entry.name:
            raise ConflictError(f"number {entry.number} is that of {taken[entry.number]!r}; numbers are fixed")
    named = {entry.name for entry in entries}
    keys = {entry.key for entry in entries} | {one.key for one in known if one.name not in named}
    free_keys = [key for key in _KEYS if key not in keys | {one.key for one in known}]
    placed = []
    for entry in entries:
        base = bases.get(entry.name)
        number = entry.number or (base.number if base else max(taken, default=0) + 1)
        if base and number != base.number:
            raise ConflictError(f"{entry.name!r} has the number {base.number}, not {number}; numbers are fixed")
        taken[number] = entry.name
        colour = entry.colour or (base.colour if base else "#{:02x}{:02x}{:02x}".format(*colour_of(number - 1)))
        key = entry.key or (base.key if base else None)
        if key is None and free_keys and (base is None or base.removed):
            key = free_keys.pop(0)
        placed.append(ClassInfo(number, entry.name, colour, key))
    return placed


def _renumbered(entries: Sequence[ClassEntry], known: Sequence[ClassInfo]) -> "list[ClassInfo]":
    """Return the known classes with the numbers that entries ask for; those that lose theirs get the next ones."""
    wanted = {entry.name: entry.number for entry in entries if entry.number is not None}
    last = max([one.number for one in known] + list(wanted.values()), default=0)
    further = itertools.count(last + 1)
    return [
        replace(one, number=wanted[one.name])
        if one.name in wanted
        else replace(one, number=next(further) if one.number in wanted.values() else one.number)
        for one in known
    ]


def _renamed_apart(one: ClassInfo) -> ClassInfo:
    return replace(one, name=f"{one.name} ({one.number}, removed)")


def _check_unique(what: str, values: Sequence[str]) -> None:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise OptionError(f"two classes have the {what} {twice!r}; each needs its own")
