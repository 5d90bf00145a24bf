"""Canceling: in every state, soft and hard, with and without a living worker."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from bookstrack.errors import LeaseLost, NotFound, StorageUnavailable
from bookstrack.jobs import canceling
from bookstrack.jobs.canceling import Cleanup
from bookstrack.model.job import Blob, CancelMode, ItemState, JobStatus

HARD, SOFT = CancelMode.HARD, CancelMode.SOFT


def blobs(count=2):
    return tuple(
        Blob(name=f"photo-{n}", path=f"jobs/{n}", sha256="", content_type="image/png", size=1)
        for n in range(count)
    )


async def stored(world, count=2):
    for blob in blobs(count):
        await world.blobs.put(blob.path, b"x")
    return blobs(count)


async def why(board, job_id):
    with pytest.raises(NotFound) as missing:
        await board.results(job_id)
    return missing.value.details["reason"]


async def canceled(world, process, job_id, mode, **over):
    """Cancel, letting up to 2.5 s pass."""
    task = asyncio.create_task(process.board.cancel(job_id, mode, **over))
    begun = world.clock.monotonic()
    while not task.done() and world.clock.monotonic() - begun < 2.5:
        await world.passing(0.05)
    return await task, world.clock.monotonic() - begun


@pytest.fixture
async def running(world, here):
    """A job of ten books of which four are done and two at work."""

    async def work(ctx, item):
        await world.clock.sleep(0.1 if item.index < 4 else 1000)
        if item.index == 1:
            await ctx.checkpoint("reply", reply)
        return item.index != 3

    async def reply():
        return b"{}"

    world.books.work = work
    started = await world.start(here, books=10, blobs=await stored(world))
    await world.passing(1)
    return started.job.id


# --- running jobs ---------------------------------------------------------------------------


async def test_hard_stops_and_deletes_everything_and_hands_over_what_there_was(
    world, here, running
):
    found, took = await canceled(world, here, running, HARD)
    assert took < 0.5
    assert found.job.status is JobStatus.CANCELED
    assert found.cleanup == Cleanup(objects=2, entries=1)
    partial = found.partial
    assert (partial.processed, partial.total) == (4, 10)
    assert (partial.succeeded, partial.failed, partial.truncated) == (3, 1, False)
    body = msgspec.json.decode(partial.results)
    assert body["partial"] is True
    assert [book["index"] for book in body["enrichedBooks"]] == [0, 1, 2, 3]
    assert await world.blobs.list("jobs") == []
    assert await why(here.board, running) == "canceled"
    (last,) = await here.board.events(running, after=found.job.last_event - 1)
    assert (last.status, last.processed, last.results_until) == (JobStatus.CANCELED, 4, None)
    assert last.progress < 1
    assert last.summary.canceled is None
    assert not here.runner.running


async def test_soft_stops_and_keeps_what_is_done(world, here, running):
    found, took = await canceled(world, here, running, SOFT)
    assert took < 0.5
    assert found.cleanup == Cleanup()
    assert found.partial.processed == 4
    results = await here.board.results(running)
    assert msgspec.json.decode(results.body)["partial"] is True
    assert results.expires_at == pytest.approx(world.clock.time() + 7200, abs=1)
    (last,) = await here.board.events(running, after=found.job.last_event - 1)
    assert last.results_until == results.expires_at
    assert last.summary.canceled is True
    assert last.summary.success_count == 3
    assert len(await world.blobs.list("jobs")) == 2
    states = [item.state for item in await here.store.items(running)]
    assert states.count(ItemState.PENDING) == 6


async def test_hard_may_keep_the_results(world, here, running):
    found, _ = await canceled(world, here, running, HARD, keep_results=True)
    assert found.job.status is JobStatus.CANCELED
    assert found.cleanup == Cleanup(objects=2, entries=1)
    assert await here.board.results(running)
    again, _ = await canceled(world, here, running, HARD)
    assert again.cleanup == Cleanup(objects=0, entries=1)
    assert await why(here.board, running) == "canceled"


@pytest.mark.parametrize("mode", [HARD, SOFT])
async def test_after_a_cancel_nothing_more_is_begun(world, here, running, mode):
    begun = list(world.books.worked)
    await canceled(world, here, running, mode)
    await world.passing(10)
    assert world.books.worked == begun == [0, 1, 2, 3, 4, 5]


async def test_a_second_cancel_removes_nothing_and_has_nothing_to_hand_over(world, here, running):
    first, _ = await canceled(world, here, running, HARD)
    again, took = await canceled(world, here, running, HARD)
    assert took < 0.1
    assert again.job == first.job
    assert again.cleanup == Cleanup()
    assert again.partial is None


async def test_many_cancels_at_once_count_every_object_once(world, here, running):
    tasks = [asyncio.create_task(here.board.cancel(running, HARD)) for _ in range(5)]
    await world.passing(3)
    found = await asyncio.gather(*tasks)
    assert {one.job.status for one in found} == {JobStatus.CANCELED}
    assert sum(one.cleanup.objects for one in found) == 2
    assert sum(one.cleanup.entries for one in found) == 1


async def test_hard_wins_over_soft(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    soft = asyncio.create_task(here.board.cancel(started.job.id, SOFT))
    await world.settle()
    hard = asyncio.create_task(here.board.cancel(started.job.id, HARD))
    await world.passing(3)
    assert (await soft).job.status is (await hard).job.status is JobStatus.CANCELED
    assert await why(here.board, started.job.id) == "canceled"


async def test_large_partial_results_stay_at_home(world, here, running, monkeypatch):
    monkeypatch.setattr(canceling, "LARGEST_PARTIAL", 10)
    found, _ = await canceled(world, here, running, HARD)
    assert found.partial.truncated
    assert found.partial.results is None
    assert found.partial.processed == 4


# --- a worker that does not answer ----------------------------------------------------------


@pytest.mark.parametrize("mode", [HARD, SOFT])
async def test_a_worker_that_is_dead_is_waited_for_two_seconds_only(world, here, running, mode):
    web = await world.process(works=False)
    await here.die()
    found, took = await canceled(world, web, running, mode)
    assert took == pytest.approx(2, abs=0.1)
    assert found.job.status is JobStatus.CANCELED
    assert (found.partial.processed, found.partial.succeeded) == (4, 3)
    if mode is SOFT:
        assert msgspec.json.decode((await web.board.results(running)).body)["partial"] is True
    events = await web.board.events(running)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].processed == 4


async def test_what_a_worker_writes_after_force_was_used_does_not_count(world, here, the_result):
    """The pipeline neither looks nor can be cut off."""
    hang = asyncio.Event()

    async def script(ctx):
        while not hang.is_set():
            try:
                await hang.wait()
            except asyncio.CancelledError:
                continue
        items = await ctx.items()
        await ctx.done(the_result(items[0]), ok=True)

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    found, took = await canceled(world, here, started.job.id, HARD)
    assert took == pytest.approx(2, abs=0.1)
    assert found.partial.processed == 0
    with pytest.raises(LeaseLost):
        await here.store.write(started.job.id, here.executor.id, now=world.clock.time())
    hang.set()
    await world.passing(2)
    items = await here.store.items(started.job.id)
    assert {item.state for item in items} == {ItemState.PENDING}
    events = await here.board.events(started.job.id)
    assert events[-1].status is JobStatus.CANCELED
    assert not here.runner.running


async def test_a_job_nobody_runs_is_canceled_at_once(world):
    web = await world.process(works=False)
    started = await world.start(web, blobs=await stored(world))
    found, took = await canceled(world, web, started.job.id, HARD)
    assert took < 0.1
    assert found.job.status is JobStatus.CANCELED
    assert found.cleanup == Cleanup(objects=2, entries=0)
    assert found.partial is None


async def test_who_takes_the_job_up_in_between_ends_it_himself(world):
    """Force is used at the moment another process claims the job."""
    web, worker = await world.process(works=False), await world.process()
    started = await world.start(web)
    seize = web.store.store.seize

    async def and_claimed(*args, **kwargs):
        job = await seize(*args, **kwargs)
        if job is not None:
            await worker.store.seize(job.id, worker.executor.id, now=world.clock.time(), lease_s=30)
        return job

    web.store.store.seize = and_claimed
    task = asyncio.create_task(web.board.cancel(started.job.id, SOFT))
    await asyncio.sleep(0.05)
    web.store.store.seize = seize
    assert (await task).job.status is JobStatus.CANCELED


async def test_another_process_hears_of_a_cancel_by_the_bus(world, here, running):
    web = await world.process(works=False)
    found, took = await canceled(world, web, running, SOFT)
    assert took < 0.5
    assert found.job.status is JobStatus.CANCELED


# --- jobs that have ended -------------------------------------------------------------------


async def test_a_completed_job_stays_completed_and_loses_its_artefacts(world, here):
    started = await world.start(here, blobs=await stored(world))
    await world.passing(0.1)
    soft, _ = await canceled(world, here, started.job.id, SOFT)
    assert (soft.job.status, soft.cleanup) == (JobStatus.COMPLETED, Cleanup())
    assert await here.board.results(started.job.id)
    kept, _ = await canceled(world, here, started.job.id, HARD, keep_results=True)
    assert kept.cleanup == Cleanup(objects=2, entries=0)
    hard, _ = await canceled(world, here, started.job.id, HARD)
    assert (hard.job.status, hard.cleanup) == (JobStatus.COMPLETED, Cleanup(objects=0, entries=1))
    assert hard.partial is None
    assert await why(here.board, started.job.id) == "not_found"


async def test_an_unknown_job_cannot_be_canceled(here):
    for mode in (HARD, SOFT):
        with pytest.raises(NotFound):
            await here.board.cancel("unknown", mode)


async def test_nothing_is_forgotten_when_the_object_store_is_away(world, here, running):
    class Away:
        async def delete(self, path):
            raise StorageUnavailable("away")

    there, here.board._canceling._blobs = here.board._canceling._blobs, Away()
    with pytest.raises(StorageUnavailable):
        await canceled(world, here, running, HARD)
    here.board._canceling._blobs = there
    found, _ = await canceled(world, here, running, HARD)
    assert found.job.status is JobStatus.CANCELED
    assert found.cleanup == Cleanup(objects=2, entries=1)


async def test_a_job_that_is_deleted_while_it_is_canceled_is_not_found(world, here):
    started = await world.start(here)
    await world.settle()

    async def nothing(job_id):
        return None

    here.store.get = nothing
    with pytest.raises(NotFound):
        await here.board.cancel(started.job.id, SOFT)


async def test_a_job_that_ends_by_itself_just_before_force_is_used(world, here, running):
    web = await world.process(works=False)
    seize = web.store.seize

    async def too_late(job_id, owner, **kwargs):
        assert here.runner.running
        here.runner._look = look
        await canceled(world, here, job_id, SOFT)
        return await seize(job_id, owner, **kwargs)

    web.store.seize = too_late
    look, here.runner._look = here.runner._look, lambda *_: asyncio.sleep(0)
    found = asyncio.create_task(web.board.cancel(running, SOFT))
    while not found.done():
        await world.passing(0.1)
    assert (await found).job.status is JobStatus.CANCELED
