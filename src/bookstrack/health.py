"""Whether this process can do its work: what the readiness probe and ``doctor`` look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct, field

from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, StorageUnavailable
from bookstrack.model.isbn import Isbn
from bookstrack.model.naming import camel_name
from bookstrack.model.provider_names import breaker_name
from bookstrack.model.query import AuthorFactsQuery, IsbnQuery, Person
from bookstrack.providers.base import Budget, Provider
from bookstrack.storage.database.migrate import pending
from bookstrack.storage.database.probe import probe
from bookstrack.storage.urls import Storage
from bookstrack.upstream.client import Channel

_PATIENCE_S = 1.0
_PROVIDER_PATIENCE_S = 12.0
_KNOWN = Isbn.parse("9780261103344")


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """One part: whether it works, how long the look took (ms), and what is wrong."""

    ok: bool
    latency_ms: int | None = None
    problem: str | None = None


class QueueCheck(Check, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Whether jobs started here begin at once, and how many nobody has begun anywhere."""

    depth: int = field(default_factory=int)


class Jobs(Protocol):
    """What runs jobs in this process."""

    @property
    def ready(self) -> bool:
        """Tell whether jobs that are started now begin at once."""
        ...

    async def depth(self) -> int:
        """Return how many jobs nobody has begun."""
        ...


class Readiness(Struct, frozen=True, kw_only=True):
    """The verdict and its parts. ``providers`` are breaker states; they never decide."""

    ready: bool
    database: Check
    cache: Check
    object_store: Check
    queue: QueueCheck
    providers: dict[str, str]


class Health:
    """Looks at the parts of a running server."""

    def __init__(
        self, storage: Storage, channels: Sequence[Channel], jobs: Jobs, clock: Clock
    ) -> None:
        self._storage = storage
        self._jobs = jobs
        self._channels = channels
        self._clock = clock

    async def readiness(self) -> Readiness:
        """Look at every store, each for at most a second."""
        database, cache, objects = await asyncio.gather(
            self._look(self._database),
            self._look(self._storage.kv.ping),
            self._look(self._storage.blobs.probe),
        )
        queue = await self._queue()
        return Readiness(
            ready=database.ok and objects.ok and queue.ok,
            database=database,
            cache=cache,
            object_store=objects,
            queue=queue,
            providers=self.breakers(),
        )

    def breakers(self) -> dict[str, str]:
        """Return the breaker state of each provider in use, by its wire name."""
        return {
            breaker_name(channel.name): "disabled"
            if (state := channel.state()).disabled
            else state.breaker.value
            for channel in self._channels
        }

    async def _queue(self) -> QueueCheck:
        depth = 0

        async def count() -> None:
            nonlocal depth
            depth = await self._jobs.depth()

        found = await self._look(count)
        if found.ok and not self._jobs.ready:
            return QueueCheck(ok=False, problem="jobs cannot be run yet", depth=depth)
        return QueueCheck(
            ok=found.ok, latency_ms=found.latency_ms, problem=found.problem, depth=depth
        )

    async def _database(self) -> None:
        if await asyncio.to_thread(pending, self._storage.database.url):
            raise StorageUnavailable("migrations are pending: run bookstrack migrate")
        await probe(self._storage.database, now=self._clock.time())

    async def _look(self, look: Callable[[], Awaitable[None]]) -> Check:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await look()
        except TimeoutError:
            return Check(ok=False, problem="no answer within a second")
        except BooksTrackError as problem:
            return Check(ok=False, problem=problem.message)
        return Check(ok=True, latency_ms=int((self._clock.monotonic() - started) * 1000))


async def try_provider(provider: Provider, clock: Clock) -> Check:
    """Ask a provider a question that it must be able to answer; one real call."""
    facts = AuthorFactsQuery in provider.answers
    person = Person("Ursula K. Le Guin")
    query = AuthorFactsQuery(people=(person,)) if facts else IsbnQuery(_KNOWN)
    started = clock.monotonic()
    try:
        await provider.ask(query, within=Budget(deadline=started + _PROVIDER_PATIENCE_S))
    except BooksTrackError as problem:
        return Check(ok=False, problem=f"{problem.message} ({problem.code})")
    return Check(ok=True, latency_ms=int((clock.monotonic() - started) * 1000))
