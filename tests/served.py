"""A server, a fake upstream and a client for it: fixtures of the tests that speak HTTP.

A ``conftest.py`` takes them by importing ``upstream``, ``start`` and ``api`` from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bookstrack.testing.serving import Served, serving
from bookstrack.testing.upstream import FakeUpstream

__all__ = ["Answer", "Api", "Start", "api", "start", "upstream"]


class Answer(msgspec.Struct, frozen=True):
    """One answer of the server under test."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Api:
    """The server under test, its providers, and requests to it."""

    def __init__(
        self,
        served: Served,
        upstream: FakeUpstream,
        session: aiohttp.ClientSession,
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self.url, self.parts = served.url, served.parts
        self.upstream = upstream
        self.stop = stop
        """Ends this server; its folder can be served again."""
        self._session = session

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self._session.request(method, self.url + path, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Answer:
        return await self.request("POST", path, **options)


Start = Callable[..., Awaitable[Api]]


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as fake:
        yield fake


@pytest.fixture
async def start(upstream: FakeUpstream, tmp_path: Path) -> AsyncIterator[Start]:
    """``await start(SETTING="value")`` runs a server until the test ends or stops it.

    Servers of one test share their data where they share the ``folder``.
    """
    async with AsyncExitStack() as everything:

        async def run(*, clock: Any = None, folder: str = "data", **settings: str) -> Api:
            environ = {
                "BOOKSTRACK_DATA_DIR": str(tmp_path / folder),
                "BOOKSTRACK_ENV": "test",
                "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
                "BOOKSTRACK_ENABLE_PERFORMANCE_LOGGING": "false",
                "BOOKSTRACK_ENGINE_URL": "memory:",  # launching DBOS takes longer than a test
                **upstream.environment(),
                **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
            }
            own = await everything.enter_async_context(AsyncExitStack())
            served = await own.enter_async_context(serving(environ, clock=clock))
            session = await own.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=60),
                )
            )
            return Api(served, upstream, session, own.aclose)

        yield run
        await asyncio.sleep(0)


@pytest.fixture
async def api(start: Start) -> Api:
    """A server with every provider and no limits."""
    return await start()
