"""The index of the cold tier: which cache key lies in which object."""

from __future__ import annotations

from sqlalchemy import delete

from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import cold_index
from bookstrack.storage.database.upsert import insert

_FIND = "SELECT object_path, checksum FROM cold_index WHERE cache_key = ?"


class ColdIndex:
    """Rows of ``cold_index``; every method may raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> tuple[str, str | None] | None:
        """Return object path and checksum of a key."""
        row = await self._database.first("cold_find", _FIND, key)
        return None if row is None else (row[0], row[1])

    async def add(
        self,
        key: str,
        path: str,
        *,
        checksum: str,
        archived_at: int,
        original_ttl: int | None,
        reason: str,
    ) -> None:
        """Write the row of a key, in place of an earlier one."""
        row = {
            "object_path": path,
            "archived_at": archived_at,
            "original_ttl": original_ttl,
            "reason": reason,
            "checksum": checksum,
        }
        statement = (
            insert(cold_index, self._database.dialect)
            .values(cache_key=key, **row)
            .on_conflict_do_update(index_elements=[cold_index.c.cache_key], set_=row)
        )
        async with self._database.begin("cold_add") as connection:
            await connection.execute(statement)

    async def remove(self, key: str) -> None:
        """Remove the row of a key; an absent one is no mistake."""
        async with self._database.begin("cold_remove") as connection:
            await connection.execute(delete(cold_index).where(cold_index.c.cache_key == key))
