"""Counts requests per caller and class (operations §5.2).

The counting is our own: throttled-py's fixed window is cut by its own wall clock
(``now // period``) and counts refused calls too, ours begins with a caller's first request.
"""

from __future__ import annotations

import math

import structlog
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.limits.patience import PatientCounters
from bookstrack.limits.rules import RateClass, Rates
from bookstrack.settings import LimitSettings, Rate
from bookstrack.storage.kv.base import Count, Counters
from bookstrack.telemetry.metrics import Metrics

_HOUR_S = 3600
_GLOBAL = "global"
_WARN_EVERY_S = 60.0
_SWEEP_AT = 1024

_log = structlog.get_logger(__name__)


class Verdict(Struct, frozen=True, kw_only=True):
    """May this request pass; ``resets_at`` is a rounded-up epoch second, ``retry_after`` ≥ 1."""

    allowed: bool
    limit: int
    remaining: int
    resets_at: int
    retry_after: int


class MemoryCounters:
    """Counters of one process; synchronous, so that nothing can come between check and count."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, float]] = {}
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._windows)

    async def hit(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full."""
        return self.hit_now(key, limit=limit, window_s=window_s, now=now)

    def hit_now(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full."""
        used, resets_at = self._windows.get(key, (0, 0.0))
        if resets_at <= now:
            used, resets_at = 0, now + window_s
            if len(self._windows) >= self._sweep_at:
                self._sweep(now)
        if used >= limit:
            return Count(False, used, resets_at)
        self._windows[key] = (used + 1, resets_at)
        return Count(True, used + 1, resets_at)

    def take_back(self, key: str) -> None:
        """Undo one hit of a window that still stands."""
        used, resets_at = self._windows.get(key, (0, 0.0))
        if used:
            self._windows[key] = (used - 1, resets_at)

    def _sweep(self, now: float) -> None:
        """Drop windows that are over; run when the number has doubled, so the cost spreads."""
        self._windows = {key: kept for key, kept in self._windows.items() if kept[1] > now}
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._windows))


class Limiter:
    """Says whether a caller may go on; every answer of ``allowed`` has counted the request.

    ``counters`` None counts in this process. Switching limits off and exempt addresses are the
    caller's business.
    """

    def __init__(
        self,
        settings: LimitSettings,
        *,
        clock: Clock,
        metrics: Metrics,
        counters: Counters | None = None,
    ) -> None:
        self._rates = Rates(settings)
        self._ceiling = Rate(settings.global_per_hour, _HOUR_S)
        self._fail_open = settings.fail_open
        self._clock = clock
        self._metrics = metrics
        self._memory = MemoryCounters()
        self._counters = None if counters is None else PatientCounters(counters, clock)
        self._warn_at = -math.inf

    @property
    def counts_in_memory(self) -> bool:
        """Tell whether ``check_now`` may be used."""
        return self._counters is None

    async def check(self, rate_class: RateClass, identity: str, *, authenticated: bool) -> Verdict:
        """Check and count in one atomic step.

        When counting fails the request passes, unless fail-open is off.

        Raises:
            StorageUnavailable: counting failed and fail-open is off.
        """
        if self._counters is None:
            return self.check_now(rate_class, identity, authenticated=authenticated)
        now = self._clock.time()
        counts: list[Count] = []
        windows = self._windows(rate_class, identity, authenticated)
        try:
            for key, rate in windows:
                hit = self._counters.hit(key, limit=rate.count, window_s=rate.seconds, now=now)
                counts.append(await hit)
                if not counts[-1].allowed:
                    break
        except StorageUnavailable as error:
            self._counting_failed(rate_class, error)
            rate = windows[0][1]
            return _verdict(rate, Count(True, 0, now + rate.seconds), now)
        return self._judged(rate_class, windows, counts, now)

    def check_now(self, rate_class: RateClass, identity: str, *, authenticated: bool) -> Verdict:
        """Do the same without waiting; only where ``counts_in_memory``."""
        now = self._clock.time()
        counts: list[Count] = []
        windows = self._windows(rate_class, identity, authenticated)
        for key, rate in windows:
            hit = self._memory.hit_now(key, limit=rate.count, window_s=rate.seconds, now=now)
            counts.append(hit)
            if not hit.allowed:
                break
        return self._judged(rate_class, windows, counts, now)

    def _windows(
        self, rate_class: RateClass, identity: str, authenticated: bool
    ) -> list[tuple[str, Rate]]:
        """The class comes first: what it refuses does not use up the caller's hour."""
        rate = self._rates.of(rate_class, authenticated=authenticated)
        windows = [(f"ratelimit:{rate_class}:{identity}", rate)]
        if self._ceiling.count:
            windows.append((f"ratelimit:{_GLOBAL}:{identity}", self._ceiling))
        return windows

    def _judged(
        self,
        rate_class: RateClass,
        windows: list[tuple[str, Rate]],
        counts: list[Count],
        now: float,
    ) -> Verdict:
        """An allowed request shows the class's window, a refused one the window that is full."""
        deciding = 0 if counts[-1].allowed else len(counts) - 1
        if not counts[deciding].allowed:
            label = _GLOBAL if deciding else rate_class.value
            self._metrics.rate_rejected.labels(label).inc()
        return _verdict(windows[deciding][1], counts[deciding], now)

    def _counting_failed(self, rate_class: RateClass, error: StorageUnavailable) -> None:
        if not self._fail_open:
            raise error
        self._metrics.rate_errors.labels(rate_class.value).inc()
        now = self._clock.monotonic()
        if now >= self._warn_at:
            self._warn_at = now + _WARN_EVERY_S
            _log.warning("rate_limits_not_counted", reason=error.message)


def _verdict(rate: Rate, count: Count, now: float) -> Verdict:
    return Verdict(
        allowed=count.allowed,
        limit=rate.count,
        remaining=max(0, rate.count - count.used),
        resets_at=math.ceil(count.resets_at),
        # another server's clock, or an earlier look at ours, may have begun the window
        retry_after=max(1, min(rate.seconds, math.ceil(count.resets_at - now))),
    )
