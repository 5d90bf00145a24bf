"""Paid answers are kept: for a job that is resumed, and for the same file sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from bookstrack.errors import StorageProblem
from bookstrack.storage.kv.base import KeyValue

log = structlog.get_logger(__name__)

Make = Callable[[], Awaitable[bytes]]
Keep = Callable[[str, Make], Awaitable[bytes]]
"""``await keep(name, make)`` returns what is kept under a name, else makes and keeps it."""

KEPT_S = 7 * 86_400


class AnswerCache:
    """Keeps answers for a week in the shared tier, under keys that hold a hash of the content."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    async def keep(self, key: str, make: Make) -> bytes:
        """Return the kept answer, else make it; a tier that is away costs a call, no failure."""
        try:
            known = await self._kv.get(key)
        except StorageProblem as problem:
            log.warning("answer_unread", problem=problem.message)
            known = None
        if known is not None:
            return known
        made = await make()
        try:
            await self._kv.set(key, made, ttl_s=KEPT_S)
        except StorageProblem as problem:
            log.warning("answer_not_kept", problem=problem.message)
        return made


def within(outer: Keep, inner: Keep) -> Keep:
    """Return a keeper that looks in both: ``outer`` (the job's own) first."""

    async def keep(name: str, make: Make) -> bytes:
        return await outer(name, lambda: inner(name, make))

    return keep
