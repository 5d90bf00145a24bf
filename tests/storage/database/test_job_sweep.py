"""What goes away and when: artefacts, results after their time, jobs a day after their end."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select

from bookstrack.model.job import Blob, JobStatus
from bookstrack.storage.database import job_tables as t
from stored_jobs import DAY_S, LEASE_S, NOW, ended, executor, new_job, result

TABLES = (t.jobs, t.job_items, t.job_events, t.job_blobs, t.job_results, t.job_checkpoints)


def blob(job_id, name="csv"):
    path = f"jobs/{job_id}/{name}"
    return Blob(name=name, path=path, sha256="aa", content_type="text/csv", size=1)


async def full_job(jobs, job_id="job-1", *, end=NOW):
    """A job with something in every table; it has ended, unless ``end`` is None."""
    blobs = (blob(job_id), blob(job_id, "photo"))
    await jobs.create(new_job(job_id, blobs=blobs), now=NOW, idempotency_ttl_s=DAY_S)
    await jobs.claim(job_id, "me", now=NOW, lease_s=LEASE_S)
    await jobs.put_checkpoint(job_id, "me", "reply", b"x", now=NOW)
    await jobs.write(job_id, "me", now=NOW, items=[result(0)])
    if end is not None:
        until = end + 7200
        await jobs.finish(
            job_id, owner="me", now=end, event=ended(), results=b"{}", results_expires_at=until
        )
    return [one.path for one in blobs]


async def counts(database):
    async with database.connect() as connection:
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in TABLES
        ]


async def sweep(jobs, *, now, limit=100):
    """Sweep as the keeper does when every object can be deleted; return the paths, one each."""
    due = {"now": now, "retention_s": DAY_S}
    paths = []
    while some := await jobs.blobs_due(**due, after=paths[-1] if paths else "", limit=limit):
        paths += some
    await jobs.forget_due(**due, paths=paths)
    await jobs.sweep(**due, limit=limit)
    return paths


async def test_a_day_after_its_end_everything_of_a_job_goes(jobs, database):
    paths = await full_job(jobs)
    before = await counts(database)
    assert await jobs.blobs_due(now=NOW + DAY_S - 0.001, retention_s=DAY_S) == []
    assert await sweep(jobs, now=NOW + DAY_S - 0.001) == []
    assert [*before[:4], 0, before[5]] == await counts(database), "results have their own time"
    assert min(before) == 1
    assert sorted(await jobs.blobs_due(now=NOW + DAY_S, retention_s=DAY_S)) == sorted(paths)
    assert sorted(await sweep(jobs, now=NOW + DAY_S)) == sorted(paths)
    assert await counts(database) == [0] * len(TABLES)
    assert await sweep(jobs, now=NOW + DAY_S) == []


async def test_a_job_that_has_not_ended_never_goes(jobs, database):
    await full_job(jobs, end=None)
    before = await counts(database)
    assert await sweep(jobs, now=NOW + 100 * DAY_S) == []
    assert await counts(database) == before


async def test_it_counts_from_the_end_however_the_job_ended(jobs):
    for status in (JobStatus.FAILED, JobStatus.CANCELED):
        await full_job(jobs, end=None)
        await jobs.finish("job-1", owner=None, now=NOW + 50, event=ended(status, 1))
        assert await sweep(jobs, now=NOW + DAY_S + 49) == []
        assert await jobs.get("job-1") is not None
        assert len(await sweep(jobs, now=NOW + DAY_S + 50)) == 2
        assert await jobs.get("job-1") is None


async def test_expired_results_go_and_leave_their_date(jobs):
    await full_job(jobs)
    await sweep(jobs, now=NOW + 7199)
    assert await jobs.results("job-1") is not None
    await sweep(jobs, now=NOW + 7200)
    assert await jobs.results("job-1") is None
    assert (await jobs.get("job-1")).results_expires_at == NOW + 7200


async def test_all_go_however_few_at_a_time(jobs, database):
    expected = []
    for number in range(7):
        expected += await full_job(jobs, f"j{number}", end=NOW + number)
    kept = await full_job(jobs, "young", end=NOW + 100)
    paths = await sweep(jobs, now=NOW + DAY_S + 50, limit=2)
    assert sorted(paths) == sorted(expected)
    assert (await counts(database))[0] == 1
    assert [one.path for one in await jobs.blobs("young")] == kept


async def test_sweepers_at_once_share_the_work(jobs, database):
    expected = []
    for number in range(12):
        expected += await full_job(jobs, f"j{number}")
    due = {"now": NOW + DAY_S, "retention_s": DAY_S}
    await jobs.forget_due(**due, paths=expected)
    swept = await asyncio.gather(*(jobs.sweep(**due, limit=3) for _ in range(5)))
    # one that skips what another holds may leave it to that one, but nothing is swept twice
    assert sum(swept) == 12
    assert await counts(database) == [0] * len(TABLES)


async def test_a_job_stays_as_long_as_one_of_its_objects(jobs):
    first, second = sorted(await full_job(jobs))
    due = {"now": NOW + DAY_S, "retention_s": DAY_S}
    assert await jobs.sweep(**due) == 0
    await jobs.forget_due(**due, paths=[first])
    assert await jobs.sweep(**due) == 0
    assert await jobs.blobs_due(**due) == [second]
    await jobs.forget_due(**due, paths=[second])
    assert await jobs.sweep(**due) == 1
    assert await jobs.get("job-1") is None


async def test_paths_come_in_order_and_in_pages(jobs):
    expected = sorted([*await full_job(jobs, "j1"), *await full_job(jobs, "j2")])
    due = {"now": NOW + DAY_S, "retention_s": DAY_S}
    assert await jobs.blobs_due(**due, limit=3) == expected[:3]
    assert await jobs.blobs_due(**due, after=expected[2], limit=3) == expected[3:]


async def test_objects_of_jobs_that_are_not_due_are_not_forgotten(jobs):
    paths = await full_job(jobs, end=None)
    await jobs.forget_due(now=NOW + DAY_S, retention_s=DAY_S, paths=paths)
    assert len(await jobs.blobs("job-1")) == 2


async def test_whoever_has_shown_life_is_not_ended_as_silent(jobs):
    await full_job(jobs, end=None)
    silent = {"owner": None, "now": NOW + 9, "event": ended(JobStatus.FAILED, 1)}
    assert await jobs.finish("job-1", **silent, silent_since=NOW - 1) is None
    assert await jobs.finish("job-1", **silent, silent_since=NOW) is not None


async def test_dropping_leaves_job_and_log(jobs, database):
    paths = await full_job(jobs)
    dropped = await jobs.drop_artefacts("job-1", results=False)
    assert (sorted(dropped.paths), dropped.results, dropped.checkpoints) == (
        sorted(paths),
        False,
        1,
    )
    assert await jobs.results("job-1") is not None
    dropped = await jobs.drop_artefacts("job-1", results=True)
    assert (dropped.paths, dropped.results, dropped.checkpoints) == ((), True, 0)
    again = await jobs.drop_artefacts("job-1", results=True)
    assert (again.paths, again.results, again.checkpoints) == ((), False, 0)
    assert (await jobs.get("job-1")).results_expires_at is None
    assert await counts(database) == [1, 3, 2, 0, 0, 0]


async def test_silent_executors_go_unless_they_hold_something(jobs, database):
    for name, seen_at in (("me", NOW), ("old", NOW), ("young", NOW + 1)):
        await jobs.register(executor(name, seen_at=seen_at))
    await full_job(jobs, end=None)
    await sweep(jobs, now=NOW + 3600)
    async with database.connect() as connection:
        left = (await connection.execute(select(t.executors.c.id))).scalars().all()
    assert sorted(left) == ["me", "young"]
