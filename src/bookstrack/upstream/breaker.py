"""The circuit breaker of one provider (providers §1.5), a state machine without input or output."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import CircuitOpen

# What a caller is told who meets a probe on its way: the probe ends soon, when is not known.
_PROBE_WAIT_S = 1.0


class Circuit(StrEnum):
    """Position of a breaker."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class BreakerRules(Struct, frozen=True, kw_only=True):
    """Failures in a row that open it, successful probes that close it, seconds it stays open."""

    failures: int = 5
    successes: int = 2
    cooldown_s: float = 60.0


class BreakerState(Struct, frozen=True, kw_only=True):
    """What is remembered of a provider between starts; times are epoch seconds.

    ``quota_reset_at`` is set while the provider itself has said that the day's quota is used up.
    """

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    successes: int = 0
    opened_at: float | None = None
    quota_reset_at: float | None = None


class Passage:
    """One call's leave to pass, used as a ``with`` block; leaving it frees a probe's place.

    Results stop counting once the breaker has changed.
    """

    __slots__ = ("_breaker", "_epoch")

    def __init__(self, breaker: Breaker, epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch

    def __enter__(self) -> Passage:
        return self

    def __exit__(self, *_: object) -> None:
        self._breaker.leave(self)

    @property
    def valid(self) -> bool:
        """Tell whether the breaker still stands as it did when the call was let through."""
        return self._breaker.epoch == self._epoch

    def check(self) -> None:
        """Raise CircuitOpen if the breaker has opened while the call waited its turn."""
        if not self.valid and self._breaker.circuit is not Circuit.CLOSED:
            raise self._breaker.refusal()

    def succeeded(self) -> None:
        """Report an answer, "not found" included."""
        if self.valid:
            self._breaker.note_success()

    def failed(self) -> None:
        """Report one attempt that failed."""
        if self.valid:
            self._breaker.note_failure()


class Breaker:
    """Refuses calls to a provider that keeps failing; ``on_change`` hears of every transition."""

    def __init__(
        self,
        name: str,
        *,
        rules: BreakerRules,
        clock: Clock,
        on_change: Callable[[Circuit], None],
    ) -> None:
        self._name = name
        self._rules = rules
        self._clock = clock
        self._on_change = on_change
        self._failures = 0
        self._successes = 0
        self._opened_at = 0.0
        self._probe: Passage | None = None
        self.circuit = Circuit.CLOSED
        self.epoch = 0

    @property
    def wait(self) -> float:
        """Return the seconds until a call has a chance; 0 when it has one now."""
        if self.circuit is Circuit.OPEN:
            rest = self._opened_at + self._rules.cooldown_s - self._clock.monotonic()
            return max(0.0, round(rest, 6))  # no wait of a float's last digit
        return _PROBE_WAIT_S if self._probe else 0.0

    def enter(self) -> Passage:
        """Let one call through, in HALF_OPEN one at a time; raises CircuitOpen."""
        if self.wait > 0:
            raise self.refusal()
        if self.circuit is Circuit.OPEN:
            self._move(Circuit.HALF_OPEN)
        passage = Passage(self, self.epoch)
        if self.circuit is Circuit.HALF_OPEN:
            self._probe = passage
        return passage

    def leave(self, passage: Passage) -> None:
        """Free the place of a probe, if this was one."""
        if self._probe is passage:
            self._probe = None

    def refusal(self) -> CircuitOpen:
        """Return the error for a call that may not pass, with ``retry_after``."""
        text = f"{self._name} failed repeatedly and is not asked for a while"
        return CircuitOpen(self._name, text, retry_after=self.wait or _PROBE_WAIT_S)

    def note_success(self) -> None:
        """Count an answer."""
        self._failures = 0
        if self.circuit is Circuit.HALF_OPEN:
            self._successes += 1
            if self._successes >= self._rules.successes:
                self._move(Circuit.CLOSED)

    def note_failure(self) -> None:
        """Count a failed attempt."""
        self._failures += 1
        if self.circuit is Circuit.HALF_OPEN or self._failures >= self._rules.failures:
            self._opened_at = self._clock.monotonic()
            self._move(Circuit.OPEN)

    def snapshot(self) -> BreakerState:
        """Return what should be remembered."""
        age = self._clock.monotonic() - self._opened_at
        return BreakerState(
            circuit=self.circuit,
            failures=self._failures,
            successes=self._successes,
            opened_at=None if self.circuit is Circuit.CLOSED else self._clock.time() - age,
        )

    def restore(self, state: BreakerState) -> None:
        """Take up a remembered state; to be called before the first call."""
        age = self._clock.time() - (state.opened_at or 0.0)
        # A clock that was set back in between must not keep the provider shut for longer.
        self._opened_at = self._clock.monotonic() - max(0.0, age)
        self._failures = state.failures
        self._successes = state.successes
        self.circuit = state.circuit

    def _move(self, to: Circuit) -> None:
        self.circuit = to
        self.epoch += 1
        self._probe = None
        self._successes = 0
        if to is Circuit.CLOSED:
            self._failures = 0
        self._on_change(to)
