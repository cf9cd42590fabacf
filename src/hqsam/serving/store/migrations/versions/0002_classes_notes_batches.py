"""Classes get fixed numbers and keys, images notes, annotations a class that can be searched, and changes batches."""

import json

import sqlalchemy as sa
from alembic import op

from hqsam.images.palette import colour_of

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add columns and tables; number the classes in their order, then those that only annotations name."""
    op.add_column("images", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("classes", sa.Text()),
        sa.Column("at", sa.DateTime(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.add_column("versions", sa.Column("batch_id", sa.Integer()))
    op.create_index("ix_versions_batch_id", "versions", ["batch_id"])
    op.add_column("annotations", sa.Column("class_name", sa.Text(), nullable=False, server_default=""))
    names = _fill_class_names()
    op.create_index("ix_annotations_class_name", "annotations", ["class_name"])
    _number_classes(names)


def _fill_class_names() -> list[str]:
    """Copy each class from the annotation's JSON to its column; return the names in use, in order of appearance."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, deleted, content FROM annotations ORDER BY image_id, id")).all()
    known = [(row.id, json.loads(row.content)["class_name"], row.deleted) for row in rows]
    if known:
        statement = sa.text("UPDATE annotations SET class_name = :name WHERE id = :id")
        connection.execute(statement, [{"name": name, "id": number} for number, name, _ in known])
    return list(dict.fromkeys(name for _, name, deleted in known if not deleted))


def _number_classes(in_use: list[str]) -> None:
    connection = op.get_bind()
    old = connection.execute(sa.text("SELECT name, colour FROM classes ORDER BY position")).all()
    colours = {row.name: row.colour for row in old}
    names = [*colours, *(name for name in in_use if name not in colours)]
    op.drop_table("classes")
    table = op.create_table(
        "classes",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("colour", sa.String(7), nullable=False),
        sa.Column("key", sa.String(1)),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
    )
    op.bulk_insert(
        table,
        [
            {
                "number": place + 1,
                "name": name,
                "colour": colours.get(name, "#{:02x}{:02x}{:02x}".format(*colour_of(place))),
                "key": str(place + 1) if place < 9 else None,
                "position": place,
                "removed": False,
            }
            for place, name in enumerate(names)
        ],
    )
