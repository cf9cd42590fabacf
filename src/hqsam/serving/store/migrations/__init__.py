"""Changes of the database's tables between versions of hqsam, made by alembic when an older database is opened."""
