"""The tables of hqsam 0.1, which had no migrations: the revision that its databases are upgraded from."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """Do nothing: new databases get the newest tables at once."""
