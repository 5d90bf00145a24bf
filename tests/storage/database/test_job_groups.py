"""Writes that share a transaction: none of them suffers from another, and none goes missing."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from bookstrack.errors import LeaseLost, StorageUnavailable
from bookstrack.model.job import ItemState, JobStatus
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore
from stored_jobs import DAY_S, LEASE_S, NOW, ended, executor, new_job, progress, result

NAMES = [f"{letter}{number}" for number in range(4) for letter in "aBcD"]


@pytest.fixture
async def many(jobs):
    """The ids of jobs that ``me`` runs."""
    for name in NAMES:
        await jobs.create(new_job(name), now=NOW, idempotency_ttl_s=DAY_S)
        await jobs.claim(name, "me", now=NOW, lease_s=LEASE_S)
    return NAMES


async def test_every_writer_gets_its_own_number(jobs, many):
    writes = [
        jobs.write(name, "me", now=NOW, items=[result(index)], event=progress(index))
        for index in range(3)
        for name in many
    ]
    assert await asyncio.gather(*writes) == [2] * 16 + [3] * 16 + [4] * 16
    for name in many:
        assert [event.processed for event in await jobs.events(name)] == [0, 0, 1, 2]
        assert {item.state for item in await jobs.items(name)} == {ItemState.DONE}


async def test_who_lost_a_lease_does_not_disturb_the_others(jobs, many):
    owners = ["me" if place % 2 else "other" for place in range(len(many))]
    writes = [
        jobs.write(name, owner, now=NOW, items=[result(0)], event=progress(1))
        for name, owner in zip(many, owners, strict=True)
    ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    for name, owner, outcome in zip(many, owners, outcomes, strict=True):
        done = (await jobs.items(name))[0].state is ItemState.DONE
        if owner == "me":
            assert (outcome, done) == (2, True)
        else:
            assert (type(outcome), outcome.details, done) == (LeaseLost, {"jobId": name}, False)


async def test_a_write_that_cannot_be_done_does_not_disturb_the_others(jobs, many):
    writes = [
        jobs.write(name, "me", now=NOW, items=[result(0)], event=progress(1)) for name in many
    ]
    writes[3].close()
    writes[3] = jobs.write(many[3], "me", now=NOW, items=[result(2**70)], event=progress(1))
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(outcomes.pop(3), Exception)
    assert outcomes == [2] * 15
    assert len(await jobs.events(many[3])) == 1


async def test_a_writer_that_went_away_does_not_disturb_the_others(jobs, many):
    tasks = [
        asyncio.create_task(jobs.write(name, "me", now=NOW, event=progress(1))) for name in many
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [2] * 8
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert await jobs.write(many[1], "me", now=NOW, event=progress(1)) == 3


async def test_all_writers_are_told_of_an_outage(tmp_path, metrics):
    async with open_database(f"sqlite:///{tmp_path}/gone.db", metrics=metrics) as database:
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE x (y)"))
        for file in tmp_path.iterdir():
            file.write_bytes(b"no database" * 1000)
        jobs = JobStore(database)
        writes = [jobs.write(name, "me", now=NOW, event=progress(1)) for name in NAMES]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}


async def test_writers_heartbeats_and_ends_do_not_lock_each_other_out(jobs, many):
    await jobs.register(executor("me"))
    going = True

    async def beats():
        while going:
            await jobs.renew("me", now=NOW, lease_s=LEASE_S)

    async def writes(name):
        for count in range(30):
            await jobs.write(
                name, "me", now=NOW, items=[result(0)], event=progress(count, total=30)
            )
        await jobs.finish(name, owner="me", now=NOW, event=ended(JobStatus.FAILED))

    beating = asyncio.create_task(beats())
    await asyncio.gather(*(writes(name) for name in many))
    going = False
    await beating
    for name in many:
        assert [event.seq for event in await jobs.events(name)] == list(range(1, 33))
