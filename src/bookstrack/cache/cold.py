"""The cold tier: answers as objects, found by an index (data-model §3.5).

An object is written before its index row and removed before it, so that an interruption leaves at
worst an object that nobody finds.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote

import structlog

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable

log = structlog.get_logger(__name__)

_LONGEST_NAME = 200
_LARGEST = 64 * 1024 * 1024


class Objects(Protocol):
    """Where the bytes lie; every method may raise StorageUnavailable."""

    async def get(self, path: str, *, at_most: int) -> bytes | None:
        """Return an object, None when it is absent or larger."""
        ...

    async def put(self, path: str, data: bytes, *, content_type: str | None = None) -> None:
        """Write an object."""
        ...

    async def delete(self, path: str) -> None:
        """Remove an object; an absent one is no mistake."""
        ...


class Index(Protocol):
    """Which key lies where; every method may raise StorageUnavailable."""

    async def find(self, key: str) -> tuple[str, str | None] | None:
        """Return object path and checksum (SHA-256, hexadecimal) of a key."""
        ...

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
        """Write the row of a key; ``archived_at`` in epoch seconds, the lifetime in s."""
        ...

    async def remove(self, key: str) -> None:
        """Remove the row of a key."""
        ...


class ColdStore:
    """Entries in their stored form; every method may raise StorageUnavailable."""

    def __init__(self, objects: Objects, index: Index, clock: Clock) -> None:
        self._objects = objects
        self._index = index
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """Return the stored form of an entry; one that is lost or damaged leaves the index."""
        found = await self._index.find(key)
        if found is None:
            return None
        path, checksum = found
        value = await self._objects.get(path, at_most=_LARGEST)
        if value is not None and checksum in (None, _checksum(value)):
            return value
        log.warning("cold_corrupt", key=key, path=path, missing=value is None)
        await self._index.remove(key)
        return None

    async def put(self, key: str, value: bytes, *, original_ttl: int, reason: str) -> None:
        """Store an entry and read it back before the index says that it is there."""
        now = self._clock.time()
        before = await self._index.find(key)
        path = object_path(key, now)
        await self._objects.put(path, value, content_type="application/json")
        if await self._objects.get(path, at_most=_LARGEST) != value:
            raise StorageUnavailable("an object that was written cannot be read back")
        await self._index.add(
            key,
            path,
            checksum=_checksum(value),
            archived_at=int(now),
            original_ttl=original_ttl,
            reason=reason,
        )
        if before is not None and before[0] != path:
            await self._objects.delete(before[0])

    async def forget(self, key: str) -> None:
        """Remove an entry that lives in a faster tier again."""
        found = await self._index.find(key)
        if found is not None:
            await self._objects.delete(found[0])
            await self._index.remove(key)


def object_path(key: str, now: float) -> str:
    """Return where the object of a key lies: by UTC month, under a name fit for every store."""
    name = quote(key, safe="")
    if len(name) > _LONGEST_NAME:
        name = f"sha256-{hashlib.sha256(key.encode()).hexdigest()}"
    return f"cold-cache/{datetime.fromtimestamp(now, UTC):%Y/%m}/{name}.json"


def _checksum(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
