"""Work that outlives the request that caused it. One owner, no orphans."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from bookstrack.errors import BooksTrackError

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Background:
    """Running tasks. A failure is logged, never lost; ``close`` ends what still runs."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine on its own; the name stands in the log where it fails."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        problem = None if task.cancelled() else task.exception()
        if isinstance(problem, BooksTrackError):
            log.warning(
                "background_failed",
                task=task.get_name(),
                code=problem.code,
                problem=problem.message,
            )
        elif problem is not None:
            log.error("background_failed", task=task.get_name(), exc_info=problem)

    def __len__(self) -> int:
        return len(self._tasks)

    async def drain(self, seconds: float) -> None:
        """Wait for running work and what it starts in turn, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(list(self._tasks))
        except TimeoutError:
            log.warning("background_unfinished", tasks=len(self._tasks))

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
