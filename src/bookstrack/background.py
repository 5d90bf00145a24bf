"""Work that outlives the call that started it. Every task has an owner that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from bookstrack.errors import BooksTrackError

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Tasks:
    """A set of running tasks whose results somebody waits for, or nobody needs any more."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """Run a coroutine as a task of this set."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be listening any more

    def __len__(self) -> int:
        return len(self._running)

    async def close(self) -> None:
        """Cancel everything, also what starts meanwhile, and wait for its end."""
        while self._running:
            tasks = list(self._running)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def finish(self) -> None:
        """Wait until everything has ended; nothing is raised."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)


class Background(Tasks):
    """Tasks that nobody waits for: a failure is logged, never lost."""

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
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

    async def drain(self, seconds: float) -> None:
        """Wait for running work and what it starts in turn, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._running:
                    await asyncio.wait(list(self._running))
        except TimeoutError:
            log.warning("background_unfinished", tasks=len(self._running))
