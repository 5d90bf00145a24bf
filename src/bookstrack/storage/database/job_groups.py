"""Writes of running jobs that arrive together are committed together.

Ten books of every running job are in flight, and each that ends is written at once. A commit (and
on SQLite the way to a thread and back) costs more than such a write, so those that arrive while a
transaction runs share the next one. A write that comes alone is not held back.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from bookstrack.errors import LeaseLost, StorageUnavailable
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.job_writes import Writing, write_all

_MOST = 64
"""Writes in one transaction."""

_Waiting = tuple[Writing, asyncio.Future[Any]]


class GroupedWrites:
    """The way of writes into one database; ``write`` raises what the transaction raised."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._draining: asyncio.Task[None] | None = None

    async def write(self, writing: Writing) -> int | None:
        """Write and commit; return the number of the event.

        Raises:
            LeaseLost: the writer does not hold the job.
            StorageUnavailable: the database cannot be reached.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((writing, done))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await done

    async def _drain(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if group := [one for one in group if not one[1].done()]:
                await self._write_group(group)

    async def _write_group(self, group: list[_Waiting]) -> None:
        work = partial(write_all, writings=[writing for writing, _ in group])
        try:
            outcomes = await self._database.run("job_write", work, writes=True)
        except asyncio.CancelledError:
            for _, done in (*group, *self._waiting):
                done.cancel()
            raise
        except Exception as error:
            if len(group) == 1 or isinstance(error, StorageUnavailable):
                outcomes = [error] * len(group)
            else:  # one of them is at fault: the others must not suffer
                for one in group:
                    await self._write_group([one])
                return
        for (_, done), outcome in zip(group, outcomes, strict=True):
            _settle(done, outcome)


def _settle(done: asyncio.Future[Any], outcome: int | LeaseLost | Exception | None) -> None:
    if done.done():  # nobody waits any more
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
