"""The table of classes: names of objects with their colours."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from hqsam.images.palette import colour_of
from hqsam.serving.store.database import Database
from hqsam.serving.store.tables import ClassRow


class ClassTable:
    """Reads and changes the list of classes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> "list[tuple[str, str]]":
        """Return names and colours in their order."""
        with self._database.reading() as session:
            rows = session.scalars(select(ClassRow).order_by(ClassRow.position))
            return [(row.name, row.colour) for row in rows]

    def replace(self, classes: Sequence[tuple[str, str]]) -> None:
        """Replace the list."""
        with self._database.writing() as session:
            session.execute(delete(ClassRow))
            session.add_all(
                ClassRow(position=position, name=name, colour=colour) for position, (name, colour) in enumerate(classes)
            )

    def ensure(self, names: Sequence[str]) -> None:
        """Add the names that are missing, each in the next colour."""
        known = self.list()
        new = [name for name in dict.fromkeys(names) if name not in {name for name, _ in known}]
        colours = ["#{:02x}{:02x}{:02x}".format(*colour_of(len(known) + number)) for number in range(len(new))]
        if new:
            self.replace([*known, *zip(new, colours, strict=True)])
