"""Runs as DBOS workflows, on SQLite or PostgreSQL; the only file that imports ``dbos``.

The first run of a job is the workflow with the job's id, later ones are ``<id>.2``, ``<id>.3``
and so on: the unique id lets one process win where several want to begin. (Resuming the old
workflow would put it on a queue that every process polls once a second, whether or not it has
room.) DBOS is a single object per process, so only one engine at a time can have it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import structlog

from bookstrack.jobs.engine_runs import Body
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import PipelineName
from bookstrack.storage.engine_address import prepare_engine

if TYPE_CHECKING:
    from dbos import DBOSConfig

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_NAME = "bookstrack"
_WORKFLOW = "bookstrack.job"
# Pinned: DBOS would derive it from the source text of the workflow and then, after an upgrade,
# take older runs for somebody else's.
_VERSION = "1"
_CONNECTIONS = 4
_SPARE_THREADS = 8  # runs that have ended and are being written down
_LISTEN_EVERY_S = 0.1  # costs nothing, we never wait for its messages; closing waits for it
_RUNS_AT_ONCE = 50
_FORGOTTEN_AT_ONCE = 500
_ROUNDS = 100
_ABANDONED_S = 30 * 86_400
_CLOSING_S = 5.0
_ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
_OPEN = {"PENDING", "ENQUEUED", "DELAYED"}


class DbosRuns:
    """Runs as workflows of one executor; ``at_once`` bounds its threads. Made in its event loop."""

    _taken: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, address: str, executor_id: str, body: Body, *, at_once: int) -> None:
        self._address = address
        self._executor_id = executor_id
        self._body = body
        self._threads = at_once + _SPARE_THREADS
        # A server that is away holds calls up for minutes: they must not block the common pool.
        self._calls = ThreadPoolExecutor(2, "engine")
        self._loop = asyncio.get_running_loop()
        self._workflow: Callable[..., None] | None = None
        self._holds = False
        self._launching = threading.Lock()
        self._closed = False

    def take(self) -> bool:
        """Reserve the library for this engine; False: another one in this process has it."""
        self._holds = self._taken.acquire(blocking=False)
        return self._holds

    async def open(self) -> None:
        """Load and launch DBOS."""
        await self._call(self._launch)

    def _launch(self) -> None:
        with self._launching:
            if not self._closed:
                self._launch_now()

    def _launch_now(self) -> None:
        prepare_engine(self._address)
        quiet = logging.getLogger("dbos")
        if not quiet.handlers:  # else it would set up a handler of its own
            quiet.addHandler(logging.NullHandler())
        from dbos import DBOS

        def work(job_id: str, pipeline: str) -> None:  # DBOS takes functions only
            self._work(job_id, pipeline)

        try:
            DBOS(config=self._config())
            self._workflow = DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(work)
            DBOS.launch()
        except BaseException:
            self._workflow = None
            DBOS.destroy(destroy_registry=True)
            raise

    def _config(self) -> DBOSConfig:
        return {
            "name": _NAME,
            "system_database_url": self._address,
            "application_version": _VERSION,
            "executor_id": self._executor_id,
            "log_level": "WARNING",
            "sys_db_pool_size": _CONNECTIONS,
            "max_executor_threads": self._threads,
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": _LISTEN_EVERY_S,
        }

    def _work(self, job_id: str, pipeline: str) -> None:
        """Be the workflow: wait in a thread for what the event loop does.

        Raises:
            Interrupted: the run was left unfinished. DBOS records the outcome of an ordinary
                exception, but leaves the workflow pending for this one.
        """
        if not self._finished(self._body(job_id, PipelineName(pipeline))):
            raise Interrupted

    def _finished(self, run: Any) -> bool:
        work: Coroutine[Any, Any, bool] = _awaiting(run)
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop has ended
            work.close()
            return False
        try:
            return future.result()
        except CancelledError:  # while closing
            return False

    async def begin(self, job_id: str, pipeline: PipelineName, *, again: bool) -> bool:
        """Start a workflow here, unless its id is taken."""
        return await self._call(partial(self._begin, job_id, pipeline, again=again))

    def _begin(self, job_id: str, pipeline: PipelineName, *, again: bool) -> bool:
        from dbos import DBOS, SetWorkflowID, error

        if self._workflow is None:
            return False
        name = self._next_run(job_id) if again else job_id
        try:
            with SetWorkflowID(name, workflow_id_reuse_policy="reject"):
                DBOS.start_workflow(self._workflow, job_id, pipeline.value)
        except error.DBOSWorkflowIDInUseError:
            return False
        return True

    def _next_run(self, job_id: str) -> str:
        """Return the id of the next run.

        Earlier ones that were left unfinished stay so until the sweep: whether one of them is
        being run elsewhere after all is known by the job's lease only.
        """
        from dbos import DBOS

        first = 1
        while True:
            names = [_run_name(job_id, first + more) for more in range(_RUNS_AT_ONCE)]
            known = DBOS.list_workflows(workflow_ids=names, load_input=False, load_output=False)
            if len(known) < _RUNS_AT_ONCE:
                return names[len(known)]
            first += _RUNS_AT_ONCE

    async def sweep(self, *, before: float) -> int:
        """Delete workflows that ended before that moment, with earlier ones of their jobs.

        Those without any later one go when they were begun a month before that.
        """
        return await self._call(partial(self._sweep, before))

    def _sweep(self, before: float) -> int:
        from dbos import DBOS

        gone = 0
        find = partial(
            DBOS.list_workflows,
            name=_WORKFLOW,
            limit=_FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        for _ in range(_ROUNDS):
            ended = find(status=_ENDED, completed_before=_iso(before))
            abandoned = find(status=sorted(_OPEN), end_time=_iso(before - _ABANDONED_S))
            old = {run.workflow_id for run in abandoned}
            old.update(*(_up_to(run.workflow_id) for run in ended))
            if not old:
                break
            DBOS.delete_workflows(sorted(old))
            gone += len(old)
        return gone

    async def close(self) -> None:
        """End DBOS and its threads; where that takes too long they are left to themselves."""
        self._closed = True
        ending = asyncio.ensure_future(self._call(self._destroy))
        done, _ = await asyncio.wait([ending], timeout=_CLOSING_S)
        self._calls.shutdown(wait=False)
        if not done:
            log.warning("engine_left_open")

    def _destroy(self) -> None:
        with self._launching:
            if self._workflow is not None:
                from dbos import DBOS

                self._workflow = None
                DBOS.destroy(destroy_registry=True)
        if self._holds:
            self._holds = False
            self._taken.release()

    async def _call(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._calls, function)


async def _awaiting(run: Any) -> bool:
    return bool(await run)


def _run_name(job_id: str, number: int) -> str:
    return job_id if number == 1 else f"{job_id}.{number}"


def _up_to(name: str) -> list[str]:
    """Return the names of this run and of those before it."""
    job_id, _, number = name.partition(".")
    return [_run_name(job_id, earlier + 1) for earlier in range(int(number or 1))]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
