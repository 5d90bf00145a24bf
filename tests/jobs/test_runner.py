"""Running jobs: what is logged, stored and said, whatever the pipeline does."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from bookstrack.errors import JobFailed, LeaseLost, StorageUnavailable
from bookstrack.jobs.pipeline import Outcome
from bookstrack.jobs.runner import RunEnd
from bookstrack.model.job import CancelMode, Fault, ItemState, JobStatus, PipelineName


async def the_end(process, job_id):
    return (await process.board.status(job_id)).job


async def test_a_job_is_run_to_its_end(world, here):
    started = await world.start(here)
    await world.passing(0.1)
    found = await here.board.status(started.job.id)
    assert found.job.status is JobStatus.COMPLETED
    assert (found.job.processed, found.job.succeeded, found.job.failed) == (3, 3, 0)
    assert found.event.progress == 1.0
    assert found.event.summary.resource_id == f"job-results:{started.job.id}"
    assert found.event.results_until == world.clock.time() + 7200
    results = await here.board.results(started.job.id)
    assert msgspec.json.decode(results.body) == {
        "jobId": started.job.id,
        "pipeline": "batch_enrichment",
        "enrichedBooks": [{"index": number, "ok": True} for number in range(3)],
    }


async def test_events_have_no_hole_and_never_go_back(world, here):
    async def work(ctx, item):
        await world.clock.sleep(0.07)
        return item.index % 3 != 0

    world.books.work = work
    started = await world.start(here, books=20)
    await world.passing(1)
    events = await here.board.events(started.job.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.status for event in events[:2]] == [JobStatus.INITIALIZED, JobStatus.PROCESSING]
    assert events[-1].status is JobStatus.COMPLETED
    progress = [event.progress for event in events]
    assert progress == sorted(progress)
    assert max(progress[:-1]) <= 0.99
    assert progress[-1] == 1.0
    done = [event.processed for event in events]
    assert done == sorted(done)
    assert events[-1].failed == 7


async def test_a_book_that_fails_does_not_fail_the_job(world, here):
    async def work(ctx, item):
        return False

    world.books.work = work
    started = await world.start(here)
    await world.passing(0.1)
    job = await the_end(here, started.job.id)
    assert job.status is JobStatus.COMPLETED
    assert (job.summary.success_count, job.summary.failure_count) == (0, 3)
    items = await here.store.items(started.job.id)
    assert {item.state for item in items} == {ItemState.ERROR}


async def test_a_job_that_cannot_go_on_says_why(world, here):
    async def script(ctx):
        raise JobFailed("E_CSV_NO_BOOKS", "No books", retryable=False, details={"rows": 3})

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    found = await here.board.status(started.job.id)
    expected = Fault(code="E_CSV_NO_BOOKS", message="No books", details={"rows": 3})
    assert found.job.status is JobStatus.FAILED
    assert found.job.fault == found.event.fault == expected
    assert found.event.message == "No books"


async def test_an_outcome_may_hold_a_fault(world, here):
    fault = Fault(code="E_BATCH_SCAN_FAILED", message="No photo could be read", retryable=True)

    async def script(ctx):
        return Outcome(results=b"{}", succeeded=0, failed=2, fault=fault, extra={"photos": []})

    world.scan.script = script
    started = await world.start(here, pipeline=PipelineName.AI_SCAN)
    await world.settle()
    found = await here.board.status(started.job.id)
    assert found.event.fault == fault
    assert found.event.extra == {"photos": []}


@pytest.mark.parametrize(
    ("pipeline", "code"),
    [
        (PipelineName.BATCH_ENRICHMENT, "E_BATCH_PROCESSING_FAILED"),
        (PipelineName.AI_SCAN, "E_AI_SCAN_FAILED"),
    ],
)
async def test_a_mistake_in_a_pipeline_fails_its_job_only(world, here, pipeline, code):
    async def script(ctx):
        raise ZeroDivisionError("secret inside")

    world.pipelines[pipeline].script = script
    started = await world.start(here, pipeline=pipeline)
    with capture_logs() as logs:
        await world.settle()
    job = await the_end(here, started.job.id)
    assert job.status is JobStatus.FAILED
    assert job.fault.code == code
    assert job.fault.retryable
    assert "secret" not in job.fault.message
    assert [line for line in logs if line["event"] == "job_broke" and line["exc_info"]]


async def test_a_pipeline_that_cancels_itself_has_failed(world, here):
    async def script(ctx):
        raise asyncio.CancelledError

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    assert (await the_end(here, started.job.id)).fault.code == "E_BATCH_PROCESSING_FAILED"


async def test_outages_are_sat_out(world, here):
    tries = []

    async def script(ctx):
        tries.append(world.clock.time())
        if len(tries) < 3:
            raise StorageUnavailable("away")
        return world.books.outcome(ctx.job, await ctx.items())

    world.books.script = script
    started = await world.start(here)
    await world.passing(5)
    assert (await the_end(here, started.job.id)).status is JobStatus.COMPLETED
    assert len(tries) == 3


@pytest.mark.parametrize("method", ["claim", "write", "finish", "events"])
async def test_every_write_of_a_run_waits_for_the_store(world, here, method):
    here.store.away = {method}
    started = await world.start(here)
    await world.passing(20)
    here.store.away = frozenset()
    await world.passing(6)
    job = await the_end(here, started.job.id)
    assert job.status is JobStatus.COMPLETED
    assert job.processed == 3
    assert world.books.worked == [0, 1, 2]


async def test_a_job_is_run_once_in_one_process(world, here):
    release = asyncio.Event()

    async def work(ctx, item):
        await release.wait()

    world.books.work = work
    started = await world.start(here)
    await world.settle()
    assert here.runner.running == {started.job.id}
    assert await here.runner.run(started.job.id) is RunEnd.NOT_OURS
    release.set()
    await world.passing(0.1)
    assert world.books.runs == 1
    assert await here.runner.run(started.job.id) is RunEnd.NOT_OURS
    assert not here.runner.running


async def test_a_killed_job_goes_on_elsewhere_without_repeating_anything(world, here):
    asked = []

    async def work(ctx, item):
        asked.append(item.index)
        await world.clock.sleep(60 if item.index >= 5 else 0.05)

    world.books.work = work
    started = await world.start(here, books=10)
    await world.passing(1)
    before = (await here.board.status(started.job.id)).event
    await here.die()
    world.gone.add(here.executor)
    asked.clear()
    there = await world.process()
    assert await there.board.start(world.request(books=10, job_id=started.job.id))
    assert world.books.runs == 1  # a replay starts nothing
    there.engine._run(started.job.id)
    await world.settle()
    events = await there.board.events(started.job.id, after=before.seq)
    assert events[0].message == "Resumed after a server restart"
    assert events[0].status is JobStatus.PROCESSING
    assert events[0].progress >= before.progress
    assert events[0].processed == 5
    await world.passing(400)
    assert sorted(asked) == [5, 6, 7, 8, 9]
    job = await the_end(there, started.job.id)
    assert (job.status, job.processed, job.attempts) == (JobStatus.COMPLETED, 10, 1)


async def test_items_stored_without_their_event_count_after_a_crash(world, here):
    """Ten books in the same moment: one event tells of the start, none yet of them."""
    started = await world.start(here, books=10)
    hang = asyncio.Event()

    async def work(ctx, item):
        if item.index >= 6:
            await hang.wait()

    world.books.work, world.books.at_once = work, 4
    await world.settle()
    events = await here.board.events(started.job.id)
    assert [event.processed for event in events] == [0, 0]
    await here.die()
    there = await world.process()
    world.gone.add(here.executor)
    there.engine._run(started.job.id)
    await world.settle()
    event = (await there.board.status(started.job.id)).event
    assert (event.processed, event.progress) == (6, 0.6)


async def test_a_job_that_kills_whoever_runs_it_is_ended(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    process = here
    for takeover in range(1, 5):
        await world.passing(20)
        await process.die()
        world.gone.add(process.executor)
        process = await world.process()
        process.engine._run(started.job.id)
        await world.settle()
        job = await the_end(process, started.job.id)
        looping = takeover == 4  # the 4th, 60 s after the first
        assert job.status is (JobStatus.FAILED if looping else JobStatus.PROCESSING)
    assert job.fault.code == "E_JOB_CRASH_LOOP"
    assert job.fault.retryable
    assert world.books.runs == 4


async def test_takeovers_in_quick_succession_are_no_loop_yet(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    process = here
    for _ in range(6):
        await process.die()
        world.gone.add(process.executor)
        process = await world.process()
        process.engine._run(started.job.id)
        await world.passing(5)
    assert (await the_end(process, started.job.id)).status is JobStatus.PROCESSING


async def test_who_lost_a_job_stops_and_writes_nothing_more(world, here):
    async def work(ctx, item):
        await world.clock.sleep(0.3)

    world.books.work = work
    started = await world.start(here, books=50)
    await world.passing(0.5)
    await here.store.seize(started.job.id, "thief", now=world.clock.time(), lease_s=30)
    count = len(await here.board.events(started.job.id))
    with capture_logs() as logs:
        await world.passing(2)
    assert not here.runner.running
    assert [line["event"] for line in logs if line["event"].startswith("job_")] == ["job_lost"]
    assert len(await here.board.events(started.job.id)) == count
    with pytest.raises(LeaseLost):
        await here.store.write(started.job.id, here.executor.id, now=world.clock.time())


async def test_a_job_that_only_waits_notices_that_it_was_lost(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    await here.store.seize(started.job.id, "thief", now=world.clock.time(), lease_s=30)
    await world.passing(1.1)
    assert not here.runner.running


async def test_shutdown_finishes_current_items_and_releases_the_job(world, here):
    async def work(ctx, item):
        await world.clock.sleep(4)

    world.books.work = work
    started = await world.start(here, books=10)
    await world.passing(5)
    closing = asyncio.create_task(here.runner.close())
    await world.passing(3.5)
    await closing
    assert world.books.worked == [0, 1, 2, 3]
    job = await here.store.get(started.job.id)
    assert (job.status, job.owner) == (JobStatus.PROCESSING, None)
    items = await here.store.items(started.job.id)
    assert sum(item.state is ItemState.DONE for item in items) == 4
    assert await here.runner.run(started.job.id) is RunEnd.INTERRUPTED
    there = await world.process()
    there.engine._run(started.job.id)
    await world.passing(20)
    job = await the_end(there, started.job.id)
    assert (job.status, job.processed) == (JobStatus.COMPLETED, 10)


async def test_shutdown_does_not_wait_for_ever(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    closing = asyncio.create_task(here.runner.close())
    await world.passing(9.9)
    assert not closing.done()
    await world.passing(0.2)
    await closing
    assert (await here.store.get(started.job.id)).owner is None


async def test_shutdown_during_an_outage_leaves_the_job_to_its_lease(world, here):
    started = await world.start(here)
    here.store.away = {"write", "release"}
    await world.passing(1)
    closing = asyncio.create_task(here.runner.close())
    with capture_logs() as logs:
        await world.passing(10)
        await closing
    assert "job_not_released" in [line["event"] for line in logs]
    assert (await here.store.get(started.job.id)).status is JobStatus.PROCESSING


async def test_shutdown_while_waiting_for_a_claim(world, here):
    here.store.away = {"claim"}
    run = asyncio.create_task(here.runner.run("any"))
    await world.settle()
    closing = asyncio.create_task(here.runner.close())
    await world.passing(10)
    await closing
    assert await run is RunEnd.INTERRUPTED


async def test_a_job_canceled_before_anybody_ran_it_is_not_run(world):
    web = await world.process(works=False)
    started = await world.start(web)
    await web.store.request_cancel(started.job.id, CancelMode.SOFT, now=world.clock.time())
    worker = await world.process()
    worker.engine._run(started.job.id)
    await world.settle()
    assert (await the_end(worker, started.job.id)).status is JobStatus.CANCELED
    assert world.books.runs == 0


async def test_a_cancel_that_no_hint_told_of_is_seen_within_a_second(world, here):
    async def work(ctx, item):
        await world.clock.sleep(0.4)

    world.books.work = work
    started = await world.start(here, books=50)
    await world.passing(0.5)
    await here.store.request_cancel(started.job.id, CancelMode.SOFT, now=world.clock.time())
    await world.passing(1)
    job = await the_end(here, started.job.id)
    assert job.status is JobStatus.CANCELED
    assert job.summary.canceled


async def test_a_pipeline_that_does_not_look_is_cut_off_after_a_cancel(world, here):
    async def script(ctx):
        await asyncio.Event().wait()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    await here.store.request_cancel(started.job.id, CancelMode.SOFT, now=world.clock.time())
    here.runner.heard(f"cancel {started.job.id}")
    await world.passing(1.4)
    assert (await the_end(here, started.job.id)).status is JobStatus.PROCESSING
    await world.passing(0.2)
    assert (await the_end(here, started.job.id)).status is JobStatus.CANCELED


async def test_other_hints_mean_nothing_to_a_runner(here):
    for text in ("", "cancel", "cancel unknown", "job a 1"):
        here.runner.heard(text)
    assert not here.store.calls["get"]


async def test_who_loses_a_job_at_its_very_end_stays_silent(world, here):
    async def script(ctx):
        outcome = world.books.outcome(ctx.job, await ctx.items())
        await here.store.seize(ctx.job.id, "thief", now=world.clock.time(), lease_s=30)
        return outcome

    world.books.script = script
    started = await world.start(here)
    with capture_logs() as logs:
        await world.settle()
    assert not here.runner.running
    assert [line["event"] for line in logs][-1] == "job_lost"
    assert (await the_end(here, started.job.id)).status is JobStatus.PROCESSING


async def test_an_end_whose_commit_was_not_heard_of_is_written_once(world, here):
    """The connection breaks after the commit: the second try finds the job ended."""
    finish = here.store.store.finish

    async def half_heard(*args, **kwargs):
        here.store.store.finish = finish
        await finish(*args, **kwargs)
        raise StorageUnavailable("the answer got lost")

    here.store.store.finish = half_heard
    started = await world.start(here)
    seen = []

    async def watch():
        async for event in here.board.follow(started.job.id, after=0):
            seen.append(event.status)

    watching = asyncio.create_task(watch())
    await world.passing(2)
    await watching
    assert seen == [
        JobStatus.INITIALIZED,
        JobStatus.PROCESSING,
        JobStatus.PROCESSING,
        JobStatus.COMPLETED,
    ]


async def test_the_outer_end_of_a_run_ends_its_pipeline(world, here):
    """The loop goes down without a shutdown of ours: the lease tells others later."""
    ended = asyncio.Event()

    async def script(ctx):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    await here.engine.tasks.close()
    assert ended.is_set()
    assert not here.runner.running
    assert (await here.store.get(started.job.id)).owner == here.executor.id


async def test_what_can_never_be_written_fails_the_job(world, here):
    async def script(ctx):
        await ctx.emit(message="fine")
        await ctx.emit(extra={"x": "\ud800"}, important=True)
        return world.books.outcome(ctx.job, await ctx.items())

    world.books.script = script
    started = await world.start(here)
    await world.passing(0.5)
    found = await here.board.status(started.job.id)
    assert found.job.status is JobStatus.FAILED
    assert found.event.fault.code == "E_BATCH_PROCESSING_FAILED"
    assert [event.seq for event in await here.board.events(started.job.id)] == list(
        range(1, found.event.seq + 1)
    )
    assert not here.runner.running


async def test_an_end_that_can_never_be_written_is_a_failure(world, here):
    async def script(ctx):
        raise JobFailed("E_CSV_NO_BOOKS", "\ud800", retryable=False)

    world.books.script = script
    started = await world.start(here)
    await world.passing(0.5)
    found = await here.board.status(started.job.id)
    assert found.job.status is JobStatus.FAILED
    assert found.event.fault.code == "E_BATCH_PROCESSING_FAILED"


async def test_a_run_that_breaks_for_ever_is_ended(world, here):
    """Whatever keeps a run from ending: its own process takes it up again only so often."""
    here.store.store.finish = refuse
    started = await world.start(here)
    for _ in range(world.settings.max_attempts + 1):
        await world.passing(0.5)
        assert await here.store.claim(
            started.job.id, here.executor.id, now=world.clock.time(), lease_s=30
        )
    claimed = await here.store.claim(
        started.job.id, here.executor.id, now=world.clock.time() + 61, lease_s=30
    )
    assert claimed.takeovers >= world.settings.max_attempts


async def refuse(*_args, **_kwargs):
    raise RuntimeError("never")
