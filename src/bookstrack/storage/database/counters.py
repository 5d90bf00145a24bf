"""Counting against limits where several processes share only a database (operations §5.2)."""

from __future__ import annotations

from sqlalchemy import case, delete, select

from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import rate_windows
from bookstrack.storage.database.upsert import insert
from bookstrack.storage.kv.base import Count


class DatabaseCounters:
    """Fixed windows, each begun by its first hit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hit(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full; one atomic statement.

        The stored number stops at ``limit + 1``, which stands for "full, and asked again": so the
        one returned number also tells whether this hit was allowed.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        old = rate_windows.c
        over = old.expires_at <= now
        full = old.count > limit
        fresh = {"count": 1, "started_at": now, "expires_at": now + window_s}
        statement = (
            insert(rate_windows, self._database.dialect)
            .values(key=key, **fresh)
            .on_conflict_do_update(
                index_elements=[old.key],
                set_={
                    "count": case((over, 1), (full, old.count), else_=old.count + 1),
                    "started_at": case((over, now), else_=old.started_at),
                    "expires_at": case((over, now + window_s), else_=old.expires_at),
                },
            )
            .returning(old.count, old.expires_at)
        )
        async with self._database.begin("rate_hit") as connection:
            count, resets_at = (await connection.execute(statement)).one()
        return Count(allowed=count <= limit, used=min(count, limit), resets_at=resets_at)

    async def sweep(self, limit: int, *, now: float) -> int:
        """Delete up to ``limit`` windows that are over; return how many went."""
        keys = select(rate_windows.c.key).where(rate_windows.c.expires_at <= now).limit(limit)
        statement = delete(rate_windows).where(
            rate_windows.c.key.in_(keys), rate_windows.c.expires_at <= now
        )
        async with self._database.begin("rate_sweep") as connection:
            return (await connection.execute(statement)).rowcount
