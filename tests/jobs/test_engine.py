"""The engine's order and room, with runs that are tasks."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bookstrack.jobs.engine import Engine
from bookstrack.jobs.engine_runs import PlainRuns
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import PipelineName
from bookstrack.storage.bus.memory import MemoryBus

BATCH, SCAN = PipelineName.BATCH_ENRICHMENT, PipelineName.AI_SCAN


class Work:
    """What jobs do: wait until they are let go; remembers the order of their starts."""

    def __init__(self):
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Future] = {}

    async def __call__(self, job_id):
        self.begun.append(job_id)
        self.gates[job_id] = asyncio.get_running_loop().create_future()
        return await self.gates[job_id]

    async def end(self, job_id, finished=True):
        self.gates.pop(job_id).set_result(finished)
        await settle()


class Rival(PlainRuns):
    """Another process is always quicker."""

    async def begin(self, job_id, pipeline, *, again):
        if again:
            return await super().begin(job_id, pipeline, again=again)
        return False


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def bus():
    return MemoryBus()


@pytest.fixture
async def make(work, clock, bus):
    engines = []

    async def opened(*, workers=3, runs=PlainRuns, run=work):
        engine = Engine(run, runs, workers=workers, clock=clock, bus=bus)
        engines.append(engine)
        await engine.open()
        await settle()
        return engine

    yield opened
    for gate in work.gates.values():
        gate.cancel()
    for engine in engines:
        await engine.close()


async def test_as_many_as_there_is_room_for_and_the_others_in_order(make, work):
    engine = await make(workers=2)
    for name in "abcd":
        await engine.start(name, BATCH)
    await settle()
    assert (work.begun, engine.running, engine.waiting) == (["a", "b"], 2, 2)
    await work.end("b")
    assert work.begun == ["a", "b", "c"]
    await work.end("a")
    await work.end("c")
    assert (work.begun, engine.running, engine.waiting) == (["a", "b", "c", "d"], 1, 0)


async def test_two_scans_at_most_and_others_pass_them(make, work):
    engine = await make(workers=4)
    for name in ("s1", "s2", "s3"):
        await engine.start(name, SCAN)
    await engine.start("a", BATCH)
    await settle()
    assert work.begun == ["s1", "s2", "a"]
    await work.end("a")
    assert engine.waiting == 1
    await work.end("s1")
    assert work.begun == ["s1", "s2", "a", "s3"]


async def test_a_job_runs_once_in_one_process(make, work):
    engine = await make()
    for _ in range(3):
        await engine.start("a", BATCH)
        await engine.ensure("a", BATCH)
    await settle()
    await engine.ensure("a", BATCH)
    await settle()
    assert work.begun == ["a"]
    assert engine.jobs == {"a"}


async def test_orphans_wait_for_room_and_are_asked_for_again(make, work):
    engine = await make(workers=1)
    asked = []
    engine.on_room = lambda: asked.append(list(work.begun))
    await engine.start("a", BATCH)
    await settle()
    await work.end("a")
    assert asked == []  # nobody was refused
    await engine.start("b", BATCH)
    await engine.ensure("orphan", BATCH)
    await settle()
    assert work.begun == ["a", "b"]
    await work.end("b")
    assert asked == [["a", "b"]]
    await engine.ensure("orphan", BATCH)
    await settle()
    assert work.begun == ["a", "b", "orphan"]


async def test_what_has_no_room_here_is_run_by_others(work, clock, bus, make):
    first = await make(workers=1)
    second = await make(workers=2)
    for name in "abcd":
        await first.start(name, BATCH)
    await settle()
    # Both hear of b and c. Who runs them is decided by whoever gets the lease, not by engines.
    assert sorted(work.begun) == ["a", "b", "c"]
    assert (first.running, first.waiting, second.running) == (1, 3, 2)


async def test_a_process_without_workers_only_tells(make, work, bus):
    engine = await make(workers=0)
    heard = []
    bus.subscribe(heard.append)
    await engine.start("a", SCAN)
    await engine.ensure("b", BATCH)
    await settle()
    assert (heard, work.begun, engine.ready) == (["new a ai_scan"], [], True)


@pytest.mark.parametrize("text", ["new x", "new x unheard_of", "job x 3", "cancel x", "flags", ""])
async def test_other_texts_on_the_bus_start_nothing(make, work, bus, text):
    engine = await make()
    await bus.publish(text)
    await settle()
    assert engine.jobs == frozenset()


async def test_a_job_that_another_process_began_leaves_its_room(make, work):
    engine = await make(workers=1, runs=Rival)
    await engine.start("a", BATCH)
    await engine.start("b", BATCH)
    await settle()
    assert (work.begun, engine.jobs, engine.waiting) == ([], frozenset(), 0)
    await engine.ensure("a", BATCH)
    await settle()
    assert work.begun == ["a"]


@pytest.mark.parametrize("problem", [Interrupted(), ValueError("oh")])
async def test_a_run_that_breaks_off_leaves_its_room(make, clock, bus, problem, capsys):
    ends = []

    async def breaks(job_id):
        raise problem

    class Runs(PlainRuns):
        async def _run(self, job_id, pipeline):
            ends.append(await self._body(job_id, pipeline))

    engine = await make(workers=1, run=breaks, runs=Runs)
    await engine.start("a", BATCH)
    await settle()
    assert (ends, engine.jobs) == ([False], frozenset())
    assert ("job_run_failed" in capsys.readouterr().out) is isinstance(problem, ValueError)


async def test_a_server_that_is_away_is_waited_for(make, work, clock, capsys):
    calls = []

    class Away(PlainRuns):
        async def open(self):
            calls.append(clock.monotonic())
            if len(calls) < 4:
                raise OSError("nobody there")

    engine = await make(runs=Away)
    asked = []
    engine.on_room = lambda: asked.append(1)
    await engine.start("a", BATCH)
    await engine.ensure("b", BATCH)
    await settle()
    assert (engine.ready, work.begun) == (False, [])
    await clock.advance(20)
    assert (engine.ready, work.begun, asked) == (True, ["a"], [1])
    assert [b - a for a, b in pairwise(calls)] == [0.5, 1.0, 2.0]
    assert capsys.readouterr().out.count("engine_not_ready") == 1


async def test_a_start_that_fails_leaves_its_room(make, work, capsys):
    class Broken(PlainRuns):
        async def begin(self, job_id, pipeline, *, again):
            raise OSError("nobody there")

    engine = await make(runs=Broken)
    await engine.start("a", BATCH)
    await settle()
    assert engine.jobs == frozenset()
    assert "job_not_begun" in capsys.readouterr().out


async def test_ended_runs_are_forgotten_hourly(make, clock, capsys):
    swept = []

    class Swept(PlainRuns):
        async def sweep(self, *, before):
            swept.append(clock.time() - before)
            if len(swept) == 1:
                raise OSError("nobody there")
            return 3

    await make(runs=Swept)
    await clock.advance(2 * 3600 + 1)
    assert swept == [86_400, 86_400]
    assert "engine_not_tidied" in capsys.readouterr().out


async def test_nothing_begins_after_a_stop_and_what_runs_goes_on(make, work):
    engine = await make(workers=1)
    await engine.start("a", BATCH)
    await engine.start("b", BATCH)
    await settle()
    engine.stop()
    await engine.start("c", BATCH)
    await engine.ensure("d", BATCH)
    await work.end("a")
    assert (work.begun, engine.running) == (["a"], 0)


async def test_what_does_not_end_is_canceled(make, work):
    engine = await make()
    await engine.start("a", BATCH)
    await settle()
    started = asyncio.get_running_loop().time()
    await engine.close()
    assert 1.9 < asyncio.get_running_loop().time() - started < 5
    assert engine.running == 0
    assert work.gates["a"].cancelled()
    await engine.close()
