"""Tiers that do as they are told, and loaders, for the tests of the cache."""

from __future__ import annotations

import asyncio

from bookstrack.cache.memory import Facts
from bookstrack.cache.tiers import Fresh
from bookstrack.errors import StorageUnavailable
from bookstrack.model.enums import CacheSource
from bookstrack.storage.kv.memory import MemoryKeyValue


class Shared(MemoryKeyValue):
    """A shared tier that can be away, read inline or not, and lists what it was asked."""

    def __init__(self, clock, *, inline=False):
        super().__init__(clock)
        self.reads_inline = inline
        self.away = False
        self.reads: list[str] = []
        self.lifetimes: dict[str, int] = {}

    def get_now(self, key):
        self.reads.append(key)
        if self.away:
            raise StorageUnavailable("away")
        return super().get_now(key)

    async def set(self, key, value, *, ttl_s):
        if self.away:
            raise StorageUnavailable("away")
        self.lifetimes[key] = ttl_s
        await super().set(key, value, ttl_s=ttl_s)


class Cold:
    """A cold tier: values by key, a delay on the injected clock, a problem."""

    def __init__(self, clock):
        self._clock = clock
        self.values: dict[str, bytes] = {}
        self.delay = 0.0
        self.away = False
        self.reads: list[str] = []

    async def get(self, key):
        self.reads.append(key)
        if self.delay:
            await self._clock.sleep(self.delay)
        if self.away:
            raise StorageUnavailable("away")
        return self.values.get(key)

    async def forget(self, key):
        del self.values[key]


class Load:
    """A loader that counts its calls, may wait for a gate, and answers or fails."""

    def __init__(self, answer=None, *, problem=None, gate=None):
        self.answer, self.problem, self.gate = answer or fresh(), problem, gate
        self.calls = 0
        self.cancelled = False

    async def __call__(self):
        self.calls += 1
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if self.problem is not None:
            raise self.problem
        return self.answer


def fresh(body=b'{"a":1}', *, ttl=10_000, found=True, source=CacheSource.API, **facts):
    return Fresh(body=body, facts=Facts(found=found, **facts), source=source, ttl=ttl)


async def settle():
    """Let tasks in the background run until they wait for something."""
    for _ in range(30):
        await asyncio.sleep(0)
