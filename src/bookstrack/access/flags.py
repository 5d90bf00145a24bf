"""Feature flags: read from the database, remembered for seconds, changed for everybody at once.

The database holds the truth. A change is told to other processes over the bus; who misses that
sees it when what is remembered is five seconds old (operations §3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog
from msgspec.structs import replace

from bookstrack.clock import Clock
from bookstrack.errors import InvalidRequest, StorageProblem
from bookstrack.model.flag import Flag
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.kv.base import KeyValue

log = structlog.get_logger(__name__)

REMEMBER_S = 5.0
SSE_ROLLOUT = "sseRollout"
AI_CSV_PARSER = "ai_csv_parser"
"""Off: export files are read without AI."""
_NEWS = "flags"
_MIRROR_S = 10 * 365 * 86_400


class Store(Protocol):
    """Where flags are kept; every method may raise StorageUnavailable."""

    async def read(self) -> dict[str, Flag]:
        """Return every flag that somebody has set, by name."""
        ...

    async def write(self, flag: Flag) -> None:
        """Insert or replace a flag."""
        ...

    async def remove(self, name: str) -> None:
        """Forget a flag."""
        ...


def default_flags(*, semantic_search: bool = False, ai: bool = False) -> dict[str, Flag]:
    """Return the flags there are, as they stand while nobody has set them.

    ``semantic_search`` tells whether there is a backend for it, ``ai`` whether a model can read
    tables.
    """
    on = (
        "enable_d1_reads",
        "enable_d1_writes",
        "useHTTPEnrichment",
        "useBatchEnrichmentSSE",
        "useBookshelfScanSSE",
        "similar_books",
        "weekly_recommendations",
        "wikidata_enrichment",
        "cover_harvest",
        "cache_warming",
        "cold_archive",
    )
    flags = [Flag(name=name) for name in on]
    flags.append(Flag(name=SSE_ROLLOUT, salt="bookstrack:sse-rollout:v1"))
    flags.append(Flag(name="semantic_search", enabled=semantic_search))
    flags.append(Flag(name=AI_CSV_PARSER, enabled=ai))
    return {flag.name: flag for flag in flags}


class Flags:
    """Answers whether a feature is on for somebody.

    While the database cannot be read, what was known last holds, and the defaults before that.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        defaults: Mapping[str, Flag],
        mirror: KeyValue | None = None,
        bus: Bus | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._defaults = dict(defaults)
        self._mirror = mirror
        self._bus = bus
        self._set: dict[str, Flag] = {}
        self._fresh_until = float("-inf")
        self._reading = asyncio.Lock()
        self._was_read = False
        self._leave = bus.subscribe(self._heard) if bus is not None else None

    async def enabled(
        self, name: str, user_id: str | None = None, *, isbn: str | None = None
    ) -> bool:
        """Tell whether a feature is on; one that nobody knows is off.

        Without a user a flag that is rolled out in part is off, unless it guards the lookup of
        an ``isbn``: then that number decides.
        """
        return (await self.flag(name)).on(user_id, isbn=isbn)

    async def flag(self, name: str) -> Flag:
        """Return one flag as it stands now."""
        known = await self._known()
        return known.get(name) or self._defaults.get(name) or Flag(name=name, enabled=False)

    async def every(self) -> dict[str, Flag]:
        """Return all flags as they stand now, by name."""
        return {**self._defaults, **await self._known()}

    async def change(
        self,
        name: str,
        *,
        enabled: bool | None = None,
        rollout: int | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Flag:
        """Switch a flag, or roll it out further or back; return it as it is now.

        Raises:
            InvalidRequest: the percentage is not within 0 and 100.
            StorageUnavailable: it could not be written.
        """
        before = await self.flag(name)
        known = name in self._defaults or name in self._set
        return await self.put(
            replace(
                before,
                enabled=(before.enabled or not known) if enabled is None else enabled,
                rollout=before.rollout if rollout is None else rollout,
                updated_by=by,
                reason=reason,
            )
        )

    async def put(self, flag: Flag) -> Flag:
        """Write a whole flag and tell everybody; return it with the time of the change.

        Raises:
            InvalidRequest: the percentage is not within 0 and 100.
            StorageUnavailable: it could not be written.
        """
        if not 0 <= flag.rollout <= 100:
            raise InvalidRequest("A rollout is 0 to 100 percent", details={"flag": flag.name})
        flag = replace(flag, salt=flag.salt or flag.name, updated_at=self._clock.time())
        await self._store.write(flag)
        await self._tell(flag)
        return flag

    async def remove(self, name: str) -> None:
        """Let the configured default of a flag hold again.

        Raises:
            StorageUnavailable: it could not be written.
        """
        await self._store.remove(name)
        await self._tell(self._defaults.get(name) or Flag(name=name, enabled=False))

    async def _tell(self, flag: Flag) -> None:
        """Spread a change. What fails here is made up for by the next reading of the database."""
        self._fresh_until = float("-inf")
        if self._mirror is not None:
            value = b"true" if flag.enabled and flag.rollout > 0 else b"false"
            try:
                await self._mirror.set(f"feature:{flag.name}", value, ttl_s=_MIRROR_S)
            except StorageProblem as problem:
                log.warning("flag_unmirrored", flag=flag.name, problem=problem.message)
        if self._bus is not None:
            await self._bus.publish(_NEWS)

    def _heard(self, text: str) -> None:
        if text == _NEWS:
            self._fresh_until = float("-inf")

    async def _known(self) -> dict[str, Flag]:
        """Return the flags that are set, read anew when they are five seconds old."""
        if self._clock.monotonic() < self._fresh_until:
            return self._set
        if self._reading.locked() and self._was_read:
            return self._set  # one waits for the database, the others do not
        async with self._reading:
            if self._clock.monotonic() >= self._fresh_until:
                await self._read()
        return self._set

    async def _read(self) -> None:
        # Set before reading: news that arrives meanwhile must have it read once more.
        self._fresh_until = self._clock.monotonic() + REMEMBER_S
        try:
            self._set = await self._store.read()
            self._was_read = True
        except StorageProblem as problem:
            log.warning("flags_unread", problem=problem.message)

    def close(self) -> None:
        """Listen for changes no longer."""
        if self._leave is not None:
            self._leave()
            self._leave = None
