"""INSERT … ON CONFLICT, spelled alike by SQLite and PostgreSQL but kept apart by SQLAlchemy."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from bookstrack.storage.database.engine import Dialect

Insert = sqlite.Insert | postgresql.Insert


def insert(table: Table, dialect: Dialect) -> Insert:
    """Return an INSERT that knows ``on_conflict_do_update``, ``excluded`` and ``returning``."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
