"""Ledgers and slots, in memory and in a database, behave alike."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.usage import DatabaseLedger, DatabaseSlots
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.upstream.breaker import BreakerState, Circuit
from bookstrack.upstream.pacing import MemorySlots

DAY = "2026-11-21"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def database(request, metrics):
    if request.param == "memory":
        yield None
        return
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    async with open_database(request.getfixturevalue(name), metrics=metrics) as opened:
        yield opened


@pytest.fixture
def ledger(database):
    return DatabaseLedger(database) if database else MemoryLedger()


@pytest.fixture
def slots(database, clock):
    return DatabaseSlots(database, clock) if database else MemorySlots(clock)


async def test_spends_up_to_the_limit(ledger):
    assert [await ledger.spend("isbndb", day=DAY, limit=2) for _ in range(4)] == [1, 2, None, None]
    assert await ledger.spent("isbndb", day=DAY) == 2


async def test_days_and_providers_are_apart(ledger):
    await ledger.spend("isbndb", day=DAY, limit=1)
    assert await ledger.spend("isbndb", day="2026-11-22", limit=1) == 1
    assert await ledger.spend("google", day=DAY, limit=1) == 1
    assert await ledger.spent("wikidata", day=DAY) == 0


async def test_limit_zero_spends_nothing(ledger):
    assert await ledger.spend("isbndb", day=DAY, limit=0) is None
    assert await ledger.spent("isbndb", day=DAY) == 0


async def test_exactly_the_limit_of_many_at_once(ledger):
    spent = await asyncio.gather(*(ledger.spend("isbndb", day=DAY, limit=20) for _ in range(200)))
    assert sorted(calls for calls in spent if calls) == list(range(1, 21))
    assert spent.count(None) == 180


async def test_breaker_is_remembered_and_replaced(ledger):
    assert await ledger.load_breaker("google") is None
    first = BreakerState(circuit=Circuit.OPEN, failures=5, opened_at=1_760_000_000.25)
    await ledger.save_breaker("google", first)
    assert await ledger.load_breaker("google") == first
    second = BreakerState(
        circuit=Circuit.HALF_OPEN, failures=5, successes=1, quota_reset_at=1_760_000_001.5
    )
    await ledger.save_breaker("google", second)
    assert await ledger.load_breaker("google") == second
    assert await ledger.load_breaker("isbndb") is None


async def test_burst_passes_then_one_per_interval(slots):
    waits = [await slots.reserve("google", interval_s=1.0, burst=3) for _ in range(5)]
    assert waits == pytest.approx([0, 0, 0, 1, 2], abs=1e-6)


async def test_bucket_fills_while_time_passes(slots, clock):
    for _ in range(3):
        await slots.reserve("google", interval_s=0.5, burst=2)
    await clock.advance(1.0)  # the third slot's wait and half of the bucket
    waits = [await slots.reserve("google", interval_s=0.5, burst=2) for _ in range(3)]
    assert waits == pytest.approx([0, 0.5, 1.0], abs=1e-6)
    await clock.advance(3600)
    waits = [await slots.reserve("google", interval_s=0.5, burst=2) for _ in range(3)]
    assert waits == pytest.approx([0, 0, 0.5], abs=1e-6)


async def test_names_are_apart(slots):
    await slots.reserve("google", interval_s=1.0, burst=1)
    assert await slots.reserve("isbndb", interval_s=1.0, burst=1) == 0


async def test_no_slot_is_given_twice(slots):
    waits = await asyncio.gather(
        *(slots.reserve("google", interval_s=1.0, burst=1) for _ in range(50))
    )
    assert sorted(waits) == pytest.approx(list(range(50)), abs=1e-6)


async def test_breaker_and_pace_share_a_row_without_harm(database, ledger, slots):
    state = BreakerState(circuit=Circuit.OPEN, failures=5, opened_at=1.5)
    await slots.reserve("google", interval_s=1.0, burst=1)
    await ledger.save_breaker("google", state)
    assert await slots.reserve("google", interval_s=1.0, burst=1) == pytest.approx(1, abs=1e-6)
    assert await ledger.load_breaker("google") == state
