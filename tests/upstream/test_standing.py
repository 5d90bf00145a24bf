"""What is remembered of a provider, seen through its channel."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from msgspec import Struct

from bookstrack.errors import (
    CircuitOpen,
    ProviderFailed,
    ProviderTimeout,
    QuotaExhausted,
    StorageUnavailable,
)
from bookstrack.model.record import ProviderId
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.upstream.breaker import BreakerRules, BreakerState, Circuit
from bookstrack.upstream.client import ChannelOptions, open_upstream
from bookstrack.upstream.pacing import MemorySlots


class Book(Struct):
    title: str


EMMA = Book(title="Emma")


class LostLedger(MemoryLedger):
    """A ledger without storage."""

    async def spend(self, provider: str, *, day: str, limit: int) -> int | None:
        raise StorageUnavailable("no database")

    async def spent(self, provider: str, *, day: str) -> int:
        raise StorageUnavailable("no database")

    async def save_breaker(self, provider: str, state: BreakerState) -> None:
        raise StorageUnavailable("no database")

    async def load_breaker(self, provider: str) -> BreakerState | None:
        raise StorageUnavailable("no database")


class SlowLedger(MemoryLedger):
    """A ledger that takes some turns to write, and notes the order."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[Circuit] = []

    async def save_breaker(self, provider: str, state: BreakerState) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        self.saved.append(state.circuit)
        await super().save_breaker(provider, state)


@pytest.fixture
def server(clock, metrics, script):
    """``server(ledger)`` is one run of a server process; it gives a channel."""

    class Run:
        def __init__(self, ledger, **options) -> None:
            self._upstream = open_upstream(
                clock=clock,
                rng=Random(1),
                user_agent="BooksTrack/test",
                metrics=metrics,
                ledger=ledger,
                slots=MemorySlots(clock),
                rules=options.pop("rules", BreakerRules()),
            )
            given = {"name": ProviderId.GOOGLE, "base_url": script.base, "attempts": 1}
            self._options = ChannelOptions(**(given | options))

        async def __aenter__(self):
            return (await self._upstream.__aenter__()).channel(self._options)

        async def __aexit__(self, *error: object) -> None:
            await self._upstream.__aexit__(*error)

    return Run


async def fail(books, budget, times: int = 5) -> None:
    for _ in range(times):
        with pytest.raises(ProviderFailed):
            await books.get_json("/x", Book, within=budget())


async def test_an_open_breaker_outlives_a_restart(server, script, clock, budget, ledger, sample):
    script.then(*[503] * 5)
    async with server(ledger) as books:
        await fail(books, budget)
    await clock.advance(20)
    async with server(ledger) as books:
        assert sample("circuit_state", provider="google") == 0
        await books.recall()
        assert sample("circuit_state", provider="google") == 2
        assert books.state().retry_after == 40.0
        with pytest.raises(CircuitOpen):
            await books.get_json("/x", Book, within=budget())
    await clock.advance(40)
    async with server(ledger) as books:
        assert await books.get_json("/x", Book, within=budget()) == EMMA
        assert books.state().breaker is Circuit.HALF_OPEN
        assert await books.get_json("/y", Book, within=budget()) == EMMA
    state = await ledger.load_breaker("google")
    assert state is not None
    assert state.circuit is Circuit.CLOSED


async def test_every_change_is_saved_in_order(server, script, clock, budget):
    ledger = SlowLedger()
    script.then(503, 503)
    async with server(ledger, rules=BreakerRules(failures=2, successes=1)) as books:
        await fail(books, budget, 2)
        await clock.advance(60)
        await books.get_json("/x", Book, within=budget())
    assert ledger.saved[0] is Circuit.OPEN
    assert ledger.saved[-1] is Circuit.CLOSED


async def test_a_pause_for_the_quota_outlives_a_restart(server, script, clock, budget, ledger):
    script.then(429)
    used_up = QuotaExhausted("google", "used up", retry_after=3600.0)
    async with server(ledger) as books:
        with pytest.raises(QuotaExhausted):
            await books.get_json("/x", Book, within=budget(), explain=lambda _: used_up)
    async with server(ledger) as books:
        with pytest.raises(QuotaExhausted) as caught:
            await books.get_json("/x", Book, within=budget())
        assert caught.value.retry_after == 3600.0
        await clock.advance(3600)
        assert await books.get_json("/x", Book, within=budget()) == EMMA


async def test_calls_of_the_day_outlive_a_restart(server, script, budget, ledger):
    async with server(ledger, daily_limit=5) as books:
        await books.get_json("/x", Book, within=budget())
    async with server(ledger, daily_limit=5) as books:
        assert books.state().quota_used == 0
        await books.recall()
        assert books.state().quota_used == 1


async def test_without_storage_calls_go_on(server, script, budget, logged):
    script.then(*[503] * 5)
    async with server(LostLedger(), daily_limit=6) as books:
        await fail(books, budget)
        assert books.state().breaker is Circuit.OPEN
        assert books.state().quota_used == 5
    events = [entry["event"] for entry in logged]
    assert sorted(set(events)) == [
        "circuit_changed",
        "provider_state_lost",
        "provider_state_unknown",
        "quota_counted_locally",
    ]


async def test_closing_ends_calls_under_way(server, script, budget, gate, until, ledger):
    script.always = gate
    run = server(ledger, rps=1.0)
    books = await run.__aenter__()
    call = asyncio.create_task(books.get_json("/x", Book, within=budget()))
    waiting = asyncio.create_task(books.get_json("/y", Book, within=budget()))
    await until(lambda: script.in_flight == 1)
    await run.__aexit__(None, None, None)
    for task in (call, waiting):
        with pytest.raises(ProviderTimeout):
            await task
