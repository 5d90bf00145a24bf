"""What the engine asks of whatever executes runs, and the simplest answer to it.

A job is run once, and once more after each interruption. Which run counts is decided by the
lease in the job's row alone: a run that finds the job claimed does nothing and ends well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from bookstrack.background import Background
from bookstrack.model.job import PipelineName

Body = Callable[[str, PipelineName], Awaitable[bool]]
"""Runs a job in the event loop; False: it was left unfinished and somebody has to run it again."""


class Runs(Protocol):
    """Executes runs. ``open`` and ``begin`` may fail with anything while a server is away."""

    async def open(self) -> None:
        """Get ready; called again after a failure."""
        ...

    async def begin(self, job_id: str, pipeline: PipelineName, *, again: bool) -> bool:
        """Start a run in this process; it lasts beyond the call.

        Without ``again`` only a job that nobody has begun is begun. Of several processes that
        call at the same moment one gets True; False: somebody else has begun this run.
        """
        ...

    async def sweep(self, *, before: float) -> int:
        """Forget runs that ended before that moment (epoch seconds); return how many."""
        ...

    async def close(self) -> None:
        """Let go of everything; runs have ended by then or are abandoned."""
        ...


class PlainRuns:
    """Runs as tasks of the event loop, remembered nowhere.

    For tests, and for a second engine in one process; a job survives all the same, because its
    row and items do.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._tasks = Background()

    async def open(self) -> None:
        """Do nothing: a task needs nothing."""

    async def begin(self, job_id: str, pipeline: PipelineName, *, again: bool) -> bool:
        """Start a task."""
        self._tasks.start(self._run(job_id, pipeline), f"job {job_id}")
        return True

    async def _run(self, job_id: str, pipeline: PipelineName) -> None:
        await self._body(job_id, pipeline)

    async def sweep(self, *, before: float) -> int:
        """Forget nothing: nothing is remembered."""
        return 0

    async def close(self) -> None:
        """Cancel what still runs."""
        await self._tasks.close()
