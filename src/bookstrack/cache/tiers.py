"""Memory, shared and cold tier in front of a loader: the order of data-model §3.1.

A failing tier is logged and skipped. What a stale answer means, how long what lives and whether
the loader asks a database or a provider is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from msgspec import Struct

from bookstrack.cache.flights import Flights
from bookstrack.cache.memory import Entry, Facts, MemoryTier
from bookstrack.cache.stored import decode_entry, encode_entry
from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, StorageProblem
from bookstrack.model.answer import Caution
from bookstrack.model.enums import CacheSource
from bookstrack.settings import CacheSettings
from bookstrack.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class SharedTier(Protocol):
    """What this module needs of a key-value store."""

    @property
    def reads_inline(self) -> bool:
        """Tell whether ``get_now`` answers without waiting."""
        ...

    def get_now(self, key: str) -> bytes | None:
        """Read at once."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Read."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Write with a lifetime in seconds."""
        ...

    async def delete(self, *keys: str) -> None:
        """Forget keys."""
        ...


class ColdTier(Protocol):
    """Where rarely used answers rest: slow, but not lost."""

    async def get(self, key: str) -> bytes | None:
        """Read the stored form of an entry."""
        ...


class Fresh(Struct, frozen=True, kw_only=True):
    """What a loader found: the encoded payload and how it may be kept.

    ``ttl`` 0 means "do not keep". ``source`` is DB or API. An empty answer goes with
    ``facts.found`` false and its own short ``ttl``.
    """

    body: bytes
    facts: Facts
    source: CacheSource
    ttl: int
    quality: float = 0.0
    cached_at: float | None = None


class Hit(Struct, frozen=True, kw_only=True):
    """An answer on its way out: the entry, the tier that gave it, and whether it is stale."""

    key: str
    entry: Entry
    source: CacheSource
    stale: bool = False
    cautions: tuple[Caution, ...] = ()

    @property
    def cached(self) -> bool:
        """Tell whether the answer was known here: no provider was asked for it."""
        return self.source not in (CacheSource.API, CacheSource.NONE)


Loader = Callable[[], Awaitable[Fresh]]
_COLD_WAIT_S = 0.5


class TieredCache:
    """Answers by key; equal questions share one load."""

    def __init__(
        self,
        shared: SharedTier,
        *,
        clock: Clock,
        metrics: Metrics,
        settings: CacheSettings,
        cold: ColdTier | None = None,
    ) -> None:
        self.memory = MemoryTier(
            max_entries=settings.edge_max_entries, max_bytes=settings.edge_max_mb * 1024 * 1024
        )
        self._shared = shared
        self._cold = cold
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._flights: Flights[Hit] = Flights()
        self._refreshing: set[asyncio.Task[None]] = set()
        self._tiers = {
            source: metrics.cache_requests.labels(name)
            for source, name in (
                (CacheSource.EDGE, "edge"),
                (CacheSource.KV, "kv"),
                (CacheSource.COLD, "cold"),
                (CacheSource.DB, "db"),
                (CacheSource.API, "api_miss"),
                (CacheSource.NONE, "api_miss"),
            )
        }
        self._fresh_hits = metrics.cache_events.labels("edge_hit_fresh")

    def peek(self, key: str) -> Hit | None:
        """Return a fresh answer that is to be had without waiting, or ``None``."""
        now = self._clock.time()
        entry = self.memory.get(key)
        if entry is not None and now < entry.fresh_until:
            self._tiers[CacheSource.EDGE].inc()
            self._fresh_hits.inc()
            return _hit(key, entry, CacheSource.EDGE)
        if entry is not None or not self._shared.reads_inline:
            return None
        return self._peek_shared(key)

    def _peek_shared(self, key: str) -> Hit | None:
        try:
            value = self._shared.get_now(key)
        except StorageProblem as problem:
            log.warning("shared_tier_skipped", problem=problem.message)
            return None
        entry = decode_entry(value, origin=CacheSource.KV) if value is not None else None
        if entry is None:
            return None
        self._remember(key, entry)
        return self._counted(_hit(key, entry, CacheSource.KV))

    async def fetch(self, key: str, load: Loader) -> Hit:
        """Return the answer of a key: from the fastest tier that has it, else from ``load``.

        Raises:
            BooksTrackError: what the loader raised; it is kept in no tier.
        """
        hit = self.peek(key)
        if hit is not None:
            return hit
        entry = self.memory.get(key)
        if entry is not None and self._clock.time() < entry.stale_until:
            self._metrics.cache_events.labels("edge_hit_stale").inc()
            self._refresh(key, load)
            return self._counted(_hit(key, entry, CacheSource.EDGE, stale=True))
        hit, joined = await self._flights.join(key, lambda: self._below_memory(key, load))
        if joined:
            self._metrics.cache_events.labels("coalesced").inc()
        return hit

    async def _below_memory(self, key: str, load: Loader) -> Hit:
        started = self._clock.monotonic()
        hit = await self._from_shared(key) or await self._from_cold(key)
        if hit is None:
            hit = self._keepable(key, await load())
            await self._keep(hit)
        self._metrics.cache_latency.labels(hit.source.value.lower()).observe(
            self._clock.monotonic() - started
        )
        return self._counted(hit)

    def _counted(self, hit: Hit) -> Hit:
        self._tiers[hit.source].inc()
        return hit

    async def _from_shared(self, key: str) -> Hit | None:
        for name in (key, _negative(key)):
            try:
                value = await self._shared.get(name)
            except StorageProblem as problem:
                log.warning("shared_tier_skipped", problem=problem.message)
                return None
            entry = decode_entry(value, origin=CacheSource.KV) if value is not None else None
            if entry is not None:
                event = "kv_hit" if name == key else "negative_hit"
                self._metrics.cache_events.labels(event).inc()
                self._remember(key, entry)
                return _hit(key, entry, CacheSource.KV)
        return None

    async def _from_cold(self, key: str) -> Hit | None:
        if self._cold is None:
            return None
        self._metrics.cache_events.labels("cold_check").inc()
        try:
            async with asyncio.timeout(_COLD_WAIT_S):
                value = await self._cold.get(key)
        except (StorageProblem, TimeoutError) as problem:
            log.warning("cold_tier_skipped", problem=str(problem))
            return None
        entry = decode_entry(value, origin=CacheSource.COLD) if value is not None else None
        if entry is None:
            return None
        entry.ttl = entry.age(self._clock.time()) + self._settings.cold_ttl_s
        hit = _hit(key, entry, CacheSource.COLD)
        self._metrics.cold_rehydrations.inc()
        await self._keep(hit)
        return hit

    def _keepable(self, key: str, fresh: Fresh) -> Hit:
        entry = Entry(
            fresh.body,
            fresh.facts,
            cached_at=self._clock.time() if fresh.cached_at is None else fresh.cached_at,
            ttl=fresh.ttl,
            quality=fresh.quality,
            origin=fresh.source,
        )
        return _hit(key, entry, fresh.source)

    async def _keep(self, hit: Hit) -> None:
        entry = hit.entry
        left = entry.left(self._clock.time())
        if left < 1:
            return
        name = hit.key if entry.facts.found else _negative(hit.key)
        try:
            await self._shared.set(name, encode_entry(entry), ttl_s=left)
        except StorageProblem as problem:
            log.warning("shared_tier_skipped", problem=problem.message)
        self._remember(hit.key, entry)

    def _remember(self, key: str, entry: Entry) -> None:
        now = self._clock.time()
        entry.fresh_until = now + min(self._settings.edge_fresh_s, entry.left(now))
        stale = self._settings.edge_stale_s if entry.facts.found else 0
        entry.stale_until = entry.fresh_until + stale
        self.memory.put(key, entry)

    def _refresh(self, key: str, load: Loader) -> None:
        if key in self._flights:
            return
        task = asyncio.create_task(self._refresh_now(key, load), name=f"refresh {key[:80]}")
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _refresh_now(self, key: str, load: Loader) -> None:
        try:
            await self._flights.join(key, lambda: self._below_memory(key, load))
        except BooksTrackError as problem:
            log.warning("refresh_failed", code=problem.code, problem=problem.message)

    async def replace(self, key: str, fresh: Fresh) -> None:
        """Put a better answer where an earlier one stands, in every tier."""
        await self._keep(self._keepable(key, fresh))

    def observe(self) -> None:
        """Bring the gauges up to date; called when metrics are read."""
        self._metrics.cache_entries.labels("edge").set(len(self.memory))
        self._metrics.cache_bytes.labels("edge").set(self.memory.bytes)

    async def close(self) -> None:
        """End background refreshes and running loads."""
        for task in list(self._refreshing):
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        await self._flights.close()


def _hit(key: str, entry: Entry, source: CacheSource, *, stale: bool = False) -> Hit:
    return Hit(key=key, entry=entry, source=source, stale=stale, cautions=entry.facts.cautions)


def _negative(key: str) -> str:
    return f"negative:{key}"
