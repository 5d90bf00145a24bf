"""Starts jobs in this process: as many at once as it has room for, the others in order.

The engine only sees to it that somebody runs a job. Whether a run may touch the job is decided by
the lease in the job's row, so beginning one too often does no harm.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.jobs.engine_dbos import DbosRuns
from bookstrack.jobs.engine_runs import Body, PlainRuns, Runs
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import PipelineName
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.engine_address import MEMORY

log = structlog.get_logger(__name__)

SCANS_AT_ONCE = 2
"""Most scans that one process runs at the same time: pictures need memory."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_TIDY_EVERY_S = 3600.0
_CLOSING_S = 2.0

_PIPELINES = {name.value: name for name in PipelineName}

MakeRuns = Callable[[Body], Runs]


def runs_at(address: str, executor_id: str, *, at_once: int) -> MakeRuns:
    """Return what makes runs of this executor; ``address`` comes from ``engine_address``."""

    def make(body: Body) -> Runs:
        if address == MEMORY:
            return PlainRuns(body)
        runs = DbosRuns(address, executor_id, body, at_once=at_once)
        if runs.take():
            return runs
        log.info("engine_shared")  # two servers in one process, as tests have them
        return PlainRuns(body)

    return make


class Engine:
    """Up to ``workers`` jobs at once; with none, other processes run what is started here.

    ``run`` takes a job's id and runs it to its end; False: it was left unfinished, and whoever
    finds it has to run it again. ``on_room`` is called when it is worth looking for jobs that
    nobody runs: they were refused for want of room, and now there is some.
    """

    def __init__(
        self,
        run: Callable[[str], Awaitable[bool]],
        make_runs: MakeRuns,
        *,
        workers: int,
        clock: Clock,
        bus: Bus,
        kept_s: float = 86_400,
    ) -> None:
        self._run_job = run
        self._make_runs = make_runs
        self._workers = workers
        self._clock = clock
        self._bus = bus
        self._kept_s = kept_s
        self._runs: Runs | None = None
        self._ready = asyncio.Event()
        self._tasks = Background()
        self._taken: dict[str, PipelineName] = {}
        """Jobs that hold a place: being begun, or running."""
        self._active: dict[str, asyncio.Task[Any] | None] = {}
        """Jobs that are running."""
        self._waiting: dict[str, PipelineName] = {}
        self._refused = False
        self._stopped = False
        self._leave: Callable[[], None] | None = None
        self.on_room: Callable[[], object] = _nothing

    @property
    def running(self) -> int:
        """Return how many jobs run here."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Return how many jobs that were started here wait for room."""
        return len(self._waiting)

    @property
    def jobs(self) -> frozenset[str]:
        """Return the ids of the jobs that run here or are about to."""
        return frozenset(self._taken)

    @property
    def ready(self) -> bool:
        """Tell whether jobs that are started now begin at once."""
        return not self._workers or self._ready.is_set()

    async def settle(self, seconds: float) -> None:
        """Wait until jobs begin at once, at most so long: a server that is away may not come."""
        if self._workers:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ready.wait()

    async def open(self) -> None:
        """Get ready in the background; a server that is away is waited for there."""
        if not self._workers:
            return
        self._runs = self._make_runs(self._run)
        self._leave = self._bus.subscribe(self._heard)
        self._tasks.start(self._live(self._runs), "engine")

    async def _live(self, runs: Runs) -> None:
        await self._get_ready(runs)
        gc.freeze()  # what the engine has loaded is large, and stays
        self._ready.set()
        if not self._stopped:
            self.on_room()
        while True:
            await self._clock.sleep(_TIDY_EVERY_S)
            try:
                gone = await runs.sweep(before=self._clock.time() - self._kept_s)
            except Exception as problem:  # a server that is away: whatever its driver raises
                log.warning("engine_not_tidied", problem=str(problem))
            else:
                log.debug("engine_tidied", runs=gone)

    async def _get_ready(self, runs: Runs) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await runs.open()
            except Exception as problem:  # whatever the driver of the server raises
                if pause == _FIRST_PAUSE_S:
                    log.warning("engine_not_ready", problem=_first_line(problem))
            else:
                return
            await self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def start(self, job_id: str, pipeline: PipelineName) -> None:
        """Run a new job here, at once or when there is room; or let others know of it.

        Returns before the job runs; never fails.
        """
        if not self._begin_here(job_id, pipeline):
            await self._bus.publish(f"new {job_id} {pipeline.value}")

    def _begin_here(self, job_id: str, pipeline: PipelineName) -> bool:
        if self._stopped or not self._workers:
            return False
        if job_id in self._taken or job_id in self._waiting:
            return True
        if not self._has_room(pipeline):
            self._waiting[job_id] = pipeline
            return False
        self._take(job_id, pipeline, again=False)
        return True

    async def ensure(self, job_id: str, pipeline: PipelineName) -> None:
        """Run a job that nobody alive runs, if there is room; else it has to be asked for again.

        Returns before the job runs; never fails.
        """
        if self._stopped or job_id in self._taken or job_id in self._waiting:
            return
        if not self._ready.is_set() or not self._has_room(pipeline):
            self._refused = True
        else:
            self._take(job_id, pipeline, again=True)

    def _heard(self, text: str) -> None:
        """Take a job that another process has no room for."""
        word, _, rest = text.partition(" ")
        job_id, _, name = rest.partition(" ")
        pipeline = _PIPELINES.get(name)
        if word != "new" or pipeline is None or self._stopped:
            return
        if job_id not in self._taken and job_id not in self._waiting and self._has_room(pipeline):
            self._take(job_id, pipeline, again=False)

    def _has_room(self, pipeline: PipelineName) -> bool:
        if len(self._taken) >= self._workers:
            return False
        scans = sum(name is PipelineName.AI_SCAN for name in self._taken.values())
        return pipeline is not PipelineName.AI_SCAN or scans < SCANS_AT_ONCE

    def _take(self, job_id: str, pipeline: PipelineName, *, again: bool) -> None:
        self._taken[job_id] = pipeline
        self._tasks.start(self._begin(job_id, pipeline, again=again), f"begin {job_id}")

    async def _begin(self, job_id: str, pipeline: PipelineName, *, again: bool) -> None:
        begun = False
        try:
            await self._ready.wait()
            if self._runs is not None:
                begun = await self._runs.begin(job_id, pipeline, again=again)
        except Exception as problem:  # a server that is away; the job is found again later
            log.warning("job_not_begun", job=job_id, problem=_first_line(problem))
        finally:
            if not begun and job_id not in self._active:
                self._free(job_id)

    async def _run(self, job_id: str, pipeline: PipelineName) -> bool:
        if job_id in self._active:
            return True
        if self._stopped:
            self._free(job_id)
            return False
        self._taken[job_id] = pipeline
        self._active[job_id] = asyncio.current_task()
        try:
            return await self._run_job(job_id)
        except Interrupted:
            return False
        except Exception:
            log.exception("job_run_failed", job=job_id, pipeline=pipeline.value)
            return False
        finally:
            del self._active[job_id]
            self._free(job_id)

    def _free(self, job_id: str) -> None:
        self._taken.pop(job_id, None)
        if self._stopped:
            return
        for waiting, pipeline in list(self._waiting.items()):
            if len(self._taken) >= self._workers:
                return
            if self._has_room(pipeline):
                del self._waiting[waiting]
                self._take(waiting, pipeline, again=False)
        if self._refused and len(self._taken) < self._workers:
            self._refused = False
            self.on_room()

    def stop(self) -> None:
        """Begin no more jobs; those that run go on."""
        self._stopped = True
        self._waiting.clear()
        if self._leave is not None:
            self._leave()

    async def close(self) -> None:
        """Stop; runs that do not end within two seconds are canceled. May be called again."""
        self.stop()
        runs = [task for task in self._active.values() if task is not None]
        if runs:
            _, late = await asyncio.wait(runs, timeout=_CLOSING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._tasks.close()
        if self._runs is not None:
            await self._runs.close()
            self._runs = None


def _nothing() -> None:
    """Be called when nobody else wants to be."""


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]
