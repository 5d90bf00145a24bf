"""Starting jobs and looking at them."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.errors import (
    IdempotencyConflict,
    InvalidRequest,
    JobExists,
    NotFound,
    StorageUnavailable,
)
from bookstrack.model.job import Blob, JobStatus, PipelineName

CHOSEN = "11112222-AAAA-4444-8888-chosen"


async def reason(board, job_id):
    with pytest.raises(NotFound) as missing:
        await board.results(job_id)
    return missing.value


async def test_a_job_is_stored_before_start_returns_and_run_after(world, here):
    started = await world.start(here)
    assert not started.replayed
    assert started.job.status is JobStatus.INITIALIZED
    assert started.job.token_expires_at == world.clock.time() + 7200
    assert not here.engine.started
    here.board.authorize(started.job, started.token)
    (event,) = await here.board.events(started.job.id)
    assert (event.seq, event.message, event.total) == (1, "Waiting to start", 3)
    assert len(await here.store.items(started.job.id)) == 3
    await world.settle()
    assert here.engine.started == [started.job.id]


async def test_fifty_equal_starts_at_once_make_one_job(any_world):
    processes = [await any_world.process() for _ in range(2)]
    found = await asyncio.gather(
        *(any_world.start(processes[number % 2], job_id=CHOSEN, key="key") for number in range(50))
    )
    assert {one.job.id for one in found} == {CHOSEN}
    assert len({one.token for one in found}) == 1
    assert sum(not one.replayed for one in found) == 1
    await any_world.settle()
    assert any_world.books.runs == 1


async def test_a_replay_gives_the_current_token(world, here):
    first = await world.start(here, key="key")
    await world.settle()
    await world.clock.advance(7200 - 60)
    renewed = await here.board.refresh(first.job.id, first.token)
    again = await world.start(here, key="key")
    assert again.replayed
    assert again.job.id == first.job.id
    assert again.token == renewed.token


async def test_ids_and_keys_stand_for_one_request_each(world, here):
    await world.start(here, job_id=CHOSEN, key="key")
    with pytest.raises(JobExists):
        await world.start(here, job_id=CHOSEN, fingerprint="other")
    with pytest.raises(IdempotencyConflict):
        await world.start(here, key="key", fingerprint="other")
    with pytest.raises(JobExists):
        await world.start(here, job_id=CHOSEN, user="somebody")
    elsewhere = await world.start(here, key="key", user="somebody", fingerprint="other")
    assert not elsewhere.replayed


async def test_objects_of_requests_that_make_no_job_are_deleted(world, here):
    def blob(path):
        return Blob(name="file", path=path, sha256="", content_type="text/csv", size=1)

    for path in ("a/1", "a/2", "a/3"):
        await world.blobs.put(path, b"x")
    await world.start(here, job_id=CHOSEN, blobs=(blob("a/1"),))
    await world.start(here, job_id=CHOSEN, blobs=(blob("a/2"),))
    with pytest.raises(JobExists):
        await world.start(here, job_id=CHOSEN, fingerprint="other", blobs=(blob("a/3"),))
    await world.settle()
    await here.board._background.finish()
    assert await world.blobs.list("a") == ["a/1"]


async def test_objects_that_cannot_be_deleted_are_told_of(world, here):
    class Away:
        async def delete(self, path):
            raise StorageUnavailable("away")

    here.board._blobs = Away()
    blob = Blob(name="file", path="a/1", sha256="", content_type="text/csv", size=1)
    await world.start(here, job_id=CHOSEN)
    with capture_logs() as logs:
        await world.start(here, job_id=CHOSEN, blobs=(blob,))
        await world.settle()
    assert [line["path"] for line in logs if line["event"] == "job_object_left"] == ["a/1"]


class Lost:
    """A store whose ``create`` does as a function says with the real one."""

    def __init__(self, store, create):
        self.store, self._create = store, create

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def create(self, *args, **kwargs):
        return await self._create(self.store.create(*args, **kwargs))


FILE = Blob(name="file", path="a/1", sha256="", content_type="text/csv", size=1)


async def test_a_job_that_is_made_while_its_caller_leaves_runs_with_its_objects(world, here):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def create(making):
        entered.set()
        await go_on.wait()
        return await making

    await world.blobs.put("a/1", b"x")
    here.board._store = Lost(here.store, create)
    starting = asyncio.ensure_future(world.start(here, job_id=CHOSEN, blobs=(FILE,)))
    await entered.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    go_on.set()
    await world.settle()
    assert here.engine.started == [CHOSEN]
    assert await world.blobs.list("a") == ["a/1"]


async def test_a_caller_who_leaves_a_thread_that_commits_takes_nothing_from_the_job(world, here):
    entered = asyncio.Event()

    async def create(making):
        entered.set()
        return await making

    await world.blobs.put("a/1", b"x")
    here.board._store = Lost(here.store, create)
    starting = asyncio.ensure_future(world.start(here, job_id=CHOSEN, blobs=(FILE,)))
    await entered.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await world.settle()
    assert (await here.board.job(CHOSEN)).id == CHOSEN
    assert await world.blobs.list("a") == ["a/1"]


async def test_objects_of_a_job_whose_making_was_not_confirmed_stay(world, here):
    async def create(making):
        await making
        raise StorageUnavailable("the answer was lost")

    await world.blobs.put("a/1", b"x")
    here.board._store = Lost(here.store, create)
    with pytest.raises(StorageUnavailable):
        await world.start(here, job_id=CHOSEN, blobs=(FILE,))
    await world.passing(600)
    assert await here.store.blobs(CHOSEN) == [FILE]
    assert await world.blobs.list("a") == ["a/1"]


async def test_objects_of_a_job_that_was_not_made_go_when_the_store_can_say_so(world, here):
    await world.blobs.put("a/1", b"x")
    here.store.away = {"create", "blobs"}
    with pytest.raises(StorageUnavailable):
        await world.start(here, job_id=CHOSEN, blobs=(FILE,))
    await world.passing(20)
    assert here.store.calls["blobs"] == 2
    assert await world.blobs.list("a") == ["a/1"]
    here.store.away = frozenset()
    await world.passing(60)
    assert await world.blobs.list("a") == []


@pytest.mark.parametrize("ends", ["patience", "process"])
async def test_objects_stay_where_nobody_can_say_whether_a_job_needs_them(world, here, ends):
    await world.blobs.put("a/1", b"x")
    here.store.away = {"create", "blobs"}
    with capture_logs() as logs:
        with pytest.raises(StorageUnavailable):
            await world.start(here, job_id=CHOSEN, blobs=(FILE,))
        await world.settle()
        await (world.passing(600) if ends == "patience" else here.board.close())
    assert [line["path"] for line in logs if line["event"] == "job_object_left"] == ["a/1"]
    assert await world.blobs.list("a") == ["a/1"]


async def test_objects_for_a_pipeline_that_is_not_there_go(world, here):
    await world.blobs.put("a/1", b"x")
    with pytest.raises(InvalidRequest):
        await world.start(here, pipeline=PipelineName.CSV_IMPORT, blobs=(FILE,))
    await world.settle()
    assert await world.blobs.list("a") == []


async def test_a_pipeline_that_is_not_there_starts_nothing(world, here):
    with pytest.raises(InvalidRequest):
        await world.start(here, pipeline=PipelineName.CSV_IMPORT)


async def test_no_job_is_promised_while_the_store_is_away(world, here):
    here.store.away = {"create"}
    with pytest.raises(StorageUnavailable):
        await world.start(here)
    await world.settle()
    assert not here.engine.started


async def test_an_unknown_job_is_not_found(here):
    for call in (here.board.job, here.board.status, here.board.results):
        with pytest.raises(NotFound):
            await call("unknown")
    assert (await reason(here.board, "unknown")).details["reason"] == "not_found"


async def test_status_is_never_stale(world, here):
    hang = asyncio.Event()

    async def work(ctx, item):
        await world.clock.sleep(0.2)
        if item.index == 3:
            await hang.wait()

    world.books.work, world.books.at_once = work, 1
    started = await world.start(here, books=10)
    await world.passing(1)
    row = await here.store.get(started.job.id)
    found = await here.board.status(started.job.id)
    assert (row.processed, found.job.processed) == (0, 3)
    assert found.event.seq == found.job.last_event == row.last_event
    assert found.job.status is JobStatus.PROCESSING
    assert found.job.progress == found.event.progress == 0.3


async def test_results_come_when_they_are_ready_and_go_after_two_hours(world, here):
    release = asyncio.Event()

    async def work(ctx, item):
        await release.wait()

    world.books.work = work
    started = await world.start(here)
    await world.settle()
    missing = await reason(here.board, started.job.id)
    assert missing.retry_after == 10
    assert missing.details == {
        "jobId": started.job.id,
        "resultsKey": f"job-results:{started.job.id}",
        "ttl": 7200,
        "reason": "not_ready",
        "status": "processing",
    }
    release.set()
    await world.passing(0.1)
    await world.clock.advance(7199)
    found = await here.board.results(started.job.id)
    assert found.expires_at == world.clock.time() + 1
    await world.clock.advance(1)
    missing = await reason(here.board, started.job.id)
    assert (missing.details["reason"], missing.retry_after) == ("expired", None)


async def test_a_failed_job_has_no_results(world, here):
    async def script(ctx):
        raise ValueError

    world.books.script = script
    started = await world.start(here)
    await world.settle()
    assert (await reason(here.board, started.job.id)).details["reason"] == "failed"


async def test_results_are_there_before_anybody_hears_of_the_end(world, here):
    seen = []
    started = await world.start(here)

    async def watch():
        async for event in here.board.follow(started.job.id, after=0):
            if event.terminal:
                seen.append(await here.board.results(started.job.id))

    watching = asyncio.create_task(watch())
    await world.passing(0.1)
    await watching
    assert seen
