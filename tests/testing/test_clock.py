"""The frozen clock moves only when told, and wakes sleepers in order."""

from __future__ import annotations

import asyncio

from bookstrack.clock import Clock
from bookstrack.testing.clock import FrozenClock


def test_is_a_clock_that_stands_still():
    clock = FrozenClock(start=100.0)
    assert isinstance(clock, Clock)
    assert (clock.time(), clock.time()) == (100.0, 100.0)
    assert clock.monotonic() == 1000.0
    assert FrozenClock().time() == 1_760_000_000.0


async def test_advance_moves_both_scales():
    clock = FrozenClock(start=100.0)
    await clock.advance(2.5)
    assert (clock.time(), clock.monotonic()) == (102.5, 1002.5)


async def test_a_sleeper_wakes_exactly_at_its_deadline():
    clock, woken = FrozenClock(start=0.0), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.time()))

    tasks = [asyncio.create_task(sleeper(s)) for s in (3.0, 1.0, 2.0)]
    await clock.advance(0.5)
    assert (woken, clock.sleepers) == ([], 3)
    await clock.advance(2.0)
    assert woken == [(1.0, 1.0), (2.0, 2.0)]
    assert clock.time() == 2.5
    await clock.advance(0.5)
    assert woken[-1] == (3.0, 3.0)
    assert clock.sleepers == 0
    await asyncio.gather(*tasks)


async def test_a_loop_of_sleeps_runs_within_one_advance():
    clock, seen = FrozenClock(start=0.0), []

    async def every_second() -> None:
        while True:
            await clock.sleep(1)
            seen.append(clock.time())

    task = asyncio.create_task(every_second())
    await clock.advance(3.5)
    assert seen == [1.0, 2.0, 3.0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clock.advance(10)
    assert seen == [1.0, 2.0, 3.0]


async def test_no_time_is_no_sleep():
    clock = FrozenClock()
    await asyncio.wait_for(clock.sleep(0), 1)
    await asyncio.wait_for(clock.sleep(-1), 1)
    assert clock.sleepers == 0


async def test_a_cancelled_sleeper_is_no_longer_counted():
    clock = FrozenClock()
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    assert clock.sleepers == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleepers == 0
