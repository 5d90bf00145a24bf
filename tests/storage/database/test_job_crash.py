"""A process that is killed in the middle of its writes: all of a write is there, or nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bookstrack.model.event import Event
from bookstrack.model.job import Item, ItemState, Job
from bookstrack.storage.database.job_store import JobStore
from stored_jobs import DAY_S, LEASE_S, NOW, new_job

ITEMS = 2000

WRITES = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from msgspec import structs
from stored_jobs import LEASE_S, NOW, progress, result
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.executors import this_executor
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics

async def main():
    async with open_database(sys.argv[1], metrics=Metrics()) as database:
        jobs = JobStore(database)
        me = this_executor(NOW)
        await jobs.register(me)
        claimed = await jobs.claim("job-1", me.id, now=NOW, lease_s=LEASE_S)
        left = iter([item.index for item in await jobs.items("job-1") if item.result is None])

        async def one_by_one():
            for index in left:
                event = progress(1, total=2000, current_item=str(index))
                given = {"items": [result(index)], "event": event, "snapshot": index % 5 == 0}
                print(await jobs.write("job-1", me.id, now=NOW, **given), flush=True)

        await asyncio.gather(*(one_by_one() for _ in range(4)))

asyncio.run(main())
"""


async def test_kill_9_in_the_middle_of_writes(database, database_url, request):
    jobs = JobStore(database)
    inputs = tuple(b"%d" % number for number in range(ITEMS))
    await jobs.create(new_job(items=inputs, total=ITEMS), now=NOW, idempotency_ttl_s=DAY_S)
    announced = 1
    for kill in range(3):
        last = killed_after(database_url, request.config.rootpath / "tests", writes=20 + 7 * kill)
        assert last > announced, "whoever comes next takes the job at once and goes on"
        announced = last
        log, items, row = await settled(jobs)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert len(log) >= announced, "what was told to somebody is in the log"
        told = [int(event.current_item) for event in log[1:]]
        assert len(told) == len(set(told)), "no item is done twice"
        done = [item.index for item in items if item.state is ItemState.DONE]
        assert sorted(told) == done
        assert (row.last_event, row.attempts) == (len(log), kill)
        assert row.snapshot_event <= row.last_event
    (orphan,) = await jobs.orphans(now=NOW, lease_s=LEASE_S)
    assert orphan.job_id == "job-1"


async def settled(jobs: JobStore) -> tuple[list[Event], list[Item], Job]:
    """Read all of a job; a PostgreSQL server may be busy with a last commit of the dead."""
    for _ in range(50):
        before = await jobs.get("job-1")
        log = await jobs.events("job-1", limit=ITEMS + 1)
        items = await jobs.items("job-1")
        row = await jobs.get("job-1")
        if row == before:
            break
    return log, items, row


def killed_after(url: str, tests: Path, *, writes: int) -> int:
    """Let a process write and kill it; return the highest number of an event it told of."""
    command = [sys.executable, "-c", WRITES, url, str(tests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        numbers = [int(process.stdout.readline()) for _ in range(writes)]
        process.kill()
        numbers += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    return max(numbers)
