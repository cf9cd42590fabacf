"""The names that objects can have, with their colours."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from hqsam.images.palette import colour_of
from hqsam.serving.store import Store
from hqsam.serving.store.tables import ClassRow


class Classes:
    """The table of classes: one short list, changed as a whole."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> "list[tuple[str, str]]":
        """Names and colours, in their order."""
        with self._store.reading() as session:
            rows = session.scalars(select(ClassRow).order_by(ClassRow.position))
            return [(row.name, row.colour) for row in rows]

    def replace(self, classes: Sequence[tuple[str, str]]) -> None:
        """Make it this list."""
        with self._store.writing() as session:
            session.execute(delete(ClassRow))
            session.add_all(
                ClassRow(position=position, name=name, colour=colour) for position, (name, colour) in enumerate(classes)
            )

    def ensure(self, names: Sequence[str]) -> None:
        """Add those that are missing, each in the next colour."""
        known = self.list()
        new = [name for name in dict.fromkeys(names) if name not in {name for name, _ in known}]
        colours = ["#{:02x}{:02x}{:02x}".format(*colour_of(len(known) + number)) for number in range(len(new))]
        if new:
            self.replace([*known, *zip(new, colours, strict=True)])
