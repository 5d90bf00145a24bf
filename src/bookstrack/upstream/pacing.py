"""Outgoing pace of one provider: a token bucket shared by all processes, and who goes first."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import structlog

from bookstrack.background import Tasks
from bookstrack.clock import Clock
from bookstrack.errors import ProviderBusy, StorageUnavailable
from bookstrack.upstream.budget import Budget

_log = structlog.get_logger(__name__)


class Slots(Protocol):
    """A token bucket per name."""

    async def reserve(self, name: str, *, interval_s: float, burst: int) -> float:
        """Take the next slot; return the seconds until it is due.

        Raises:
            StorageUnavailable: whatever the processes share cannot be reached.
        """
        ...


class MemorySlots:
    """Slots of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._filled_at: dict[str, float] = {}

    async def reserve(self, name: str, *, interval_s: float, burst: int) -> float:
        """Take the next slot; return the seconds until it is due."""
        now = self._clock.monotonic()
        filled_at = max(self._filled_at.get(name, now), now)
        self._filled_at[name] = filled_at + interval_s
        return max(0.0, filled_at - (burst - 1) * interval_s - now)


class _Turn:
    """One call that waits."""

    __slots__ = ("deadline", "granted")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Pacer:
    """Hands out one provider's slots, interactive calls first.

    Only one slot is reserved ahead, and who gets it is decided when it is due: an interactive
    call that arrives meanwhile overtakes the job items. ``rate`` is calls per second, 0 = unpaced;
    without the shared slots each of the ``processes`` takes its part of it.
    """

    def __init__(
        self,
        name: str,
        *,
        rate: float,
        burst: int,
        slots: Slots,
        clock: Clock,
        tasks: Tasks,
        processes: int = 1,
    ) -> None:
        self._name = name
        self._interval = 1.0 / rate if rate > 0 else 0.0
        self._burst = max(1, burst)
        self._slots = slots
        self._own_slots = MemorySlots(clock)
        self._share = processes
        self._slots_well = True
        self._clock = clock
        self._tasks = tasks
        self._urgent: deque[_Turn] = deque()
        self._patient: deque[_Turn] = deque()
        self._serving = False
        self._due: float | None = None
        self._held_until = 0.0

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long: the provider's ``Retry-After``."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)
        self._turn_away()

    async def turn(self, within: Budget) -> None:
        """Wait for this call's turn.

        Raises:
            ProviderBusy: the turn would come after the budget's end; ``retry_after`` says when.
        """
        if not self._interval and self._clock.monotonic() >= self._held_until:
            return
        turn = _Turn(within.deadline)
        line = self._urgent if within.interactive else self._patient
        line.append(turn)
        self._turn_away()
        if not self._serving:
            self._serving = True
            self._tasks.start(self._serve()).add_done_callback(self._served)
        try:
            await turn.granted
        finally:
            if turn in line:
                line.remove(turn)

    async def _serve(self) -> None:
        while self._urgent or self._patient:
            if self._due is None or self._due < self._clock.monotonic():
                self._due = None
                wait = await self._reserve()
                self._due = self._clock.monotonic() + wait
            self._turn_away()
            await self._sleep_until_due()
            if self._clock.monotonic() - self._due < self._interval or not self._interval:
                self._grant()
            else:  # held for so long that the bucket has filled again: no slot on top of that
                self._due = None
        self._serving = False  # here, so that nobody joins a line that is served no more

    async def _reserve(self) -> float:
        if not self._interval:
            return 0.0
        try:
            wait = await self._slots.reserve(
                self._name, interval_s=self._interval, burst=self._burst
            )
        except StorageUnavailable as error:
            if self._slots_well:
                _log.warning("paced_locally", provider=self._name, reason=error.message)
            self._slots_well = False
            return await self._own_slots.reserve(
                self._name, interval_s=self._interval * self._share, burst=self._burst
            )
        self._slots_well = True
        return wait

    async def _sleep_until_due(self) -> None:
        while self._urgent or self._patient:
            wait = max(self._due or 0.0, self._held_until) - self._clock.monotonic()
            if round(wait, 6) <= 0:  # no sleep of a float's last digit
                return
            await self._clock.sleep(wait)

    def _grant(self) -> None:
        line = self._urgent or self._patient
        if line and not (turn := line.popleft()).granted.done():
            turn.granted.set_result(None)
            self._due = None

    def _turn_away(self) -> None:
        """Refuse those whose turn cannot come in time, as far as it is known."""
        if self._due is None:
            return
        now = self._clock.monotonic()
        # A slot that is due now says nothing about how many more the bucket still holds.
        step = self._interval if self._due > now else 0.0
        expected = max(self._due, self._held_until)
        for line in (self._urgent, self._patient):
            for turn in tuple(line):
                if expected > now and expected >= turn.deadline:
                    line.remove(turn)
                    self._refuse(turn, expected - now)
                else:
                    expected += step

    def _refuse(self, turn: _Turn, wait: float) -> None:
        if not turn.granted.done():
            turn.granted.set_exception(
                ProviderBusy(self._name, f"{self._name}: too many calls wait", retry_after=wait)
            )

    def _served(self, task: asyncio.Task[None]) -> None:
        """Leave nobody waiting when serving ended by an error or by being cancelled."""
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and error is None:
            return
        self._serving = False
        for turn in (*self._urgent, *self._patient):
            if turn.granted.done():
                continue
            if error:
                turn.granted.set_exception(error)
            else:
                turn.granted.cancel()
