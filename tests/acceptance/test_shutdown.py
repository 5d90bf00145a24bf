"""Signals: running requests finish, new ones are refused, the port is free afterwards."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bookstrack.testing.processes import ServerProcess, server_process
from bookstrack.testing.upstream import FakeUpstream

pytestmark = pytest.mark.slow  # real processes, started and killed

FERRY = "/v1/search/isbn?isbn=9781644100370"
BOTH = pytest.mark.parametrize("workers", [1, 2])


class MidRequest:
    """A server with one request under way that its provider holds up."""

    def __init__(self, server: ServerProcess, slow: asyncio.Task[int]) -> None:
        self.server = server
        self.slow = slow

    async def get(self, path: str) -> aiohttp.ClientResponse | None:
        """Ask on a new connection; None when it is refused."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self.server.url + path) as r:
                await r.read()
                return r
        except aiohttp.ClientConnectionError:
            return None

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self.server.wait)


@asynccontextmanager
async def mid_request(tmp_path, *, workers=1, grace=20, delay=2.0) -> AsyncIterator[MidRequest]:
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_SHUTDOWN_GRACE_S": str(grace),
    }
    async with FakeUpstream() as upstream:
        settings |= upstream.environment()
        process = server_process(settings, log=tmp_path / "log", workers=workers)
        server = await asyncio.to_thread(process.__enter__)
        try:
            upstream.delay("all", delay)
            slow = asyncio.create_task(_status(server.url + FERRY))
            await eventually(upstream.count)
            yield MidRequest(server, slow)
        finally:
            await asyncio.to_thread(process.__exit__, None, None, None)
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)


async def eventually(true: Callable[[], Any], *, times: int = 1) -> None:
    deadline = time.monotonic() + 30
    while not true() or (times > 1 and len(true()) < times):
        assert time.monotonic() < deadline, "this never comes true"
        await asyncio.sleep(0.02)


async def _status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()
        return response.status


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_running_request_finishes_and_new_ones_are_refused(tmp_path, workers, number):
    async with mid_request(tmp_path, workers=workers) as running:
        running.server.send(number)
        await eventually(lambda: running.server.events("stopping"), times=workers)
        answers = [await running.get(path) for path in (FERRY, "/doc", "/health/ready")]
        assert all(answer is None or answer.status == 503 for answer in answers)
        assert not running.slow.done(), "the questions must have come meanwhile"
        assert await running.slow == 200
        assert await running.exit_code() == 0
        assert_free(running.server.port)


async def test_a_kept_connection_is_refused_with_a_pause(tmp_path):
    async with mid_request(tmp_path) as running, aiohttp.ClientSession() as session:
        url = running.server.url
        async with session.get(url + "/health/ready") as before:
            assert before.status == 200
        running.server.send(signal.SIGTERM)
        for path in ("/v1/search/title?q=ferry", "/v1/search/isbn?isbn=9781644100370", "/doc"):
            async with session.get(url + path) as answer:
                body = await answer.json()
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                assert body["error"]["code"] == "SERVICE_UNAVAILABLE"
                assert body["error"]["retryable"] is True
        async with session.get(url + "/health/ready") as ready:
            assert ready.status == 503
        async with session.get(url + "/health/live") as live:
            assert live.status == 200
        assert not running.slow.done()
        assert await running.slow == 200
        assert await running.exit_code() == 0


@BOTH
async def test_the_grace_ends_what_does_not_end_by_itself(tmp_path, workers):
    async with mid_request(tmp_path, workers=workers, grace=1, delay=30) as running:
        sent = time.monotonic()
        running.server.send(signal.SIGTERM)
        assert await running.exit_code() == 0
        assert 0.9 < time.monotonic() - sent < 4
        assert await running.slow == 503
        assert_free(running.server.port)


@BOTH
async def test_a_second_signal_ends_everything_at_once(tmp_path, workers):
    async with mid_request(tmp_path, workers=workers, delay=30) as running:
        for number in (signal.SIGTERM, signal.SIGINT):
            running.server.send(number)
            await asyncio.sleep(0.3)  # two of a kind in one moment are one signal
        sent = time.monotonic()
        assert await running.exit_code() == 130
        assert time.monotonic() - sent < 2
        assert_free(running.server.port)


async def test_an_idle_server_leaves_at_once(tmp_path):
    settings = {"BOOKSTRACK_DATA_DIR": str(tmp_path), "BOOKSTRACK_OFFLINE": "true"}
    with server_process(settings, log=tmp_path / "log") as server:
        sent = time.monotonic()
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - sent < 3
        assert [event["msg"] for event in server.events("stopped")] == ["stopped"]


def assert_free(port):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)
    with socket.create_server(("127.0.0.1", port)):
        pass
