"""Small pieces of SQL that differ between the engines or repeat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, Table, bindparam, text
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from bookstrack.storage.database.upsert import Insert, insert

Row = dict[str, Any]
_AT_ONCE = 5000  # both drivers end at 32 thousand parameters
_CATALOGUE_LOCK = 0x636174  # "cat"


def chunks(values: Collection[Any]) -> Iterator[Sequence[Any]]:
    """Yield lists short enough for one IN clause; none for no values."""
    listed = list(values)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]


class Lookup:
    """A SELECT of the rows whose column has one of many values.

    Made once and used again and again: making a statement costs more than running it.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]], column: ColumnElement[Any]) -> None:
        self._statement = statement.where(column.in_(bindparam("among", expanding=True)))

    def __call__(
        self, connection: Connection, values: Collection[Any], **parameters: Any
    ) -> Iterator[Row]:
        """Yield the rows; ``parameters`` are those the statement has besides."""
        for some in chunks(values):
            result = connection.execute(self._statement, {"among": some, **parameters})
            names = tuple(result.keys())
            for row in result:
                yield dict(zip(names, row, strict=True))


def _insert(postgresql: bool, table: Table) -> Insert:
    return insert(table, "postgresql" if postgresql else "sqlite")


def _speaks_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


@cache
def _adding(postgresql: bool, table: Table) -> Executable:
    return _insert(postgresql, table).on_conflict_do_nothing()


@cache
def _putting(
    postgresql: bool, table: Table, names: tuple[str, ...], kept: tuple[str, ...]
) -> Executable:
    statement = _insert(postgresql, table)
    keys = [column.name for column in table.primary_key]
    replaced = {
        name: statement.excluded[name] for name in names if name not in keys and name not in kept
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=replaced)


@cache
def _numbering(table: Table) -> Executable:
    return table.insert().returning(table.c.id)


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; those whose key exists stay as they are."""
    if rows:
        connection.execute(_adding(_speaks_postgresql(connection), table), rows)


def put(
    connection: Connection, table: Table, rows: Sequence[Row], *, kept: Collection[str] = ()
) -> None:
    """Insert rows of equal columns, or replace all of their columns but the ``kept`` ones."""
    if not rows:
        return
    statement = _putting(_speaks_postgresql(connection), table, tuple(rows[0]), tuple(kept))
    connection.execute(statement, list(rows))


def insert_id(connection: Connection, table: Table, row: Row) -> int:
    """Insert a row and return the number the database gave it."""
    return connection.execute(_numbering(table), row).scalar_one()


def one_catalogue_writer(connection: Connection) -> None:
    """Wait until no other process writes the catalogue; holds until the transaction ends.

    Identity rules read before they write, so two writers at once could make one book twice.
    SQLite has one writer anyway.
    """
    if _speaks_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CATALOGUE_LOCK})
