"""Sitting out an outage of the store: work that runs already waits rather than fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

import structlog

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

_PAUSES_S = (0.25, 0.5, 1.0, 2.0)
_LONGEST_S = 5.0


async def patiently(
    clock: Clock, attempt: Callable[[], Awaitable[T]], *, check: Callable[[], None]
) -> T:
    """Try until the store can be reached; ``check`` is asked before every pause and may raise.

    An attempt whose answer got lost is made again, so it has to bear being made twice.
    """
    for pause in chain(_PAUSES_S, repeat(_LONGEST_S)):
        try:
            return await attempt()
        except StorageUnavailable as problem:
            log.warning("job_storage_unavailable", problem=problem.message, again_in_s=pause)
            check()
            await clock.sleep(pause)
    raise AssertionError("pauses never end")
