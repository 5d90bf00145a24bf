"""Small pieces of SQL that differ between the engines or repeat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.engine import Connection

from bookstrack.storage.database.upsert import Insert, insert

Row = dict[str, Any]
_AT_ONCE = 5000  # both drivers end at 32 thousand parameters
_CATALOGUE_LOCK = 0x636174  # "cat"


def chunks(values: Collection[Any]) -> Iterator[Sequence[Any]]:
    """Yield lists short enough for one IN clause; none for no values."""
    listed = list(values)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]


def _insert(connection: Connection, table: Table) -> Insert:
    is_postgresql = connection.dialect.name == "postgresql"
    return insert(table, "postgresql" if is_postgresql else "sqlite")


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; those whose key exists stay as they are."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def put(
    connection: Connection, table: Table, rows: Sequence[Row], *, kept: Collection[str] = ()
) -> None:
    """Insert rows of equal columns, or replace all of their columns but the ``kept`` ones."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    replaced = {
        name: statement.excluded[name] for name in rows[0] if name not in keys and name not in kept
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=replaced), list(rows)
    )


def insert_id(connection: Connection, table: Table, row: Row) -> int:
    """Insert a row and return the number the database gave it."""
    return connection.execute(table.insert().returning(table.c.id), row).scalar_one()


def one_catalogue_writer(connection: Connection) -> None:
    """Wait until no other process writes the catalogue; holds until the transaction ends.

    Identity rules read before they write, so two writers at once could make one book twice.
    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CATALOGUE_LOCK})
