"""Who may run a job: leases, death in all its forms, crash loops, orphans, stalls."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import select

from bookstrack.errors import LeaseLost
from bookstrack.model.job import CancelMode, JobStatus, PipelineName
from bookstrack.storage.database import executors
from bookstrack.storage.database.executors import is_gone, this_executor
from bookstrack.storage.database.job_rows import Orphan
from bookstrack.storage.database.job_store import JobStore
from stored_jobs import DAY_S, LEASE_S, NOW, ended, executor, new_job, progress, result

STALL_S = 900
ORPHAN = Orphan("job-1", PipelineName.BATCH_ENRICHMENT)


@pytest.fixture
async def job(jobs):
    """The id of a job that nobody has begun."""
    created = await jobs.create(new_job(), now=NOW, idempotency_ttl_s=DAY_S)
    return created.job.id


async def claim(jobs, job, owner, *, now=NOW):
    return await jobs.claim(job, owner, now=now, lease_s=LEASE_S)


async def orphans(jobs, *, now, limit=100):
    return await jobs.orphans(now=now, lease_s=LEASE_S, limit=limit)


async def test_the_first_claim_starts_the_job(jobs, job):
    claimed = await claim(jobs, job, "a", now=NOW + 1)
    assert not claimed.resumed
    assert (claimed.job.status, claimed.job.owner) == (JobStatus.PROCESSING, "a")
    assert (claimed.job.started_at, claimed.job.lease_until) == (NOW + 1, NOW + 1 + LEASE_S)
    assert (claimed.job.attempts, claimed.takeovers, claimed.first_takeover_at) == (0, 0, None)
    assert (claimed.updates_since_write, claimed.last_write_at) == (0, NOW)
    assert await jobs.get(job) == claimed.job


async def test_nobody_claims_what_somebody_alive_runs_or_what_is_not_there(jobs, job):
    await claim(jobs, job, "a")
    assert await claim(jobs, job, "b", now=NOW + LEASE_S - 0.001) is None
    assert await claim(jobs, "nothing", "a") is None
    assert (await jobs.get(job)).owner == "a"


async def test_nobody_claims_what_has_ended(jobs, job):
    await jobs.finish(job, owner=None, now=NOW, event=ended(JobStatus.CANCELED))
    assert await claim(jobs, job, "a") is None
    assert await jobs.seize(job, "a", now=NOW, lease_s=LEASE_S) is None


async def test_of_many_owners_at_once_one_wins(jobs, job):
    claims = await asyncio.gather(*(claim(jobs, job, f"o{number}") for number in range(30)))
    (won,) = (one for one in claims if one is not None)
    assert (await jobs.get(job)).owner == won.job.owner


async def test_of_many_owners_at_once_one_takes_over(jobs, job):
    await claim(jobs, job, "dead")
    late = NOW + LEASE_S
    claims = [claim(jobs, job, f"o{number}", now=late) for number in range(30)]
    (won,) = (one for one in await asyncio.gather(*claims) if one is not None)
    assert (won.resumed, won.takeovers, won.job.attempts) == (True, 1, 1)


async def test_the_end_of_a_lease_lets_others_take_over(jobs, job):
    await claim(jobs, job, "a")
    taken = await claim(jobs, job, "b", now=NOW + LEASE_S)
    assert (taken.resumed, taken.job.owner, taken.job.started_at) == (True, "b", NOW)
    assert (taken.job.attempts, taken.takeovers) == (1, 1)
    assert taken.first_takeover_at == NOW + LEASE_S
    with pytest.raises(LeaseLost):
        await jobs.write(job, "a", now=NOW + LEASE_S, items=[result(0)])


async def test_renewing_keeps_a_job(jobs, job):
    await jobs.register(executor("a"))
    await claim(jobs, job, "a")
    await jobs.renew("a", now=NOW + 20, lease_s=LEASE_S)
    assert await claim(jobs, job, "b", now=NOW + 20 + LEASE_S - 0.001) is None
    assert await claim(jobs, job, "b", now=NOW + 20 + LEASE_S) is not None
    await jobs.renew("a", now=NOW + 60, lease_s=LEASE_S)
    assert (await jobs.get(job)).owner == "b"


async def test_renewing_what_is_running_lets_the_rest_go(jobs, job):
    await jobs.register(executor("a"))
    await jobs.create(new_job("other"), now=NOW, idempotency_ttl_s=DAY_S)
    for one in (job, "other"):
        await claim(jobs, one, "a")
    await jobs.renew("a", now=NOW + 20, lease_s=LEASE_S, running={"other"})
    assert await orphans(jobs, now=NOW + LEASE_S) == [ORPHAN]
    again = await claim(jobs, job, "a", now=NOW + LEASE_S)
    assert (again.resumed, again.takeovers) == (True, 1)  # whatever ended the run may do so again


async def test_a_silent_executor_is_dead_even_if_a_lease_is_young(jobs, job):
    await jobs.register(executor("a", seen_at=NOW - 20))
    await claim(jobs, job, "a")
    assert await claim(jobs, job, "b", now=NOW + 9) is None
    assert await orphans(jobs, now=NOW + 9) == []
    assert await orphans(jobs, now=NOW + 10) == [ORPHAN]
    assert (await claim(jobs, job, "b", now=NOW + 10)).job.owner == "b"


async def test_a_process_that_is_gone_is_dead_at_once(database, jobs, job):
    store = JobStore(database, is_gone=lambda one: one.id == "a")
    for name in "ab":
        await store.register(executor(name))
    await claim(store, job, "a")
    assert await orphans(jobs, now=NOW + 1) == []
    assert await orphans(store, now=NOW + 1) == [ORPHAN]
    assert (await claim(store, job, "b", now=NOW + 1)).takeovers == 1
    assert await claim(store, job, "c", now=NOW + 1) is None


async def test_a_released_job_goes_on_without_being_counted_as_a_crash(jobs, job):
    await claim(jobs, job, "a")
    await jobs.release(job, "b")
    assert (await jobs.get(job)).owner == "a"
    await jobs.release(job, "a")
    assert await orphans(jobs, now=NOW) == [ORPHAN]
    taken = await claim(jobs, job, "b")
    assert (taken.resumed, taken.takeovers, taken.job.attempts) == (True, 0, 1)


async def test_retiring_releases_everything(database, jobs, job):
    await jobs.register(executor("a"))
    await claim(jobs, job, "a")
    await jobs.retire("a")
    assert await orphans(jobs, now=NOW) == [ORPHAN]
    async with database.connect() as connection:
        assert (await connection.execute(select(executors.executors))).all() == []


async def test_seizing_fences_the_worker_off(jobs, job):
    await claim(jobs, job, "a")
    await jobs.write(job, "a", now=NOW, items=[result(0)])
    seized = await jobs.seize(job, "board", now=NOW + 1, lease_s=LEASE_S)
    assert (seized.owner, seized.lease_until) == ("board", NOW + 1 + LEASE_S)
    with pytest.raises(LeaseLost):
        await jobs.write(job, "a", now=NOW + 1, items=[result(1)])
    with pytest.raises(LeaseLost):
        await jobs.finish(job, owner="a", now=NOW + 1, event=ended())
    ending = ended(JobStatus.CANCELED, 1)
    assert await jobs.finish(job, owner="board", now=NOW + 1, event=ending) is not None


# --- crash loops [P7] ---------------------------------------------------------------------------


async def crash(jobs, job, number, *, now):
    return await claim(jobs, job, f"o{number}", now=now)


async def test_the_fourth_fruitless_take_over_is_a_loop(jobs, job):
    await claim(jobs, job, "o0")
    looping = []
    for number in range(1, 6):
        now = NOW + number * LEASE_S
        taken = await crash(jobs, job, number, now=now)
        looping.append(taken.loops(now=now, most=3))
        assert taken.first_takeover_at == NOW + LEASE_S
    assert looping == [False, False, False, True, True]


async def test_a_loop_takes_a_minute_at_least(database, job):
    store = JobStore(database, is_gone=lambda _: True)
    for number in range(7):
        await store.register(executor(f"o{number}"))
    await claim(store, job, "o0")
    looping = []
    for number, now in enumerate((NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 59.9, NOW + 60), 1):
        taken = await crash(store, job, number, now=now)
        looping.append(taken.loops(now=now, most=3))
    assert looping == [False] * 5 + [True]


async def test_a_finished_item_ends_the_counting(jobs, job):
    await claim(jobs, job, "o0")
    for number in range(1, 5):
        taken = await crash(jobs, job, number, now=NOW + number * LEASE_S)
    assert taken.loops(now=NOW + 4 * LEASE_S, most=3)
    await jobs.write(job, "o4", now=NOW + 4 * LEASE_S, event=progress(0))
    await jobs.write(job, "o4", now=NOW + 4 * LEASE_S, items=[result(0)])
    taken = await crash(jobs, job, 5, now=NOW + 5 * LEASE_S)
    assert (taken.takeovers, taken.first_takeover_at) == (1, NOW + 5 * LEASE_S)
    assert taken.job.attempts == 5


async def test_an_event_alone_is_no_progress(jobs, job):
    await claim(jobs, job, "a")
    await claim(jobs, job, "b", now=NOW + LEASE_S)
    await jobs.write(job, "b", now=NOW + LEASE_S, event=progress(0))
    assert (await claim(jobs, job, "c", now=NOW + 2 * LEASE_S)).takeovers == 2


# --- orphans and stalls [P5], [P12] -----------------------------------------------------------


async def test_a_job_just_made_is_no_orphan(jobs, job):
    assert await orphans(jobs, now=NOW + 1.9) == []
    assert await orphans(jobs, now=NOW + 2) == [ORPHAN]


async def test_canceled_jobs_that_nobody_runs_are_orphans_too_and_ended_ones_are_not(jobs, job):
    await jobs.request_cancel(job, CancelMode.SOFT, now=NOW)
    assert await orphans(jobs, now=NOW + 2) == [ORPHAN]
    await jobs.finish(job, owner=None, now=NOW, event=ended(JobStatus.CANCELED))
    assert await orphans(jobs, now=NOW + 2) == []


async def test_begun_orphans_come_first_then_the_oldest(jobs, job):
    for number in range(3):
        await jobs.create(new_job(f"n{number}"), now=NOW + number, idempotency_ttl_s=DAY_S)
    await claim(jobs, "n2", "a", now=NOW + 2)
    found = await orphans(jobs, now=NOW + 2 + LEASE_S, limit=3)
    assert [orphan.job_id for orphan in found[:1]] == ["n2"]
    assert {orphan.job_id for orphan in found[1:]} == {job, "n0"}


async def stalled(jobs, *, now):
    return await jobs.stalled(now=now, after_s=STALL_S)


async def test_a_job_that_hangs_in_a_living_process_is_stalled(jobs, job):
    await jobs.register(executor("a", started_at=NOW + 1))
    await claim(jobs, job, "a")
    for passed in range(10, STALL_S + 1, 10):
        await jobs.renew("a", now=NOW + passed, lease_s=LEASE_S)
    assert await stalled(jobs, now=NOW + STALL_S - 0.001) == []
    assert await stalled(jobs, now=NOW + STALL_S) == [job]
    await jobs.write(job, "a", now=NOW + STALL_S)  # a sign of life
    assert await stalled(jobs, now=NOW + STALL_S) == []


async def test_a_job_that_waits_for_its_turn_is_not_stalled(jobs, job):
    await jobs.register(executor("watcher", seen_at=NOW + DAY_S))
    assert await stalled(jobs, now=NOW + DAY_S) == []


async def test_a_job_that_nobody_took_over_is_stalled_if_somebody_could_have(jobs, job):
    await jobs.register(executor("watcher"))
    await claim(jobs, job, "a")
    late = NOW + STALL_S
    assert await stalled(jobs, now=late) == []
    await jobs.renew("watcher", now=late - 10, lease_s=LEASE_S)
    assert await stalled(jobs, now=late) == [job]


async def test_a_job_of_a_server_that_was_down_is_not_stalled(jobs, job):
    await jobs.register(executor("before"))
    await claim(jobs, job, "before")
    late = NOW + DAY_S
    await jobs.register(executor("after", started_at=late, seen_at=late))
    assert await stalled(jobs, now=late) == []
    assert await orphans(jobs, now=late) == [ORPHAN]


# --- processes ----------------------------------------------------------------------------------


async def test_this_process_is_there(jobs):
    mine = this_executor(NOW)
    assert (mine.pid, mine.started_at, mine.seen_at) == (os.getpid(), NOW, NOW)
    assert mine.id != this_executor(NOW).id
    await jobs.register(mine)
    assert not is_gone(mine)


LIVES = """
import sys
from bookstrack.storage.database.executors import this_executor
import msgspec
print(msgspec.json.encode(this_executor(1.0)).decode(), flush=True)
sys.stdin.read()
"""


def other_process():
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    known = msgspec.json.decode(process.stdout.readline(), type=executors.Executor)
    return process, known


def test_a_killed_process_is_gone_before_its_parent_looks():
    process, known = other_process()
    assert not is_gone(known)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # leaves it a zombie
    assert is_gone(known)
    process.wait()
    assert is_gone(known)
    process.stdin.close()
    process.stdout.close()


def test_a_later_process_of_the_same_number_is_another_one():
    mine = this_executor(NOW)
    assert is_gone(executor("a", pid=mine.pid, process="earlier"))


def test_of_another_host_nothing_is_known():
    assert not is_gone(executor("a", host="elsewhere", pid=2**22 + 1, process="x"))


def test_without_a_start_the_number_must_do():
    assert not is_gone(executor("a", pid=os.getpid()))
    assert is_gone(executor("a", pid=2**22 + 1))


def test_names_that_containers_make_up_are_hosts_of_their_own(monkeypatch):
    monkeypatch.setattr(executors.platform, "node", lambda: "0a1b2c3d4e5f")
    assert executors.this_host() == "0a1b2c3d4e5f"
    monkeypatch.setattr(executors.platform, "node", lambda: "server")
    monkeypatch.setattr(executors, "_PROC", executors.Path("/nothing"))
    assert executors.this_host() == "server"
    monkeypatch.undo()
    assert executors.this_host().startswith(f"{executors.platform.node()}")


async def test_a_restarted_process_takes_its_jobs_at_once(database, job):
    store = JobStore(database)
    process, known = other_process()
    await store.register(structs.replace(known, seen_at=NOW))
    mine = this_executor(NOW)
    await store.register(mine)
    await claim(store, job, known.id)
    assert await orphans(store, now=NOW) == []
    assert await claim(store, job, mine.id) is None
    process.kill()
    process.communicate()
    assert await orphans(store, now=NOW) == [ORPHAN]
    assert (await claim(store, job, mine.id)).resumed
