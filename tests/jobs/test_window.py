"""A few items at a time."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import JobCanceled
from bookstrack.jobs.halt import Halt
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.jobs.window import each
from bookstrack.model.job import CancelMode


class Works:
    """Items that end when told to."""

    def __init__(self):
        self.begun, self.cut = [], []
        self.ends = {}

    async def __call__(self, item):
        self.begun.append(item)
        try:
            await self.ends.setdefault(item, asyncio.get_running_loop().create_future())
        except asyncio.CancelledError:
            self.cut.append(item)
            raise

    async def end(self, item, problem=None):
        future = self.ends[item]
        future.set_exception(problem) if problem else future.set_result(None)
        await turns()


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def works():
    return Works()


@pytest.fixture
def halt():
    return Halt()


async def begin(works, halt, count=6, at_once=3, clock=None, grace_s=0.0):
    task = asyncio.create_task(
        each(range(count), works, at_once=at_once, halt=halt, clock=clock, grace_s=grace_s)
    )
    await turns()
    return task


async def test_the_next_begins_when_any_has_ended(works, halt):
    task = await begin(works, halt)
    assert works.begun == [0, 1, 2]
    await works.end(1)
    assert works.begun == [0, 1, 2, 3]
    await works.end(3)
    assert works.begun == [0, 1, 2, 3, 4]
    for item in (0, 2, 4, 5):
        await works.end(item)
    await task


async def test_more_room_than_items_is_no_matter(works, halt):
    task = await begin(works, halt, count=1, at_once=50)
    await works.end(0)
    await task
    await each([], works, at_once=3, halt=halt, clock=None)


async def test_the_first_failure_cuts_off_the_others(works, halt):
    task = await begin(works, halt)
    await works.end(1, ValueError("first"))
    with pytest.raises(ValueError, match="first"):
        await task
    assert works.cut == [0, 2]
    assert works.begun == [0, 1, 2]


async def test_a_cancel_cuts_off_at_once(works, halt):
    task = await begin(works, halt)
    halt.ask_cancel(CancelMode.SOFT)
    with pytest.raises(JobCanceled):
        await task
    assert works.cut == [0, 1, 2]
    assert works.begun == [0, 1, 2]


async def test_a_loss_cuts_off_at_once(works, halt):
    task = await begin(works, halt)
    halt.lose()
    with pytest.raises(Interrupted):
        await task
    assert works.cut == [0, 1, 2]


async def test_a_shutdown_lets_current_items_end(works, halt):
    task = await begin(works, halt)
    halt.interrupt()
    for item in (0, 1, 2):
        await works.end(item)
    with pytest.raises(Interrupted):
        await task
    assert not works.cut
    assert works.begun == [0, 1, 2]


async def test_who_is_cut_off_itself_cuts_off_its_items(works, halt):
    task = await begin(works, halt)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert works.cut == [0, 1, 2]


def test_patience_depends_on_the_reason():
    halt = Halt()
    halt.check()
    halt.interrupt()
    assert halt.patience_s == 10
    halt.ask_cancel(CancelMode.HARD)
    assert halt.patience_s == 1.5
    halt.lose()
    assert halt.patience_s == 0


async def test_what_is_under_way_may_end_within_the_grace(works, halt, clock):
    task = await begin(works, halt, clock=clock, grace_s=1.2)
    halt.ask_cancel(CancelMode.SOFT)
    await clock.advance(1.1)
    await works.end(0)
    assert works.begun == [0, 1, 2]
    assert works.cut == []
    await clock.advance(0.2)
    with pytest.raises(JobCanceled):
        await task
    assert sorted(works.cut) == [1, 2]
    assert clock.sleepers == 0


async def test_the_grace_is_not_waited_for_in_vain(works, halt, clock):
    task = await begin(works, halt, clock=clock, grace_s=1.2)
    halt.ask_cancel(CancelMode.SOFT)
    for item in range(3):
        await works.end(item)
    with pytest.raises(JobCanceled):
        await task
    assert works.cut == []


async def test_a_lost_job_has_no_grace(works, halt, clock):
    task = await begin(works, halt, clock=clock, grace_s=1.2)
    halt.lose()
    with pytest.raises(Interrupted):
        await task
    assert sorted(works.cut) == [0, 1, 2]
