"""How one provider stands with us: breaker, quota and key, counted and remembered."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from msgspec import Struct, structs

from bookstrack.background import Tasks
from bookstrack.clock import Clock
from bookstrack.errors import (
    CircuitOpen,
    ProviderBusy,
    ProviderProblem,
    ProviderRefused,
    ProviderTimeout,
    QuotaExhausted,
    StorageUnavailable,
)
from bookstrack.telemetry.metrics import Metrics
from bookstrack.upstream.breaker import Breaker, BreakerRules, Circuit, Passage
from bookstrack.upstream.quota import DailyQuota, Ledger
from bookstrack.upstream.reply import Verdict

_log = structlog.get_logger(__name__)
_LEVEL = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2}

_OUTCOMES: dict[type[ProviderProblem], str] = {
    ProviderTimeout: "timeout",
    ProviderBusy: "busy",
    QuotaExhausted: "quota",
    ProviderRefused: "refused",
    CircuitOpen: "circuit_open",
}


class ChannelState(Struct, frozen=True, kw_only=True):
    """How a provider stands: its breaker, seconds until it may be asked again (None: now),
    whether it refused our key, and today's counted calls with their limit (None: uncounted).
    """

    breaker: Circuit
    retry_after: float | None
    disabled: bool
    quota_used: int | None
    quota_limit: int | None


class Standing:
    """Draws the consequences of verdicts; ``saves`` runs the writing of what is remembered."""

    def __init__(
        self,
        name: str,
        *,
        rules: BreakerRules,
        daily_limit: int,
        quota_zone: str,
        clock: Clock,
        metrics: Metrics,
        ledger: Ledger,
        saves: Tasks,
    ) -> None:
        self._name = name
        self._metrics = metrics
        self._ledger = ledger
        self._saves = saves
        self._saving = asyncio.Lock()
        self._recalled = False
        self._recalling = asyncio.Lock()
        self._disabled = False
        self._quota = DailyQuota(
            name, limit=daily_limit, zone=quota_zone, ledger=ledger, clock=clock
        )
        self._breaker = Breaker(name, rules=rules, clock=clock, on_change=self._changed)
        self._show()

    def state(self) -> ChannelState:
        """Return how the provider stands now."""
        limit = self._quota.limit
        return ChannelState(
            breaker=self._breaker.circuit,
            retry_after=max(self._breaker.wait, self._quota.wait) or None,
            disabled=self._disabled,
            quota_used=self._quota.used if limit else None,
            quota_limit=limit or None,
        )

    async def recall(self) -> None:
        """Take up, once, what earlier processes remembered."""
        if self._recalled:
            return
        async with self._recalling:
            if not self._recalled:
                await self._load()
                self._recalled = True
                self._show()

    def admit(self) -> Passage:
        """Let one call through to its attempts.

        Raises:
            ProviderRefused: the provider has refused our key (``auth``).
            CircuitOpen: the breaker lets no call through.
        """
        try:
            self._check_key()
            return self._breaker.enter()
        except ProviderProblem as refusal:
            self.count(refusal)
            raise

    def check(self) -> None:
        """Refuse an attempt, before it waits for its turn, that is known to be of no use.

        Raises:
            ProviderRefused: the provider has refused our key (``auth``).
            QuotaExhausted: the day's calls are used up.
        """
        self._check_key()
        self._quota.check()

    async def spend(self) -> None:
        """Count the call that is about to be made against the day; raises as ``check`` does."""
        self._check_key()
        try:
            await self._quota.spend()
        finally:
            self._show()

    def note(self, verdict: Verdict[Any], passage: Passage) -> None:
        """Draw the consequences of one attempt."""
        problem = verdict.problem
        self.count(problem, empty=verdict.value is None)
        if problem is None:
            passage.succeeded()
        elif problem.counts_for_breaker:
            passage.failed()
        elif isinstance(problem, QuotaExhausted):
            problem.retry_after = self._quota.pause(problem.retry_after)
            self._save()
        elif isinstance(problem, ProviderRefused) and problem.reason == "auth":
            self._disable()

    def count(self, problem: ProviderProblem | None, *, empty: bool = False) -> None:
        """Count one attempt, or one refusal of ours, by its outcome."""
        answered = "empty" if empty else "ok"
        outcome = _OUTCOMES.get(type(problem), "failed") if problem else answered
        self._metrics.provider_requests.labels(self._name, outcome).inc()

    def time(self, seconds: float) -> None:
        """Observe how long one exchange took."""
        self._metrics.provider_latency.labels(self._name).observe(seconds)

    def _check_key(self) -> None:
        if self._disabled:
            raise ProviderRefused(self._name, f"{self._name} has refused our key", reason="auth")

    def _disable(self) -> None:
        if not self._disabled:
            _log.warning("provider_disabled", provider=self._name, reason="it refused our key")
        self._disabled = True

    def _changed(self, to: Circuit) -> None:
        _log.warning("circuit_changed", provider=self._name, to=to.value)
        self._metrics.circuit_transitions.labels(self._name, to.value).inc()
        self._show()
        self._save()

    def _show(self) -> None:
        self._metrics.circuit_state.labels(self._name).set(_LEVEL[self._breaker.circuit])
        if limit := self._quota.limit:
            self._metrics.provider_quota.labels(self._name).set(self._quota.used / limit)

    def _save(self) -> None:
        self._saves.start(self._write())

    async def _write(self) -> None:
        async with self._saving:  # in order, and each time the newest
            state = structs.replace(
                self._breaker.snapshot(), quota_reset_at=self._quota.paused_until
            )
            try:
                await self._ledger.save_breaker(self._name, state)
            except StorageUnavailable as error:
                _log.warning("provider_state_lost", provider=self._name, reason=error.message)

    async def _load(self) -> None:
        try:
            state = await self._ledger.load_breaker(self._name)
            await self._quota.recall()
        except StorageUnavailable as error:
            _log.warning("provider_state_unknown", provider=self._name, reason=error.message)
            return
        if state:
            self._breaker.restore(state)
            self._quota.paused_until = state.quota_reset_at
