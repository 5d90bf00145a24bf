"""A few at a time: the next item begins the moment one has ended, never in waves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from bookstrack.clock import Clock
from bookstrack.jobs.halt import Halt

log = structlog.get_logger(__name__)
T = TypeVar("T")


async def each(
    items: Sequence[T],
    work: Callable[[T], Awaitable[None]],
    *,
    at_once: int,
    halt: Halt,
    clock: Clock,
    grace_s: float = 0.0,
) -> None:
    """Do the work for every item, first come, first served.

    A cancel cuts off the items at work after ``grace_s`` seconds, so that nothing they would have
    begun begins. At a shutdown they may end, but no further one begins.

    Raises:
        JobCanceled: the job was asked to end.
        Interrupted: it goes on elsewhere.
        Exception: the first failure of ``work``; the other items at work are cut off.
    """
    left = iter(items)
    takers = [asyncio.create_task(_take(left, work, halt)) for _ in range(min(at_once, len(items)))]
    watch = asyncio.create_task(halt.canceled.wait())
    try:
        running: set[asyncio.Task[None]] = set(takers)
        while running and not watch.done():
            ended, _ = await asyncio.wait({*running, watch}, return_when=asyncio.FIRST_COMPLETED)
            for taker in running & ended:
                taker.result()
            running -= ended
        if running and grace_s and not halt.lost:
            last = asyncio.create_task(clock.sleep(grace_s))
            takers.append(last)
            while running and not last.done():
                ended, _ = await asyncio.wait({*running, last}, return_when=asyncio.FIRST_COMPLETED)
                running -= ended
                for problem in map(_failure, ended):
                    if problem is not None:  # the cancel is what counts
                        log.warning("item_failed_after_cancel", exc_info=problem)
    finally:
        await _cut_off([watch, *takers])
    halt.check()


async def _take(left: Iterator[T], work: Callable[[T], Awaitable[None]], halt: Halt) -> None:
    for item in left:
        if halt.asked.is_set():
            return
        await work(item)


def _failure(ended: asyncio.Task[None]) -> BaseException | None:
    return None if ended.cancelled() else ended.exception()


async def _cut_off(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
