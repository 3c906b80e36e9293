"""Alembic revisions of auth's database."""
