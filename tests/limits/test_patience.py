"""Counting that waits for its turn but not for a store that is away."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import StorageUnavailable
from bookstrack.limits.patience import AT_ONCE, PAUSE_S, PatientCounters
from bookstrack.storage.kv.base import Count


class Store:
    """Counters that can be held up, and fail."""

    def __init__(self):
        self.asked = self.running = self.most = 0
        self.fails = False
        self.held = asyncio.Event()
        self.held.set()

    async def hit(self, key, *, limit, window_s, now):
        self.asked = number = self.asked + 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.held.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        if self.fails:
            raise StorageUnavailable("away")
        return Count(True, number, now + window_s)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def counters(store, clock):
    return PatientCounters(store, clock)


async def hit(counters):
    return await counters.hit("k", limit=5, window_s=60, now=0.0)


async def test_a_burst_waits_for_its_turn(counters, store):
    counts = await asyncio.gather(*(hit(counters) for _ in range(100)))
    assert sorted(count.used for count in counts) == list(range(1, 101))
    assert store.most == AT_ONCE


async def test_after_a_failure_nobody_asks_until_the_pause_is_over(counters, store, clock):
    store.fails = True
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await hit(counters)
    assert store.asked == 1
    store.fails = False
    await clock.advance(PAUSE_S)
    assert (await hit(counters)).used == 2
    assert (await hit(counters)).used == 3


async def test_one_asks_after_the_pause_while_the_others_go_on(counters, store, clock):
    store.fails = True
    with pytest.raises(StorageUnavailable):
        await hit(counters)
    await clock.advance(PAUSE_S)
    store.held.clear()
    probe = asyncio.create_task(hit(counters))
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailable):
        await hit(counters)
    assert store.asked == 2
    store.held.set()
    with pytest.raises(StorageUnavailable):
        await probe


async def test_those_who_waited_in_a_queue_do_not_try_after_a_failure(counters, store):
    store.fails = True
    found = await asyncio.gather(*(hit(counters) for _ in range(100)), return_exceptions=True)
    assert {type(problem) for problem in found} == {StorageUnavailable}
    assert store.asked == AT_ONCE


async def test_a_store_that_never_answers_is_given_up(store, clock):
    store.held.clear()
    with pytest.raises(StorageUnavailable):
        await hit(PatientCounters(store, clock, wait_s=0.01))
    assert (store.asked, store.running) == (1, 0)
