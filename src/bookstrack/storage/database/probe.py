"""The readiness probe's row: written and read back, so that a read-only database is noticed."""

from __future__ import annotations

from sqlalchemy import select

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import kv_entries
from bookstrack.storage.database.upsert import insert

_KEY = "probe:ready"


async def probe(database: Database, *, now: float) -> None:
    """Write a row and read it back.

    Raises:
        StorageUnavailable: the database cannot be written to or read.
    """
    moment = int(now)
    values = {"value": b"", "cached_at": moment, "ttl_seconds": 60, "expires_at": moment + 60}
    statement = (
        insert(kv_entries, database.dialect)
        .values(key=_KEY, **values)
        .on_conflict_do_update(index_elements=[kv_entries.c.key], set_=values)
    )
    async with database.begin("probe") as connection:
        await connection.execute(statement)
        written = select(kv_entries.c.cached_at).where(kv_entries.c.key == _KEY)
        if (await connection.execute(written)).scalar_one_or_none() != moment:
            raise StorageUnavailable("a row that was written cannot be read back")
