"""What is done by the clock: signs of life, take-overs, watchdogs, the broom."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.errors import NotFound, StorageUnavailable
from bookstrack.model.job import Blob, JobStatus

DAY = 86_400


async def hang(ctx):
    await asyncio.Event().wait()


async def status(process, job_id):
    return (await process.board.status(job_id)).job.status


async def ends(process, job_id):
    """Return what the status turned out to be, None when the job is not there any more."""
    try:
        return await status(process, job_id)
    except NotFound:
        return None


# --- signs of life and take-overs -----------------------------------------------------------


async def test_a_running_job_stays_with_who_runs_it(world, here):
    world.books.script = hang
    there = await world.process()
    for process in (here, there):
        await process.keeper.open()
    started = await world.start(here)
    await world.passing(300)
    job = await here.store.get(started.job.id)
    assert job.owner == here.executor.id
    assert job.lease_until >= world.clock.time() + 20
    assert world.books.runs == 1
    assert there.engine.ensured == []


async def test_a_job_of_a_dead_process_of_this_host_is_taken_over_within_seconds(world, here):
    world.books.script = hang
    started = await world.start(here)
    await world.settle()
    await here.die()
    world.gone.add(here.executor)
    there = await world.process(known=False)
    await there.keeper.open()
    await world.settle()
    assert there.engine.ensured == [started.job.id]
    assert (await there.store.get(started.job.id)).owner == there.executor.id


async def test_a_job_of_a_process_that_fell_silent_is_taken_over_when_its_lease_ends(world, here):
    world.books.script = hang
    await here.keeper.open()
    started = await world.start(here)
    await world.passing(5)
    there = await world.process()
    await there.keeper.open()
    await here.die()
    await world.passing(20)
    assert there.engine.ensured == []
    await world.passing(15)
    assert there.engine.ensured == [started.job.id]
    assert (await there.store.get(started.job.id)).owner == there.executor.id


async def test_a_job_whose_start_got_lost_is_found(world):
    web = await world.process(works=False)
    started = await world.start(web)
    worker = await world.process(known=False)
    await worker.keeper.open()
    await world.settle()
    assert worker.engine.ensured == []
    await world.passing(4.1)
    assert worker.engine.ensured == [started.job.id]
    assert await status(web, started.job.id) is JobStatus.COMPLETED


async def test_a_process_that_works_for_nobody_leaves_orphans_alone(world):
    web = await world.process(works=False, known=False)
    await web.keeper.open()
    await world.start(web)
    await world.passing(60)
    assert web.engine.ensured == []


async def test_orphans_can_be_asked_for_at_any_time(world, here):
    web = await world.process(works=False)
    started = await world.start(web)
    await world.passing(3)
    await here.keeper.adopt()
    await world.settle()
    assert here.engine.ensured == [started.job.id]


async def test_who_leaves_gives_everything_back(world, here):
    world.books.script = hang
    there = await world.process()
    await there.keeper.open()
    await here.keeper.open()
    started = await world.start(here)
    await world.settle()
    await here.engine.tasks.close()
    await here.keeper.close()
    await world.passing(2)
    assert there.engine.ensured == [started.job.id]


# --- watchdogs ------------------------------------------------------------------------------


async def test_a_job_without_a_sign_of_life_for_a_quarter_of_an_hour_fails(world, here):
    """Its worker went without a word, and nobody takes jobs over."""
    web = await world.process(works=False, known=False)
    await web.keeper.open()
    world.books.script = hang
    started = await world.start(here)
    await world.settle()
    await here.die()
    await world.passing(890)
    assert await status(web, started.job.id) is JobStatus.PROCESSING
    with capture_logs() as logs:
        await world.passing(90)
    found = await web.board.status(started.job.id)
    assert found.job.status is JobStatus.FAILED
    assert found.job.fault.code == found.event.fault.code == "E_JOB_STALLED"
    assert found.job.fault.retryable
    assert [line["job_id"] for line in logs if line["event"] == "job_stalled"] == [started.job.id]


async def test_a_job_that_waits_for_room_is_not_stalled(world):
    web = await world.process(works=False, known=False)
    await web.keeper.open()
    started = await world.start(web)
    await world.passing(4000)
    assert await status(web, started.job.id) is JobStatus.INITIALIZED


# --- the broom ------------------------------------------------------------------------------


async def test_everything_of_an_ended_job_goes_after_a_day_and_running_ones_stay(world, here):
    blob = Blob(name="f", path="jobs/f", sha256="", content_type="text/csv", size=1)
    await world.blobs.put("jobs/f", b"x")
    ended = (await world.start(here, blobs=(blob,))).job.id
    await world.passing(0.1)
    here.engine.runner = None
    running = (await world.start(here, job_id="still-running-after-a-day")).job.id
    assert await here.store.claim(running, "somebody", now=world.clock.time(), lease_s=30)
    await world.clock.advance(DAY - 1)
    await here.keeper.sweep()
    assert await status(here, ended) is JobStatus.COMPLETED
    await world.clock.advance(1)
    await here.keeper.sweep()
    await here.keeper.sweep()
    assert await ends(here, ended) is None
    assert await here.board.events(ended) == []
    assert await world.blobs.list("jobs") == []
    assert await status(here, running) is JobStatus.PROCESSING


async def test_a_job_that_became_due_while_objects_were_deleted_stays_for_the_next_sweep(
    world, here
):
    (job,) = await over(world, here, "jobs/f")

    async def nothing(**_):
        return []

    here.store.blobs_due, real = nothing, here.store.blobs_due
    await here.keeper.sweep()
    assert await ends(here, job) is JobStatus.COMPLETED
    here.store.blobs_due = real
    await here.keeper.sweep()
    assert await ends(here, job) is None
    assert await world.blobs.list("jobs") == []


async def over(world, here, *paths):
    """Return the ids of jobs, one for each object, that ended a day ago."""
    jobs = []
    for path in paths:
        blob = Blob(name="f", path=path, sha256="", content_type="text/csv", size=1)
        await world.blobs.put(path, b"x")
        jobs.append((await world.start(here, blobs=(blob,), fingerprint=path)).job.id)
    await world.passing(0.1)
    await world.clock.advance(DAY)
    return jobs


class Stubborn:
    """An object store that does not let go of some objects."""

    def __init__(self, blobs, stuck):
        self._blobs, self.stuck, self.asked = blobs, stuck, []

    async def delete(self, path):
        self.asked.append(path)
        if path in self.stuck:
            raise StorageUnavailable("held")
        await self._blobs.delete(path)


async def test_an_object_that_cannot_be_deleted_stops_nothing(world, here):
    stuck, free = await over(world, here, "jobs/a", "jobs/b")
    blobs = here.keeper._blobs = Stubborn(world.blobs, {"jobs/a"})
    with capture_logs() as logs:
        await here.keeper.sweep()
    assert [line["path"] for line in logs if line["event"] == "job_object_left"] == ["jobs/a"]
    assert await ends(here, free) is None
    assert await ends(here, stuck) is JobStatus.COMPLETED, "else nobody would know of the object"
    assert await here.store.results(stuck) is None
    blobs.stuck = set()
    await here.keeper.sweep()
    assert await ends(here, stuck) is None
    assert await world.blobs.list("jobs") == []


async def test_objects_are_deleted_some_at_a_time(world, here, monkeypatch):
    monkeypatch.setattr("bookstrack.jobs.keeper._AT_ONCE", 2)
    jobs = await over(world, here, *(f"jobs/{n}" for n in range(5)))
    await here.keeper.sweep()
    assert [await ends(here, job) for job in jobs] == [None] * 5
    assert here.store.calls["blobs_due"] == 3
    assert await world.blobs.list("jobs") == []


async def test_a_store_that_is_away_is_not_asked_for_everything_and_nothing_waits_for_ever(
    world, here
):
    jobs = await over(world, here, *(f"jobs/{n}" for n in range(7)))
    here.keeper._blobs = blobs = Stubborn(world.blobs, {f"jobs/{n}" for n in range(6)})
    await here.keeper.sweep()
    assert blobs.asked == [f"jobs/{n}" for n in range(5)]
    await here.keeper.sweep()
    assert blobs.asked[5:] == ["jobs/5", "jobs/6"], "it goes on behind what could not be deleted"
    assert [await ends(here, job) for job in jobs[5:]] == [JobStatus.COMPLETED, None]
    blobs.stuck = set()
    await here.keeper.sweep()
    assert await world.blobs.list("jobs") == []


async def test_more_jobs_than_one_transaction_deletes(world, here, monkeypatch):
    monkeypatch.setattr("bookstrack.jobs.keeper._AT_ONCE", 2)
    jobs = [(await world.start(here, fingerprint=str(n))).job.id for n in range(5)]
    await world.passing(0.1)
    await world.clock.advance(DAY)
    await here.keeper.sweep()
    assert [await ends(here, job) for job in jobs] == [None] * 5


# --- outages --------------------------------------------------------------------------------


async def test_outages_are_logged_and_end_nothing(world):
    here = await world.process(known=False)
    here.store.away = {"*"}
    with capture_logs() as logs:
        await here.keeper.open()
        await world.passing(1300)
    failed = {line["duty"] for line in logs if line["event"] == "jobs_duty_failed"}
    assert failed == {"register", "beat", "stalls", "sweep", "orphans"}
    here.store.away = frozenset()
    world.books.script = hang
    started = await world.start(here)
    await world.passing(60)
    job = await here.store.get(started.job.id)
    assert job.lease_until >= world.clock.time() + 20
    assert here.engine.ensured == []


async def test_a_mistake_in_one_duty_does_not_end_it(world, here):
    async def broken(**_):
        raise ZeroDivisionError

    here.store.orphans = broken
    with capture_logs() as logs:
        await here.keeper.open()
        await world.passing(5)
    broke = [line for line in logs if line["event"] == "jobs_duty_broke"]
    assert len(broke) == 3
    assert broke[0]["exc_info"]


async def test_leaving_without_a_database_harms_nobody(world, here):
    await here.keeper.open()
    here.store.away = {"retire"}
    with capture_logs() as logs:
        await here.keeper.close()
    assert [line["duty"] for line in logs] == ["retire"]


# --- a day ----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_day_of_a_server(world):
    """Every time-out happens when it should: tokens, results, take-overs, sweeps."""
    here = await world.process(works=False, known=False)
    worker = await world.process()
    await here.keeper.open()
    begun = world.clock.monotonic()
    started = await world.start(here)
    job_id = started.job.id
    run = asyncio.create_task(worker.runner.run(job_id))
    await world.passing(1)
    await run
    seen = {"token": None, "results": None, "job": None}

    async def note(name, holds):
        if seen[name] is None and not holds:
            seen[name] = world.clock.monotonic() - begun

    async def readable():
        try:
            await here.board.results(job_id)
        except NotFound:
            return False
        return True

    while world.clock.monotonic() - begun < DAY + 1200:
        await world.passing(600)
        job = await here.store.get(job_id)
        await note("job", job is not None)
        await note("token", job is not None and job.token_expires_at > world.clock.time())
        await note("results", await readable())
    assert seen["token"] == pytest.approx(7200, abs=600)
    assert seen["results"] == pytest.approx(7200, abs=600)
    assert seen["job"] == pytest.approx(DAY, abs=602)  # it took a second
    assert here.store.calls["renew"] == pytest.approx((DAY + 1200) / 10, abs=2)
    assert here.store.calls["sweep"] == pytest.approx((DAY + 1200) / 600, abs=2)


async def test_a_stalled_job_that_is_gone_meanwhile_is_no_matter(world, here):
    async def stalled(**_):
        return ["gone-already"]

    here.store.stalled = stalled
    await here.keeper.end_stalled()


@pytest.mark.parametrize("problem", [StorageUnavailable("away"), ValueError("gone")])
async def test_a_stalled_job_that_cannot_be_ended_keeps_no_other_from_it(world, here, problem):
    here.engine.runner = None
    bad, good = [(await world.start(here, fingerprint=name)).job.id for name in "ab"]
    for job_id in (bad, good):
        await here.store.claim(job_id, "somebody", now=world.clock.time(), lease_s=1e6)
    await world.clock.advance(1000)
    real = here.store.events

    async def events(job_id, **how):
        if job_id == bad:
            raise problem
        return await real(job_id, **how)

    async def stalled(**_):
        return [bad, good]

    here.store.events, here.store.stalled = events, stalled
    with capture_logs() as logs:
        await here.keeper.end_stalled()
    told = [line["job_id"] for line in logs if line["event"] == "job_stalled_on"]
    assert told == [bad]
    assert (await here.store.get(good)).status is JobStatus.FAILED
    assert (await here.store.get(bad)).status is JobStatus.PROCESSING


async def test_a_stalled_job_that_came_to_life_meanwhile_lives(world, here):
    here.engine.runner = None
    job_id = (await world.start(here)).job.id
    await here.store.claim(job_id, "somebody", now=world.clock.time(), lease_s=1e6)
    await world.clock.advance(1000)
    (found,) = await here.store.stalled(now=world.clock.time(), after_s=900)
    assert found == job_id
    real = here.store.finish

    async def finish(*args, **how):
        await here.store.write(job_id, "somebody", now=world.clock.time())
        return await real(*args, **how)

    here.store.finish = finish
    await here.keeper.end_stalled()
    assert await status(here, job_id) is JobStatus.PROCESSING
    await world.clock.advance(901)
    here.store.finish = real
    await here.keeper.end_stalled()
    assert await status(here, job_id) is JobStatus.FAILED


async def test_a_stalled_job_that_ended_meanwhile_stays_as_it_ended(world, here):
    started = await world.start(here)
    await world.passing(0.1)

    async def stalled(**_):
        return [started.job.id]

    here.store.stalled = stalled
    await here.keeper.end_stalled()
    assert await status(here, started.job.id) is JobStatus.COMPLETED
