"""Single flight: one piece of work for all who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.errors import ProviderFailed
from bookstrack.flights import Flights, Grounded
from tiers import Load, fresh, settle

KEY = "key"


@pytest.fixture
def gate():
    return asyncio.Event()


async def test_a_thousand_waiters_share_one_load(cache, gate, count):
    load = Load(fresh(b'{"b":1}'), gate=gate)
    waiting = [asyncio.create_task(cache.fetch(KEY, load)) for _ in range(1000)]
    await settle()
    gate.set()
    hits = await asyncio.gather(*waiting)
    assert load.calls == 1
    assert {hit.entry.body for hit in hits} == {b'{"b":1}'}
    assert {hit.source.value for hit in hits} == {"API"}
    assert count("cache_events_total", event="coalesced") == 999
    assert count("cache_requests_total", tier="api_miss") == 1000
    assert count("cache_latency_seconds_count", tier="api_miss") == 1


async def test_different_keys_do_not_wait_for_one_another(cache, gate):
    waiting = asyncio.create_task(cache.fetch("slow", Load(gate=gate)))
    await settle()
    assert (await cache.fetch("other", Load())).source.value == "API"
    assert not waiting.done()
    gate.set()
    await waiting


async def test_a_waiter_that_leaves_does_not_end_the_work(cache, gate):
    load = Load(fresh(b'{"b":1}'), gate=gate)
    first = asyncio.create_task(cache.fetch(KEY, load))
    second = asyncio.create_task(cache.fetch(KEY, load))
    await settle()
    first.cancel()
    await settle()
    gate.set()
    assert (await second).entry.body == b'{"b":1}'
    assert first.cancelled()
    assert load.calls == 1


async def test_work_that_nobody_waits_for_any_more_is_kept(cache, gate):
    load = Load(gate=gate)
    only = asyncio.create_task(cache.fetch(KEY, load))
    await settle()
    only.cancel()
    gate.set()
    await settle()
    assert cache.peek(KEY).source.value == "EDGE"
    assert load.calls == 1


async def test_an_error_reaches_every_waiter_and_the_next_one_tries_again(cache, gate):
    load = Load(problem=ProviderFailed("google", "down"), gate=gate)
    waiting = [asyncio.create_task(cache.fetch(KEY, load)) for _ in range(10)]
    await settle()
    gate.set()
    problems = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(problem) for problem in problems] == [ProviderFailed] * 10
    assert load.calls == 1
    with pytest.raises(ProviderFailed):
        await cache.fetch(KEY, load)
    assert load.calls == 2


async def test_an_error_that_nobody_waits_for_makes_no_noise():
    flights: Flights[int] = Flights()
    gate = asyncio.Event()

    async def fail() -> int:
        await gate.wait()
        raise ProviderFailed("google", "down")

    only = asyncio.create_task(flights.join(KEY, fail))
    await settle()
    only.cancel()
    gate.set()
    with capture_logs() as logs:
        await settle()
    assert KEY not in flights
    assert logs == []


async def test_who_came_later_is_told_so(gate):
    flights: Flights[int] = Flights()

    async def work() -> int:
        await gate.wait()
        return 7

    both = [asyncio.create_task(flights.join(KEY, work)) for _ in range(2)]
    await settle()
    assert KEY in flights
    gate.set()
    assert await asyncio.gather(*both) == [(7, False), (7, True)]
    await settle()
    assert KEY not in flights


async def test_closing_cancels_what_runs(gate):
    flights: Flights[None] = Flights()

    async def work() -> None:
        await gate.wait()

    waiting = asyncio.create_task(flights.join(KEY, work))
    await settle()
    await flights.close()
    with pytest.raises(Grounded):
        await waiting
    assert KEY not in flights


async def test_what_nobody_wants_to_keep_ends_with_its_last_waiter(cache, gate):
    load = Load(gate=gate)
    waiting = [asyncio.create_task(cache.fetch(KEY, load, keep=False)) for _ in range(2)]
    await settle()
    waiting[0].cancel()
    await settle()
    assert not load.cancelled
    waiting[1].cancel()
    await settle()
    assert load.cancelled
    gate.set()
    assert (await cache.fetch(KEY, load)).source.value == "API"
    assert load.calls == 2, "who comes afterwards does not join what has ended"


async def test_one_who_wants_to_keep_it_is_enough(cache, gate):
    load = Load(gate=gate)
    leaving = asyncio.create_task(cache.fetch(KEY, load, keep=False))
    await settle()
    staying = asyncio.create_task(cache.fetch(KEY, load))
    await settle()
    leaving.cancel()
    await settle()
    gate.set()
    assert (await staying).entry.facts.found
    assert load.calls == 1
