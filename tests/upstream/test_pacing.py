from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bookstrack.background import Tasks
from bookstrack.errors import ProviderBusy, StorageUnavailable
from bookstrack.testing.clock import FrozenClock
from bookstrack.upstream.budget import Budget
from bookstrack.upstream.pacing import MemorySlots, Pacer


class LostSlots:
    """Shared slots that cannot be reached."""

    async def reserve(self, name: str, *, interval_s: float, burst: int) -> float:
        raise StorageUnavailable("no database")


class BrokenSlots:
    """Slots with a bug."""

    async def reserve(self, name: str, *, interval_s: float, burst: int) -> float:
        raise RuntimeError("a bug")


class Queue:
    """A pacer and the log of who went when."""

    def __init__(self, clock, tasks, **options) -> None:
        self.clock = clock
        self.went: list[tuple[str, float]] = []
        self.started = clock.monotonic()
        given = {"rate": 1.0, "burst": 1, "slots": MemorySlots(clock)} | options
        self.pacer = Pacer("google", clock=clock, tasks=tasks, **given)

    def call(self, name="", *, within=100.0, interactive=True) -> asyncio.Task[None]:
        return asyncio.create_task(self._call(name, within, interactive))

    async def _call(self, name, within, interactive) -> None:
        await self.pacer.turn(Budget(self.clock.monotonic() + within, interactive))
        self.went.append((name, self.clock.monotonic() - self.started))


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks()
    yield tasks
    await tasks.close()


@pytest.fixture
async def queue(clock, tasks):
    return lambda **options: Queue(clock, tasks, **options)


async def test_memory_slots_burst_and_then_the_rate(clock):
    slots = MemorySlots(clock)

    async def reserve() -> float:
        return await slots.reserve("google", interval_s=1.0, burst=5)

    assert [await reserve() for _ in range(7)] == [0, 0, 0, 0, 0, 1.0, 2.0]
    await clock.advance(2.5)
    assert await reserve() == 0.5
    await clock.advance(60)
    assert [await reserve() for _ in range(6)] == [0, 0, 0, 0, 0, 1.0]


async def test_memory_slots_keep_names_apart(clock):
    slots = MemorySlots(clock)
    assert await slots.reserve("google", interval_s=1.0, burst=1) == 0
    assert await slots.reserve("isbndb", interval_s=1.0, burst=1) == 0
    assert await slots.reserve("google", interval_s=1.0, burst=1) == 1.0


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=40), st.integers(1, 6), st.sampled_from([0.5, 1])
)
def test_no_window_ever_holds_more_than_burst_and_rate_allow(gaps, burst, interval):
    async def due_times() -> list[float]:
        clock = FrozenClock()
        slots, due = MemorySlots(clock), []
        for gap in gaps:
            await clock.advance(gap)
            wait = await slots.reserve("google", interval_s=interval, burst=burst)
            due.append(clock.monotonic() + wait)
        return due

    due = asyncio.run(due_times())
    for first in range(len(due)):
        for last in range(first, len(due)):
            allowed = burst + (due[last] - due[first]) / interval
            assert last - first + 1 <= allowed + 1e-6


async def test_a_burst_and_then_one_a_second(queue, clock):
    paced = queue(burst=5)
    for number in range(8):
        paced.call(str(number))
    await clock.advance(10)
    assert [moment for _, moment in paced.went] == [0, 0, 0, 0, 0, 1.0, 2.0, 3.0]
    assert [name for name, _ in paced.went] == list("01234567")


async def test_unpaced_goes_at_once(queue, clock):
    paced = queue(rate=0.0)
    await asyncio.gather(*(paced.call() for _ in range(50)))
    assert len(paced.went) == 50
    assert clock.sleepers == 0


async def test_interactive_calls_overtake_job_items(queue, clock):
    paced = queue()
    for name in ("job 1", "job 2", "job 3"):
        paced.call(name, interactive=False)
    await clock.advance(0.5)  # job 1 went, a slot is reserved and was job 2's
    paced.call("reader 1")
    paced.call("reader 2")
    await clock.advance(10)
    assert paced.went == [
        ("job 1", 0.0),
        ("reader 1", 1.0),
        ("reader 2", 2.0),
        ("job 2", 3.0),
        ("job 3", 4.0),
    ]


async def test_a_turn_after_the_budgets_end_is_refused_at_once(queue, clock):
    paced = queue()
    calls = [paced.call(str(number), within=2.5) for number in range(5)]
    await clock.advance(0)
    assert [call.done() for call in calls] == [True, False, False, True, True]
    with pytest.raises(ProviderBusy) as caught:
        await calls[3]
    assert caught.value.retry_after == 3.0
    await clock.advance(10)
    assert paced.went == [("0", 0.0), ("1", 1.0), ("2", 2.0)]
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_burst_is_not_refused_for_what_a_slower_pace_would_need(queue, clock):
    paced = queue(burst=5)
    await asyncio.gather(*(paced.call(within=0.5) for _ in range(5)))
    assert len(paced.went) == 5


async def test_a_job_pushed_back_by_readers_is_refused_when_its_time_is_over(queue, clock):
    paced = queue()
    paced.call("first")
    job = paced.call("job", within=1.5, interactive=False)
    await clock.advance(0)
    paced.call("reader")
    await clock.advance(0)
    with pytest.raises(ProviderBusy) as caught:
        await job
    assert caught.value.retry_after == 2.0


async def test_a_refused_call_costs_no_slot(queue, clock):
    paced = queue()
    paced.call("first")
    hasty = paced.call("hasty", within=0.2)
    await clock.advance(0)
    paced.call("next")
    await clock.advance(5)
    assert paced.went == [("first", 0.0), ("next", 1.0)]
    with pytest.raises(ProviderBusy):
        await hasty


async def test_a_cancelled_call_leaves_the_line(queue, clock):
    paced = queue()
    paced.call("first")
    tired = paced.call("tired")
    paced.call("last")
    await clock.advance(0.5)
    tired.cancel()
    await clock.advance(5)
    assert paced.went == [("first", 0.0), ("last", 1.0)]


async def test_an_abandoned_line_can_be_joined_again(queue, clock):
    paced = queue()
    paced.call("first")
    tired = paced.call("tired")
    await clock.advance(0.1)
    tired.cancel()
    await clock.advance(10)
    paced.call("late")
    await clock.advance(0)
    assert paced.went == [("first", 0.0), ("late", pytest.approx(10.1))]


async def test_a_line_is_never_joined_when_it_is_served_no_more(queue):
    paced = queue(burst=10_000)

    async def keep_calling(pauses: int) -> None:
        for _ in range(50):
            await paced.call()
            for _ in range(pauses):
                await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(keep_calling(pauses) for pauses in range(8)))
    assert len(paced.went) == 400


async def test_without_shared_slots_each_process_takes_its_share(queue, clock):
    paced = queue(slots=LostSlots(), processes=4)
    with capture_logs() as logs:
        for number in range(3):
            paced.call(str(number))
        await clock.advance(20)
    assert [moment for _, moment in paced.went] == [0.0, 4.0, 8.0]
    assert [entry["event"] for entry in logs] == ["paced_locally"]


async def test_a_bug_in_the_slots_reaches_those_who_wait(queue, clock):
    paced = queue(slots=BrokenSlots())
    calls = [paced.call() for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError] * 3


@pytest.mark.parametrize("rate", [0.0, 1.0])
async def test_a_held_provider_is_left_alone(queue, clock, rate):
    paced = queue(rate=rate)
    paced.pacer.hold(3.0)
    paced.call("patient")
    hasty = paced.call("hasty", within=2.0)
    await clock.advance(2.9)
    assert paced.went == []
    with pytest.raises(ProviderBusy) as caught:
        await hasty
    assert caught.value.retry_after == pytest.approx(3.0)
    await clock.advance(0.1)
    assert paced.went == [("patient", pytest.approx(3.0))]


async def test_hold_stops_the_line_too(queue, clock):
    paced = queue()
    for name in ("first", "second", "third"):
        paced.call(name)
    await clock.advance(0.5)
    paced.pacer.hold(4.0)
    await clock.advance(20)
    assert paced.went == [("first", 0.0), ("second", 4.5), ("third", 5.5)]
