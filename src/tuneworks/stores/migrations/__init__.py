"""The store's tables through time: one Alembic revision a file."""
