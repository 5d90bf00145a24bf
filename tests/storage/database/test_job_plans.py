"""No statement about jobs reads a whole table: SQLite is asked how it runs each of them."""

from __future__ import annotations

import sqlite3

from sqlalchemy import event

from bookstrack.model.job import CancelMode
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_rows import JOB_BY_ID
from bookstrack.storage.database.job_store import JobStore
from bookstrack.storage.database.schema import metadata
from stored_jobs import DAY_S, LEASE_S, NOW, ended, executor, new_job, progress, result

SMALL = {"executors"}
UNFINISHED = "idx_jobs_owner"  # holds unfinished jobs only


async def whole_life(jobs):
    await jobs.register(executor("me"))
    await jobs.create(new_job(key="k"), now=NOW, idempotency_ttl_s=DAY_S)
    await jobs.create(new_job(key="k"), now=NOW, idempotency_ttl_s=DAY_S)
    await jobs.claim("job-1", "me", now=NOW, lease_s=LEASE_S)
    await jobs.renew("me", now=NOW, lease_s=LEASE_S)
    await jobs.renew("me", now=NOW, lease_s=LEASE_S, running=["job-1"])
    await jobs.add_items("job-1", "me", now=NOW, items=[b"x"], start=3)
    await jobs.write("job-1", "me", now=NOW, items=[result(0)], event=progress(1), snapshot=True)
    await jobs.put_checkpoint("job-1", "me", "c", b"x", now=NOW)
    await jobs.checkpoint("job-1", "c")
    await jobs.events("job-1", after=1)
    await jobs.newest(["job-1", "job-2"])
    await jobs.items("job-1")
    await jobs.blobs("job-1")
    await jobs.orphans(now=NOW, lease_s=LEASE_S)
    await jobs.stalled(now=NOW, after_s=900)
    await jobs.swap_token("job-1", generation=1, now=NOW, expires_at=NOW + 1)
    await jobs.request_cancel("job-1", CancelMode.SOFT, now=NOW)
    await jobs.seize("job-1", "me", now=NOW, lease_s=LEASE_S)
    await jobs.release("job-1", "me")
    await jobs.finish(
        "job-1", owner=None, now=NOW, event=ended(), results=b"x", results_expires_at=NOW + 9
    )
    await jobs.drop_artefacts("job-1", results=True)
    await jobs.retire("me")
    await jobs.blobs_due(now=NOW + DAY_S, retention_s=DAY_S)
    await jobs.forget_due(now=NOW + DAY_S, retention_s=DAY_S, paths=["a"])
    await jobs.sweep(now=NOW + DAY_S, retention_s=DAY_S)


async def test_every_statement_finds_its_rows_by_an_index(sqlite_url, metrics):
    seen = {(JOB_BY_ID, ("job-1",))}
    async with open_database(sqlite_url, metrics=metrics) as database:

        def note(_connection, _cursor, statement, parameters, _context, executemany):
            given = parameters[0] if executemany else parameters
            seen.add((statement, tuple(given)))

        event.listen(database._direct, "before_cursor_execute", note)
        await whole_life(JobStore(database))
        file = database.file
    assert len(seen) > 30
    plans = []
    connection = sqlite3.connect(file)
    for statement, given in seen:
        if statement.startswith(("BEGIN", "PRAGMA")):
            continue
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", given):
            plans.append((step, statement))
    connection.close()
    assert any("idx_jobs_finished" in step for step, _ in plans)
    assert any(step.endswith(UNFINISHED) for step, _ in plans)
    scans = [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN")
        and step.split()[1] in metadata.tables.keys() - SMALL
        and not step.endswith(UNFINISHED)
    ]
    assert scans == []
