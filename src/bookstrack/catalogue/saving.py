"""Writes books that nobody waits for, several in one transaction.

A transaction per book costs three times as much, and a job brings many books a second.
"""

from __future__ import annotations

import asyncio

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.model.record import BookRecord
from bookstrack.storage.database.catalogue import CatalogueStore

log = structlog.get_logger(__name__)

_LINGER_S = 0.1
_TOGETHER = 10  # more would keep other writers waiting
_MOST = 100  # waiting books, after which whoever brings more has to wait


class Saver:
    """Books on their way into the tables. Its one task lives only while there are some."""

    def __init__(self, store: CatalogueStore, clock: Clock, background: Background) -> None:
        self._store = store
        self._clock = clock
        self._background = background
        self._waiting: list[BookRecord] = []
        self._room = asyncio.Condition()
        self._at_work = False

    async def later(self, record: BookRecord) -> None:
        """Have a book written soon; waits only where many are waiting already."""
        async with self._room:
            await self._room.wait_for(lambda: len(self._waiting) < _MOST)
            self._waiting.append(record)
        if not self._at_work:
            self._at_work = True
            self._background.start(self._write_all(), "save books of jobs")

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < _TOGETHER:
                    await self._clock.sleep(_LINGER_S)
                async with self._room:
                    some, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                    self._room.notify_all()
                await self._write(some)
        finally:
            self._at_work = False

    async def _write(self, records: list[BookRecord]) -> None:
        """Write books; one that cannot be written takes no other with it."""
        try:
            await self._store.save(records)
        except StorageProblem as problem:
            log.warning("answers_unsaved", books=len(records), problem=problem.message)
        except Exception:
            if len(records) == 1:
                log.exception("answer_unsaved", title=records[0].work.title)
                return
            for record in records:
                await self._write([record])
