"""What processes know together about providers, kept in memory: for tests without a database."""

from __future__ import annotations

from bookstrack.upstream.breaker import BreakerState


class MemoryLedger:
    """A Ledger of one process that forgets with it."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], int] = {}
        self._breakers: dict[str, BreakerState] = {}

    async def spend(self, provider: str, *, day: str, limit: int) -> int | None:
        """Count one call; return the day's calls with it, None (not counted) when used up."""
        calls = self._calls.get((provider, day), 0) + 1
        if calls > limit:
            return None
        self._calls[provider, day] = calls
        return calls

    async def spent(self, provider: str, *, day: str) -> int:
        """Return the calls counted on a day."""
        return self._calls.get((provider, day), 0)

    async def save_breaker(self, provider: str, state: BreakerState) -> None:
        """Remember a breaker."""
        self._breakers[provider] = state

    async def load_breaker(self, provider: str) -> BreakerState | None:
        """Return the remembered breaker, None when there is none."""
        return self._breakers.get(provider)
