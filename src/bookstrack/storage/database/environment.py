"""Which environment a database serves: a mark that shows when two of them share it."""

from __future__ import annotations

from sqlalchemy import select

from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import kv_entries
from bookstrack.storage.database.upsert import insert

_KEY = "mark:environment"
_NEVER = 253_402_300_799  # the last second of the year 9999


async def environment_of(database: Database) -> str | None:
    """Return the environment that last served from this database, if any did.

    Raises:
        StorageUnavailable: the database cannot be reached.
    """
    statement = select(kv_entries.c.value).where(kv_entries.c.key == _KEY)
    async with database.connect("environment_read") as connection:
        value = (await connection.execute(statement)).scalar_one_or_none()
    return None if value is None else bytes(value).decode()


async def mark_environment(database: Database, name: str, *, now: float) -> None:
    """Remember that this environment serves from the database.

    Raises:
        StorageUnavailable: the database cannot be reached.
    """
    values = {
        "value": name.encode(),
        "cached_at": int(now),
        "ttl_seconds": 0,
        "expires_at": _NEVER,
    }
    statement = (
        insert(kv_entries, database.dialect)
        .values(key=_KEY, **values)
        .on_conflict_do_update(index_elements=[kv_entries.c.key], set_=values)
    )
    async with database.begin("environment_mark") as connection:
        await connection.execute(statement)
