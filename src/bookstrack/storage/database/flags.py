"""Feature flags as they are kept: one row each, read all at once."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from bookstrack.model.flag import Flag
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.sql import Row, put
from bookstrack.storage.database.tables import feature_flags

_NAMES = msgspec.json.Decoder(tuple[str, ...])


class FlagStore:
    """Reads and writes flags; every method raises ``StorageUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> dict[str, Flag]:
        """Return every flag that somebody has set, by name."""
        return await self._database.run("flags_read", _read, writes=False)

    async def write(self, flag: Flag) -> None:
        """Insert or replace a flag."""
        row = _row(flag)
        await self._database.run("flags_write", lambda c: put(c, feature_flags, [row]), writes=True)

    async def remove(self, name: str) -> None:
        """Forget a flag: its configured default holds again."""
        gone = feature_flags.delete().where(feature_flags.c.name == name)
        await self._database.run("flags_remove", lambda c: c.execute(gone), writes=True)


def _read(connection: Connection) -> dict[str, Flag]:
    rows = connection.execute(select(feature_flags)).mappings()
    return {row["name"]: _flag(row) for row in rows}


def _flag(row: Any) -> Flag:
    return Flag(
        name=row["name"],
        enabled=bool(row["enabled"]),
        rollout=row["rollout"],
        allow=_NAMES.decode(row["allow_json"]),
        deny=_NAMES.decode(row["deny_json"]),
        salt=row["salt"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        reason=row["reason"],
    )


def _row(flag: Flag) -> Row:
    return {
        "name": flag.name,
        "enabled": int(flag.enabled),
        "rollout": flag.rollout,
        "allow_json": msgspec.json.encode(flag.allow).decode(),
        "deny_json": msgspec.json.encode(flag.deny).decode(),
        "salt": flag.salt or flag.name,
        "updated_at": flag.updated_at,
        "updated_by": flag.updated_by,
        "reason": flag.reason,
    }
