"""What the cache counts (operations §9): lookups by tier, their times, events inside the tiers."""

from __future__ import annotations

from bookstrack.model.enums import CacheSource
from bookstrack.telemetry.metrics import Metrics

_NAMES = {
    CacheSource.EDGE: "edge",
    CacheSource.KV: "kv",
    CacheSource.COLD: "cold",
    CacheSource.DB: "db",
    CacheSource.API: "api_miss",
    CacheSource.NONE: "api_miss",
}
_EVENTS = {
    CacheSource.KV: "kv_hit",
    CacheSource.COLD: "r2_rehydrated",
    CacheSource.DB: "db_hit",
    CacheSource.API: "api_miss",
    CacheSource.NONE: "api_miss",
}


class Tally:
    """Counts for one cache; the counters of every tier stand there from the start, at zero."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lookups = {s: metrics.cache_requests.labels(name) for s, name in _NAMES.items()}
        self._times = {s: metrics.cache_latency.labels(name) for s, name in _NAMES.items()}
        self._fresh = metrics.cache_events.labels("edge_hit_fresh")
        self._edge_lookups = self._lookups[CacheSource.EDGE]
        self._edge_times = self._times[CacheSource.EDGE]

    def fresh(self, seconds: float) -> None:
        """Count a lookup that memory answered; this one is on the fast way."""
        self._edge_lookups.inc()
        self._fresh.inc()
        self._edge_times.observe(seconds)

    def answered(self, source: CacheSource) -> None:
        """Count one caller's lookup by where its answer came from."""
        self._lookups[source].inc()

    def looked(self, source: CacheSource, seconds: float) -> None:
        """Observe the work of one lookup below memory, however many callers waited for it."""
        self._times[source].observe(seconds)
        self.happened(_EVENTS[source])

    def happened(self, event: str) -> None:
        """Count an event of data-model §3.6."""
        self._metrics.cache_events.labels(event).inc()

    def rehydrated(self) -> None:
        """Count an entry that was brought back from the cold tier."""
        self._metrics.cold_rehydrations.inc()

    def holds(self, entries: int, held: int) -> None:
        """Set how many entries and bytes memory holds."""
        self._metrics.cache_entries.labels("edge").set(entries)
        self._metrics.cache_bytes.labels("edge").set(held)
