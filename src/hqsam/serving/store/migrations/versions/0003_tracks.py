"""Objects along sequences: a number that an object's annotations share, and whether following made them."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the columns; no annotation has a number yet."""
    op.add_column("annotations", sa.Column("track", sa.Integer()))
    op.add_column("annotations", sa.Column("tracked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_annotations_track", "annotations", ["track"])
