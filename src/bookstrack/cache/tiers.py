"""Memory, shared and cold tier in front of a loader: the order of data-model §3.1.

A failing tier is logged and skipped. What a stale answer means, how long what lives and whether
the loader asks a database or a provider is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from bookstrack.background import Background
from bookstrack.cache.lower import ColdTier, SharedTier
from bookstrack.cache.memory import Entry, Facts, MemoryTier
from bookstrack.cache.stored import decode_entry, encode_entry
from bookstrack.cache.tally import Tally
from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, StorageProblem
from bookstrack.flights import Flights
from bookstrack.model.answer import Caution
from bookstrack.model.enums import CacheSource
from bookstrack.settings import CacheSettings
from bookstrack.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


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
    """An answer on its way out: the entry, the tier that gave it, and whether it is stale.

    ``remarks`` are warnings about the question; those about the entry stand in its facts.
    """

    key: str
    entry: Entry
    source: CacheSource
    stale: bool = False
    remarks: tuple[Caution, ...] = ()

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """Return what the caller should know, also where the answer comes from a cache."""
        return self.entry.facts.cautions + self.remarks

    @property
    def cached(self) -> bool:
        """Tell whether the answer was known here: no provider was asked for it."""
        return self.source not in (CacheSource.API, CacheSource.NONE)


Loader = Callable[[], Awaitable[Fresh]]
_COLD_WAIT_S = 0.5
_REHYDRATED_S = 7 * 86_400


class TieredCache:
    """Answers by key; equal questions share one load.

    What comes back from the cold tier lives seven days more (data-model §3.2), or
    ``CACHE_COLD_TTL_S`` where that is shorter.
    """

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
        self._settings = settings
        self._tally = Tally(metrics)
        self._flights: Flights[Hit] = Flights()
        self._background = Background()

    def peek(self, key: str) -> Hit | None:
        """Return a fresh answer that is to be had without waiting, or ``None``: then ``fetch``."""
        started = self._clock.monotonic()
        entry = self.memory.get(key)
        if entry is not None:
            return self._fresh(key, entry, started)
        if not self._shared.reads_inline:
            return None
        try:
            hit = self._read(key, self._shared.get_now(key)) or self._read(
                key, self._shared.get_now(_negative(key)), negative=True
            )
        except StorageProblem as problem:
            log.warning("shared_tier_skipped", problem=problem.message)
            return None
        return self._shared_hit(hit, started)

    def _fresh(self, key: str, entry: Entry, started: float) -> Hit | None:
        if self._clock.time() >= entry.fresh_until:
            return None
        self._tally.fresh(self._clock.monotonic() - started)
        return Hit(key=key, entry=entry, source=CacheSource.EDGE)

    def _shared_hit(self, hit: Hit | None, started: float) -> Hit | None:
        if hit is not None:
            self._tally.looked(hit.source, self._clock.monotonic() - started)
            self._tally.answered(hit.source)
        return hit

    async def fetch(self, key: str, load: Loader, *, keep: bool = True) -> Hit:
        """Return the answer of a key: from the fastest tier that has it, else from ``load``.

        Without ``keep`` the load is cancelled when everybody who waits for it has left.

        Raises:
            BooksTrackError: what the loader raised; it is kept in no tier.
        """
        started = self._clock.monotonic()
        entry = self.memory.get(key)
        seen = entry is None and self._shared.reads_inline
        if entry is not None:
            hit = self._fresh(key, entry, started)
        else:  # an inline tier does not wait here
            hit = self._shared_hit(await self._from_shared(key), started) if seen else None
        if hit is not None:
            return hit
        if entry is not None and self._clock.time() < entry.stale_until:
            self._refresh(key, load)
            self._tally.happened("edge_hit_stale")
            self._tally.answered(CacheSource.EDGE)
            return Hit(key=key, entry=entry, source=CacheSource.EDGE, stale=True)
        try:
            hit, joined = await self._flights.join(
                key, lambda: self._below_memory(key, load, seen=seen), keep=keep
            )
        except BooksTrackError:
            self._tally.answered(CacheSource.NONE)
            raise
        if joined:
            self._tally.happened("coalesced")
        self._tally.answered(hit.source)
        return hit

    async def _below_memory(self, key: str, load: Loader, *, seen: bool) -> Hit:
        started = self._clock.monotonic()
        hit = None if seen else await self._from_shared(key)
        hit = hit or await self._from_cold(key)
        if hit is None:
            hit = self._keepable(key, await load())
            await self._keep(hit)
        self._tally.looked(hit.source, self._clock.monotonic() - started)
        return hit

    async def _from_shared(self, key: str) -> Hit | None:
        try:
            return self._read(key, await self._shared.get(key)) or self._read(
                key, await self._shared.get(_negative(key)), negative=True
            )
        except StorageProblem as problem:
            log.warning("shared_tier_skipped", problem=problem.message)
            return None

    def _read(self, key: str, value: bytes | None, *, negative: bool = False) -> Hit | None:
        """Take over what the shared tier holds; what cannot be read is a miss."""
        entry = decode_entry(value, origin=CacheSource.KV) if value is not None else None
        if entry is None:
            return None
        if negative:
            self._tally.happened("negative_hit")
        self._remember(key, entry)
        return Hit(key=key, entry=entry, source=CacheSource.KV)

    async def _from_cold(self, key: str) -> Hit | None:
        """Bring an entry back; one that takes too long is there for the next request."""
        if self._cold is None:
            return None
        self._tally.happened("cold_check")
        reading = self._background.start(self._rehydrate(self._cold, key), f"cold {key[:80]}")
        pause = asyncio.ensure_future(self._clock.sleep(_COLD_WAIT_S))
        try:
            await asyncio.wait((reading, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
        if not reading.done():
            log.warning("cold_tier_slow", key=key)
            return None
        return reading.result()

    async def _rehydrate(self, cold: ColdTier, key: str) -> Hit | None:
        try:
            value = await cold.get(key)
        except StorageProblem as problem:
            log.warning("cold_tier_skipped", problem=problem.message)
            return None
        if value is None:
            return None
        entry = decode_entry(value, origin=CacheSource.COLD)
        known = self.memory.get(key)
        hit = None
        if entry is not None and (known is None or known.cached_at <= entry.cached_at):
            now = self._clock.time()
            entry.ttl = entry.age(now) + min(_REHYDRATED_S, self._settings.cold_ttl_s)
            hit = Hit(key=key, entry=entry, source=CacheSource.COLD)
            self._tally.rehydrated()
            if not await self._keep(hit):
                return hit
        self._background.start(cold.forget(key), f"forget cold {key[:80]}")
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
        return Hit(key=key, entry=entry, source=fresh.source)

    async def _keep(self, hit: Hit) -> bool:
        """Write to the shared tier, then to memory; tell whether the shared tier has it now."""
        entry = hit.entry
        left = entry.left(self._clock.time())
        if left < 1:
            return False
        name = hit.key if entry.facts.found else _negative(hit.key)
        written = True
        try:
            await self._shared.set(name, encode_entry(entry), ttl_s=left)
        except StorageProblem as problem:
            log.warning("shared_tier_skipped", problem=problem.message)
            written = False
        self._remember(hit.key, entry)
        return written

    def _remember(self, key: str, entry: Entry) -> None:
        now = self._clock.time()
        entry.fresh_until = now + min(self._settings.edge_fresh_s, entry.left(now))
        stale = self._settings.edge_stale_s if entry.facts.found else 0
        entry.stale_until = entry.fresh_until + stale
        self.memory.put(key, entry)

    def _refresh(self, key: str, load: Loader) -> None:
        if key not in self._flights:
            work = self._flights.join(key, lambda: self._below_memory(key, load, seen=False))
            self._background.start(work, f"refresh {key[:80]}")

    async def replace(self, key: str, fresh: Fresh) -> None:
        """Put a better answer where an earlier one stands, in every tier.

        The earlier one may still be on its way into the tiers, and must not come last.
        """
        await self._flights.landed(key)
        await self._keep(self._keepable(key, fresh))

    def observe(self) -> None:
        """Bring the gauges up to date; called when metrics are read."""
        self._tally.holds(len(self.memory), self.memory.bytes)

    async def close(self) -> None:
        """End background refreshes and running loads."""
        await self._flights.close()
        await self._background.close()


def _negative(key: str) -> str:
    return f"negative:{key}"
