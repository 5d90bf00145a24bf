"""Readiness: each part failing, hanging, and being well."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from msgspec import structs

from bookstrack.errors import ProviderFailed, StorageUnavailable
from bookstrack.health import Health, try_provider
from bookstrack.model.query import AuthorFactsQuery, IsbnQuery
from bookstrack.model.record import Findings, ProviderId
from bookstrack.settings import StorageSettings
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.urls import open_storage
from bookstrack.upstream.breaker import Circuit
from bookstrack.upstream.client import ChannelState


class Part:
    """A store that is well, fails, or does not answer."""

    def __init__(self, problem=None, *, hangs=False):
        self._problem, self._hangs = problem, hangs

    async def ping(self):
        if self._hangs:
            await asyncio.Event().wait()
        if self._problem is not None:
            raise self._problem

    probe = ping


class Crew:
    """What runs jobs."""

    def __init__(self, *, ready=True, waiting=0, problem=None):
        self.ready, self._waiting, self._problem = ready, waiting, problem

    async def depth(self):
        if self._problem is not None:
            raise self._problem
        return self._waiting


def channel(name, circuit=Circuit.CLOSED, *, disabled=False):
    state = ChannelState(
        breaker=circuit, retry_after=None, disabled=disabled, quota_used=None, quota_limit=None
    )
    return SimpleNamespace(name=name, state=lambda: state)


@pytest.fixture
async def storage(database_url, tmp_path, clock, metrics):
    settings = StorageSettings(data_dir=str(tmp_path), database_url=database_url)
    async with open_storage(settings, clock=clock, metrics=metrics, workers=1) as storage:
        yield storage


@pytest.fixture
def look(storage, clock):
    async def run(*channels, jobs=None, **parts):
        changed = structs.replace(storage, **parts)
        return await Health(changed, channels, jobs or Crew(), clock).readiness()

    return run


async def test_everything_is_well(look):
    state = await look(channel(ProviderId.GOOGLE))
    assert state.ready
    assert [part.ok for part in (state.database, state.cache, state.object_store)] == [True] * 3
    assert [part.problem for part in (state.database, state.cache)] == [None, None]
    assert state.database.latency_ms == 0  # the clock stands still
    assert state.providers == {"google-books": "closed"}


async def test_the_queue_of_jobs_is_told(look):
    state = await look(jobs=Crew(waiting=3))
    assert state.ready
    assert (state.queue.ok, state.queue.depth) == (True, 3)


async def test_without_anybody_to_run_jobs_it_is_not_ready(look):
    state = await look(jobs=Crew(ready=False))
    assert not state.ready
    assert (state.queue.ok, state.database.ok) == (False, True)
    assert state.queue.problem


async def test_a_queue_that_cannot_be_counted_is_not_ready(look):
    state = await look(jobs=Crew(problem=StorageUnavailable("The database cannot be reached")))
    assert not state.ready
    assert state.queue.problem == "The database cannot be reached"


async def test_without_the_object_store_it_is_not_ready(look):
    state = await look(blobs=Part(StorageUnavailable("The object store cannot be reached")))
    assert not state.ready
    assert (state.object_store.ok, state.database.ok, state.cache.ok) == (False, True, True)
    assert state.object_store.problem == "The object store cannot be reached"
    assert state.object_store.latency_ms is None


async def test_without_the_shared_tier_it_is_still_ready(look):
    state = await look(kv=Part(StorageUnavailable("Redis cannot be reached")))
    assert state.ready
    assert (state.cache.ok, state.cache.problem) == (False, "Redis cannot be reached")


async def test_without_the_database_it_is_not_ready(look, metrics):
    async with open_database("postgresql://127.0.0.1:1/none", metrics=metrics) as away:
        state = await look(database=away)
    assert not state.ready
    assert (state.database.ok, state.object_store.ok) == (False, True)
    assert state.database.problem


async def test_a_database_that_waits_for_its_migrations_is_not_ready(look, empty_database, metrics):
    async with open_database(empty_database, metrics=metrics) as behind:
        state = await look(database=behind)
    assert not state.ready
    assert state.database.problem


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return request.getfixturevalue("empty_postgres_url")


async def test_a_store_that_hangs_is_given_a_second(look, storage, monkeypatch):
    async def hang(database, *, now):
        await asyncio.Event().wait()

    monkeypatch.setattr("bookstrack.health._PATIENCE_S", 0.5)
    monkeypatch.setattr("bookstrack.health.probe", hang)
    state = await look(blobs=Part(hangs=True))
    assert (state.database.ok, state.object_store.ok, state.cache.ok) == (False, False, True)
    assert state.database.problem == state.object_store.problem == "no answer within a second"
    assert not state.ready


async def test_breakers_are_shown_and_never_decide(look):
    state = await look(
        channel(ProviderId.GOOGLE, Circuit.OPEN),
        channel(ProviderId.OPEN_LIBRARY, Circuit.HALF_OPEN),
        channel(ProviderId.ISBNDB, disabled=True),
        channel(ProviderId.WIKIDATA),
    )
    assert state.ready
    assert state.providers == {
        "google-books": "open",
        "open-library": "half_open",
        "isbndb": "disabled",
        "wikidata": "closed",
    }


class Provider:
    """A provider that answers or fails, and keeps what it was asked."""

    def __init__(self, *kinds, problem=None):
        self.answers, self.problem, self.asked = frozenset(kinds), problem, []

    async def ask(self, query, *, within):
        self.asked.append((query, within.deadline))
        if self.problem is not None:
            raise self.problem
        return Findings()


@pytest.mark.parametrize("kind", [IsbnQuery, AuthorFactsQuery])
async def test_a_provider_is_tried_with_a_question_it_answers(clock, kind):
    provider = Provider(kind)
    check = await try_provider(provider, clock)
    assert (check.ok, check.latency_ms) == (True, 0)
    ((query, deadline),) = provider.asked
    assert type(query) is kind
    assert deadline == clock.monotonic() + 12


async def test_a_provider_that_fails_says_how(clock):
    provider = Provider(IsbnQuery, problem=ProviderFailed("google", "google answered 500"))
    check = await try_provider(provider, clock)
    assert (check.ok, check.problem) == (False, "google answered 500 (PROVIDER_ERROR)")
