"""The engine over DBOS, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from bookstrack.clock import SystemClock
from bookstrack.jobs.engine import Engine, runs_at
from bookstrack.jobs.engine_dbos import DbosRuns
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import PipelineName
from bookstrack.settings import StorageSettings
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.engine_address import engine_address

BATCH = PipelineName.BATCH_ENRICHMENT


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/engine.db"
    url = request.getfixturevalue("postgres_url")
    return engine_address(StorageSettings(database_url=url))


class Job:
    """A job whose runs end as they are told, and who notes where each took place."""

    def __init__(self, *ends):
        self._ends = list(ends)
        self.runs: list[tuple[str, int, float]] = []
        self.ran = asyncio.Event()

    async def __call__(self, job_id):
        self.runs.append((job_id, threading.get_ident(), time.perf_counter()))
        self.ran.set()
        end = self._ends.pop(0) if self._ends else True
        if isinstance(end, BaseException):
            raise end
        return end

    async def once(self):
        async with asyncio.timeout(20):
            await self.ran.wait()
        self.ran.clear()


@pytest.fixture
async def make(address):
    engines = []

    async def opened(job, *, workers=3, address=address):
        bus, clock = MemoryBus(), SystemClock()
        make_runs = runs_at(address, uuid4().hex, at_once=workers)
        engine = Engine(job, make_runs, workers=workers, clock=clock, bus=bus)
        engines.append(engine)
        await engine.open()
        await until(lambda: engine.ready)
        return engine

    yield opened
    for engine in engines:
        await engine.close()


async def until(true, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 what is looked at happens in threads and files
            await asyncio.sleep(0.005)


async def workflows():
    def listed():
        from dbos import DBOS

        return {run.workflow_id: run.status for run in DBOS.list_workflows()}

    return await asyncio.to_thread(listed)


async def test_a_job_is_a_workflow_that_runs_in_the_loop(make):
    job = Job()
    engine = await make(job)
    await engine.start("first", BATCH)  # this one warms up
    await job.once()
    begun = time.perf_counter()
    await engine.start("Job-A_1", BATCH)
    await job.once()
    assert job.runs[-1][2] - begun < 0.2
    assert {thread for _, thread, _ in job.runs} == {threading.get_ident()}
    await until(lambda: engine.jobs == frozenset())
    found = {}
    while found != {"first": "SUCCESS", "Job-A_1": "SUCCESS"}:
        found = await workflows()


async def test_interrupted_runs_are_followed_by_others(make):
    job = Job(Interrupted(), False, ValueError("oh"), True)
    engine = await make(job)
    await engine.start("a", BATCH)
    await job.once()
    for number in (2, 3, 4):
        await until(lambda: engine.jobs == frozenset())
        found = await workflows()
        last = "a" if number == 2 else f"a.{number - 1}"
        assert found[last] == "PENDING"  # an ordinary exception would make it ERROR
        await engine.ensure("a", BATCH)
        await job.once()
    assert [name for name, _, _ in job.runs] == ["a"] * 4
    found = {}
    while found.get("a.4") != "SUCCESS":
        found = await workflows()
    assert found == {"a": "PENDING", "a.2": "PENDING", "a.3": "PENDING", "a.4": "SUCCESS"}


async def test_a_run_that_ended_too_early_is_followed_by_another(make):
    """As when a run found the job claimed, and whoever had claimed it died."""
    job = Job()
    engine = await make(job)
    await engine.start("a", BATCH)
    await job.once()
    await until(lambda: engine.jobs == frozenset())
    await engine.start("a", BATCH)  # begun already, by whomever
    await until(lambda: engine.jobs == frozenset())
    await engine.ensure("a", BATCH)
    await job.once()
    assert len(job.runs) == 2


async def test_a_run_that_goes_on_is_not_disturbed_by_another(make):
    """As when two processes see at the same moment that nobody runs the job."""
    gate = asyncio.Event()

    async def waits(_job_id):
        await gate.wait()
        return True

    engine = await make(waits)
    await engine.start("a", BATCH)
    await until(lambda: engine.running)
    assert await engine._runs.begin("a", BATCH, again=True)
    gate.set()
    found = {}
    while len(found) < 2 or "PENDING" in found.values():
        found = await workflows()
    assert found == {"a": "SUCCESS", "a.2": "SUCCESS"}


async def test_a_run_of_a_dead_process_is_taken_over(make):
    """The records of the first engine stay as a crash leaves them."""
    first = await make(Job(Interrupted()))
    await first.start("a", BATCH)
    await until(lambda: first.jobs == frozenset())
    await first.close()
    job = Job()
    second = await make(job)
    await second.ensure("a", BATCH)
    await second.ensure("never-begun", BATCH)
    await until(lambda: len(job.runs) == 2)
    assert {name for name, _, _ in job.runs} == {"a", "never-begun"}


async def test_a_hundred_interruptions(make):
    job = Job(*[False] * 100)
    engine = await make(job)
    await engine.start("a", BATCH)
    for _ in range(100):
        await job.once()
        await until(lambda: engine.jobs == frozenset())
        await engine.ensure("a", BATCH)
    await job.once()
    assert len(job.runs) == 101


async def test_closing_in_the_middle_leaves_the_run_unfinished(make):
    gate = asyncio.Event()

    async def waits(_job_id):
        await gate.wait()
        return True

    first = await make(waits)
    await first.start("a", BATCH)
    await until(lambda: first.running == 1)
    await first.close()
    job = Job()
    second = await make(job)
    assert await workflows() == {"a": "PENDING"}
    await second.ensure("a", BATCH)
    await job.once()


async def test_threads_end_with_the_engine_and_quickly(make):
    before = threading.active_count()
    engine = await make(Job())
    assert threading.active_count() < before + 16
    started = time.perf_counter()
    await engine.close()
    assert time.perf_counter() - started < 10
    await until(lambda: threading.active_count() <= before + 2)  # those of to_thread stay


async def test_a_second_engine_in_one_process_does_without(make, capsys):
    first_job, second_job = Job(), Job()
    first = await make(first_job)
    second = await make(second_job)
    assert "engine_shared" in capsys.readouterr().out
    await first.start("a", BATCH)
    await second.start("b", BATCH)
    await first_job.once()
    await second_job.once()
    await first.close()
    await second.close()
    third_job = Job()
    third = await make(third_job)  # the library is free again
    await third.start("c", BATCH)
    await third_job.once()
    assert "c" in await workflows()


async def test_ended_runs_are_forgotten(make, address):
    engine = await make(Job(True, False))
    await engine.start("ended", BATCH)
    await until(lambda: engine.jobs == frozenset())
    await engine.start("open", BATCH)
    await until(lambda: engine.jobs == frozenset())
    found = {}
    while found.get("ended") != "SUCCESS":
        found = await workflows()
    runs = engine._runs
    assert await runs.sweep(before=time.time() - 60) == 0
    assert await runs.sweep(before=time.time() + 60) == 1
    assert await workflows() == {"open": "PENDING"}
    assert await runs.sweep(before=time.time() + 31 * 86_400) == 1
    assert await workflows() == {}


async def test_what_was_left_is_forgotten_with_what_came_after(make):
    job = Job(False, False, True, False)
    engine = await make(job)
    for _ in range(3):
        await engine.ensure("a", BATCH)
        await job.once()
        await until(lambda: engine.jobs == frozenset())
    await engine.ensure("b", BATCH)
    await job.once()
    found = {}
    while found != {"a": "PENDING", "a.2": "PENDING", "a.3": "SUCCESS", "b": "PENDING"}:
        found = await workflows()
    assert await engine._runs.sweep(before=time.time() + 60) == 3
    assert await workflows() == {"b": "PENDING"}


def test_importing_the_engine_does_not_load_dbos():
    code = "import sys, bookstrack.jobs.engine; sys.exit('dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_closing_while_it_opens(address):
    for pause in (0.0, 0.01, 0.05):
        runs = runs_at(address, uuid4().hex, at_once=2)
        engine = Engine(Job(), runs, workers=2, clock=SystemClock(), bus=MemoryBus())
        await engine.open()
        await asyncio.sleep(pause)
        await engine.close()
    assert DbosRuns._taken.acquire(timeout=5)
    DbosRuns._taken.release()


async def test_postgresql_may_come_later(postgres_server, clock):
    address = engine_address(StorageSettings(database_url=postgres_server.url))
    postgres_server.kill()
    job = Job()
    engine = Engine(
        job,
        runs_at(address, uuid4().hex, at_once=2),
        workers=2,
        clock=SystemClock(),
        bus=MemoryBus(),
    )
    await engine.open()
    await engine.start("a", BATCH)
    await asyncio.sleep(0.3)
    assert not engine.ready
    postgres_server.start()
    await until(lambda: engine.ready, 60)
    await job.once()
    await engine.close()


def test_the_file_is_in_wal_mode_and_nobody_elses(tmp_path):
    async def run():
        job = Job()
        make_runs = runs_at(f"sqlite:///{tmp_path}/engine.db", "e", at_once=1)
        engine = Engine(job, make_runs, workers=1, clock=SystemClock(), bus=MemoryBus())
        await engine.open()
        await engine.start("a", BATCH)
        await job.once()
        await engine.close()

    asyncio.run(run())
    with closing(sqlite3.connect(Path(tmp_path) / "engine.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT workflow_uuid FROM workflow_status").fetchall() == [
            ("a",)
        ]
