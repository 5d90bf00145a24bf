"""A provider that says what a test tells it to, and channels to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from bookstrack.model.record import ProviderId
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.upstream.client import Budget, ChannelOptions, open_upstream
from bookstrack.upstream.pacing import MemorySlots

AGENT = "BooksTrack/test (+https://books.example; librarian@books.example)"


class LongestWaits(Random):
    """Jitter that always comes out at the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Script:
    """A server on 127.0.0.1. ``then`` queues answers, ``always`` holds when the queue is empty.

    An answer is a status, (status, JSON), a response, or a coroutine function of the request.
    """

    def __init__(self, clock) -> None:
        self._clock = clock
        self._queue: list[object] = []
        self.always: object = (200, {"title": "Emma"})
        self.asked: list[web.Request] = []
        self.asked_at: list[float] = []
        self.peers: set[object] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self.base = ""

    def then(self, *answers: object) -> None:
        self._queue.extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.asked_at.append(self._clock.monotonic())
        self.peers.add(request.get_extra_info("peername"))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request, self._queue.pop(0) if self._queue else self.always)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, answer: object) -> web.StreamResponse:
        match answer:
            case int(status):
                return web.Response(status=status, text="no")
            case (int(status), content):
                text = json.dumps(content)
                return web.Response(status=status, text=text, content_type="application/json")
            case web.StreamResponse():
                return answer
            case _:
                return await answer(request)


class Gate:
    """An answer that waits until the test opens it."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, _request: web.Request) -> web.StreamResponse:
        await self.opened.wait()
        return web.json_response({"title": "Emma"})


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def script(clock) -> AsyncIterator[Script]:
    told = Script(clock)
    app = web.Application()
    app.router.add_get("/{path:.*}", told.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        told.base = f"http://127.0.0.1:{server.port}"
        yield told


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
async def upstream(clock, metrics, ledger):
    async with open_upstream(
        clock=clock,
        rng=LongestWaits(),
        user_agent=AGENT,
        metrics=metrics,
        ledger=ledger,
        slots=MemorySlots(clock),
    ) as opened:
        yield opened


@pytest.fixture
def channel(upstream, script) -> Callable:
    """``channel(**options)`` makes a channel to the script; one attempt and unpaced unless told."""

    def make(**options):
        given = {"name": ProviderId.GOOGLE, "base_url": script.base, "attempts": 1} | options
        return upstream.channel(ChannelOptions(**given))

    return make


@pytest.fixture
def budget(clock) -> Callable[..., Budget]:
    """``budget(12, interactive=True)`` ends so many seconds from now."""

    def make(seconds: float = 12.0, *, interactive: bool = True) -> Budget:
        return Budget(clock.monotonic() + seconds, interactive)

    return make


@pytest.fixture
def passing(clock) -> Callable[[Awaitable], Awaitable]:
    """``await passing(call)`` lets time pass, in steps of 250 ms, whenever the call sleeps."""

    async def drive(call):
        task = asyncio.ensure_future(call)
        async with asyncio.timeout(10):
            while not task.done():
                await (clock.advance(0.25) if clock.sleepers else asyncio.sleep(0))
        return await task

    return drive


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """``await until(condition)`` lets everything run until it holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 sockets have no event to wait for
                await asyncio.sleep(0)

    return wait


@pytest.fixture
def sample(metrics) -> Callable[..., float | None]:
    """``sample("circuit_state", provider="google")`` reads one exported number."""

    def read(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    return read


@pytest.fixture
def logged():
    """What was logged during the test."""
    with capture_logs() as entries:
        yield entries
