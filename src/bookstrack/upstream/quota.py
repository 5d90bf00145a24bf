"""Daily quotas: calls counted per provider and day, the day being the provider's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from bookstrack.clock import Clock
from bookstrack.errors import QuotaExhausted, StorageUnavailable
from bookstrack.upstream.breaker import BreakerState

_log = structlog.get_logger(__name__)


class Ledger(Protocol):
    """What all processes together know about providers; days are ``YYYY-MM-DD``.

    Every method may raise StorageUnavailable.
    """

    async def spend(self, provider: str, *, day: str, limit: int) -> int | None:
        """Count one call; return the day's calls with it, None (not counted) when used up."""
        ...

    async def spent(self, provider: str, *, day: str) -> int:
        """Return the calls counted on a day."""
        ...

    async def save_breaker(self, provider: str, state: BreakerState) -> None:
        """Remember a breaker."""
        ...

    async def load_breaker(self, provider: str) -> BreakerState | None:
        """Return the remembered breaker, None when there is none."""
        ...


def day_of(now: float, *, zone: str) -> str:
    """Return the calendar day of an epoch second in a zone, ``YYYY-MM-DD``."""
    return f"{datetime.fromtimestamp(now, ZoneInfo(zone)):%Y-%m-%d}"


def next_midnight(now: float, *, zone: str) -> float:
    """Return the epoch second at which the zone's next day begins."""
    here = ZoneInfo(zone)
    tomorrow = datetime.fromtimestamp(now, here).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=here).timestamp()


class DailyQuota:
    """Spends one provider's calls. ``limit`` 0 leaves them uncounted.

    ``paused_until`` (epoch seconds) is set when the provider says that its quota is used up.
    """

    def __init__(self, name: str, *, limit: int, zone: str, ledger: Ledger, clock: Clock) -> None:
        self._name = name
        self._zone = zone
        self._ledger = ledger
        self._clock = clock
        self._day = ""
        self._calls = 0
        self._used_up_until = 0.0
        self._storage_well = True
        self.limit = limit
        self.paused_until: float | None = None

    @property
    def used(self) -> int:
        """Return today's calls as far as this process knows."""
        return self._calls if self._day == self._today() else 0

    @property
    def wait(self) -> float:
        """Return the seconds until calls are possible again; 0 when they are."""
        until = max(self._used_up_until, self.paused_until or 0.0)
        return max(0.0, until - self._clock.time())

    def check(self) -> None:
        """Refuse at once what is known to be used up.

        Raises:
            QuotaExhausted: with ``retry_after``.
        """
        if self.wait > 0:
            raise QuotaExhausted(
                self._name, f"{self._name}: the daily quota is used up", retry_after=self.wait
            )

    async def recall(self) -> None:
        """Learn today's count after a start; raises StorageUnavailable."""
        if self.limit:
            today = self._today()
            self._calls = await self._ledger.spent(self._name, day=today)
            self._day = today

    async def spend(self) -> None:
        """Count the call that is about to be made.

        Raises:
            QuotaExhausted: it would be one too many; ``retry_after`` leads to midnight.
        """
        self.check()
        if not self.limit:
            return
        today = self._today()
        calls = await self._count(today)
        if calls is None:
            self._used_up_until = next_midnight(self._clock.time(), zone=self._zone)
            self._calls, self._day = self.limit, today
            self.check()
        else:
            self._calls, self._day = calls, today

    def pause(self, seconds: float | None) -> float:
        """Ask nobody for so long (None: until midnight); return the seconds."""
        now = self._clock.time()
        rest = next_midnight(now, zone=self._zone) - now if seconds is None else seconds
        self.paused_until = now + rest
        return rest

    def _today(self) -> str:
        return day_of(self._clock.time(), zone=self._zone)

    async def _count(self, today: str) -> int | None:
        try:
            calls = await self._ledger.spend(self._name, day=today, limit=self.limit)
        except StorageUnavailable as error:
            # Losing the count must not lose the answer: go on from the last number known.
            if self._storage_well:
                _log.warning("quota_counted_locally", provider=self._name, reason=error.message)
            self._storage_well = False
            calls = self.used + 1
            return calls if calls <= self.limit else None
        self._storage_well = True
        return calls
