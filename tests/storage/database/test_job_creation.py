"""One request, one job: ids, keys, replays and conflicts, also when all come at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import func, select, text

from bookstrack.errors import IdempotencyConflict, JobExists
from bookstrack.model.event import Event
from bookstrack.model.job import Blob, Item, ItemState, Job, JobStatus, PipelineName
from bookstrack.storage.database.job_tables import job_events, job_items
from bookstrack.storage.database.job_tables import jobs as job_table
from bookstrack.storage.database.tables import idempotency
from stored_jobs import DAY_S, NOW, ended, new_job

BLOB = Blob(name="photo-0", path="jobs/x/0", sha256="aa", content_type="image/png", size=9)


async def create(jobs, new, *, now=NOW):
    return await jobs.create(new, now=now, idempotency_ttl_s=DAY_S)


async def count(database, table):
    async with database.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_a_job_is_there_with_everything(jobs):
    new = new_job(blobs=(BLOB,), extra={"totalPhotos": 1}, key="k")
    created = await create(jobs, new)
    job = Job(
        id="job-1",
        pipeline=PipelineName.BATCH_ENRICHMENT,
        status=JobStatus.INITIALIZED,
        total=3,
        message="Queued",
        options={"vectorize": True},
        scope="jobs:enrichment:",
        fingerprint="f1",
        token_expires_at=NOW + 7200,
        created_at=NOW,
        updated_at=NOW,
    )
    assert (created.job, created.replayed) == (job, False)
    assert await jobs.get("job-1") == job
    first = Event(
        seq=1,
        at=int(NOW * 1000),
        status=JobStatus.INITIALIZED,
        progress=0.0,
        processed=0,
        total=3,
        message="Queued",
        extra={"totalPhotos": 1},
    )
    assert await jobs.events("job-1") == [first]
    assert await jobs.items("job-1") == [
        Item(index=index, state=ItemState.PENDING, input=given)
        for index, given in enumerate(new.items)
    ]
    assert await jobs.blobs("job-1") == [BLOB]


async def test_what_is_not_there(jobs):
    assert await jobs.get("nothing") is None
    assert await jobs.events("nothing") == []
    assert await jobs.items("nothing") == []
    assert await jobs.results("nothing") is None
    assert await jobs.blobs("nothing") == []
    assert await jobs.checkpoint("nothing", "x") is None


async def test_a_job_without_items_and_with_strange_texts(jobs):
    await create(jobs, new_job(items=(), total=0, message="nul \x00 ü 💥", options={"a": "\x00"}))
    job = await jobs.get("job-1")
    assert job.message == "nul  ü 💥"
    assert job.options == {"a": "\x00"}
    assert (await jobs.events("job-1"))[0].message == "nul \x00 ü 💥"


async def test_the_same_id_and_request_again_is_a_replay(jobs, database):
    first = await create(jobs, new_job())
    again = await create(jobs, new_job(message="other"), now=NOW + 3600)
    assert (again.job, again.replayed) == (first.job, True)
    assert await count(database, job_items) == 3


async def test_ids_differ_by_the_case_of_letters(jobs):
    await create(jobs, new_job("ABC"))
    assert not (await create(jobs, new_job("abc"))).replayed


async def test_the_same_id_for_another_request_is_refused(jobs, database):
    await create(jobs, new_job())
    for change in ({"fingerprint": "f2"}, {"scope": "jobs:enrichment:u2"}):
        for key in (None, "k", "job-1"):
            with pytest.raises(JobExists) as caught:
                await create(jobs, new_job(key=key, **change))
            assert caught.value.details == {"jobId": "job-1"}
    assert await count(database, idempotency) == 0, "a refused request leaves no key behind"


async def test_a_key_stands_for_the_first_job_made_under_it(jobs, database):
    first = await create(jobs, new_job("one", key="k"))
    again = await create(jobs, new_job("two", key="k"), now=NOW + DAY_S - 1)
    assert (again.job, again.replayed) == (first.job, True)
    other = await create(jobs, new_job("three", key="k", scope="jobs:enrichment:u2"))
    assert (other.job.id, other.replayed) == ("three", False)
    assert await count(database, job_table) == 2


async def test_a_key_used_for_another_request_is_refused(jobs, database):
    await create(jobs, new_job("one", key="k"))
    with pytest.raises(IdempotencyConflict):
        await create(jobs, new_job("two", key="k", fingerprint="f2"))
    assert await count(database, job_table) == 1


async def test_a_key_is_forgotten_after_its_time(jobs):
    await create(jobs, new_job("one", key="k"))
    fresh = await create(jobs, new_job("two", key="k", fingerprint="f2"), now=NOW + DAY_S)
    assert (fresh.job.id, fresh.replayed) == ("two", False)
    again = await create(jobs, new_job("three", key="k", fingerprint="f2"), now=NOW + DAY_S)
    assert again.job.id == "two"


async def test_a_replay_gives_the_job_as_it_is_now(jobs):
    await create(jobs, new_job(key="k"))
    await jobs.swap_token("job-1", generation=1, now=NOW, expires_at=NOW + 9000)
    await jobs.finish("job-1", owner=None, now=NOW, event=ended())
    job = (await create(jobs, new_job(key="k"))).job
    assert (job.token_generation, job.status) == (2, JobStatus.COMPLETED)


async def test_an_id_and_a_key_are_free_again_once_the_job_is_gone(jobs):
    await create(jobs, new_job(key="k"))
    await jobs.finish("job-1", owner=None, now=NOW, event=ended())
    late = NOW + DAY_S - 1
    with pytest.raises(JobExists):
        await create(jobs, new_job(fingerprint="f2"), now=late)
    await jobs.sweep(now=late, retention_s=DAY_S - 1)
    assert not (await create(jobs, new_job(fingerprint="f2"), now=late)).replayed
    by_key = await create(jobs, new_job("job-2", key="k"), now=late)
    assert (by_key.job.id, by_key.replayed) == ("job-2", False)
    again = await create(jobs, new_job("job-3", key="k"), now=late)
    assert (again.job.id, again.replayed) == ("job-2", True)


@pytest.mark.parametrize("key", [None, "k"])
async def test_of_fifty_at_once_with_one_id_one_makes_the_job(jobs, database, key):
    made = await asyncio.gather(*(create(jobs, new_job(key=key)) for _ in range(50)))
    assert sorted(created.replayed for created in made) == [False] + [True] * 49
    assert {created.job.id for created in made} == {"job-1"}
    assert (await count(database, job_table), await count(database, job_items)) == (1, 3)
    assert await count(database, job_events) == 1


async def test_of_fifty_at_once_with_one_key_one_makes_the_job(jobs, database):
    made = await asyncio.gather(*(create(jobs, new_job(f"j{n}", key="k")) for n in range(50)))
    assert sorted(created.replayed for created in made) == [False] + [True] * 49
    assert len({created.job.id for created in made}) == 1
    assert await count(database, job_table) == 1


async def test_of_two_requests_at_once_with_one_id_one_is_refused(jobs):
    news = [new_job(fingerprint=f"f{number % 2}") for number in range(20)]
    outcomes = await asyncio.gather(*(create(jobs, new) for new in news), return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, JobExists)]
    assert len(refused) == 10
    assert sum(not one.replayed for one in outcomes if one not in refused) == 1


CREATES = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from stored_jobs import NOW, new_job
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics

async def main():
    async with open_database(sys.argv[1], metrics=Metrics()) as database:
        jobs = JobStore(database)
        await database.ping()
        print("ready", flush=True)
        sys.stdin.readline()
        made = await asyncio.gather(
            *(jobs.create(new_job(key="k"), now=NOW, idempotency_ttl_s=60) for _ in range(15))
        )
        print(sum(not one.replayed for one in made))

asyncio.run(main())
"""


def test_one_job_of_equal_requests_to_three_processes(database_url, request):
    helper = str(request.config.rootpath / "tests")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATES, database_url, helper],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 1


async def test_a_failing_creation_leaves_nothing(jobs, database):
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        await create(jobs, new_job(key="k", blobs=(BLOB, BLOB)))
    for table in (job_table, job_items, job_events, idempotency):
        assert await count(database, table) == 0


async def test_a_thousand_items(jobs):
    inputs = tuple(b"%d" % number for number in range(1000))
    await create(jobs, new_job(items=inputs, total=1000))
    assert [item.input for item in await jobs.items("job-1")] == list(inputs)


async def test_unknown_states_cannot_be_stored(database):
    statement = text("INSERT INTO jobs (id, pipeline, status) VALUES ('a', 'b', 'odd')")
    with pytest.raises(Exception, match=r"(?i)constraint"):
        async with database.begin() as connection:
            await connection.execute(statement)
