"""Other processes steer the fake upstream over HTTP, and it can be a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bookstrack.testing.upstream import FakeUpstream


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as server:
        yield server


async def order(upstream: FakeUpstream, method: str, name: str, **more) -> tuple[int, dict]:
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, f"{upstream.url}/_control/{name}", **more) as response,
    ):
        return response.status, await response.json()


async def google(upstream: FakeUpstream) -> int:
    url = f"{upstream.urls['google']}/books/v1/volumes?q=ferry&key=k"
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        return response.status


async def test_faults_are_set_and_healed(upstream: FakeUpstream):
    fault = {"provider": "google", "kind": "status", "code": 503, "times": 1}
    assert await order(upstream, "POST", "fault", json=fault) == (200, {"ok": True})
    assert [await google(upstream), await google(upstream)] == [503, 200]
    await order(upstream, "POST", "fault", json={"kind": "quota"})
    assert await google(upstream) == 429
    await order(upstream, "POST", "heal", json={"provider": "google"})
    assert await google(upstream) == 200


async def test_delays_are_set(upstream: FakeUpstream):
    await order(upstream, "POST", "delay", json={"provider": "google", "seconds": 60})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(google(upstream), 0.1)


async def test_the_log_is_read_and_reset(upstream: FakeUpstream):
    await google(upstream)
    _, log = await order(upstream, "GET", "asked", params={"provider": "google"})
    assert log["count"] == 1
    assert log["asked"][0]["query"] == {"q": "ferry", "key": "k"}
    assert (await order(upstream, "POST", "reset"))[0] == 200
    assert await order(upstream, "GET", "asked") == (200, {"count": 0, "asked": []})


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "fault", b'{"kind":"earthquake"}', 400),
        ("POST", "fault", b"{}", 400),
        ("POST", "delay", b"not json", 400),
        ("POST", "delay", b'{"provider":"amazon","seconds":1}', 400),
        ("GET", "fault", b"", 404),
        ("POST", "nonsense", b"", 404),
    ],
)
async def test_wrong_orders_are_refused(upstream, method: str, name: str, body: bytes, status: int):
    assert (await order(upstream, method, name, data=body))[0] == status


async def test_the_command_prints_its_environment_and_serves(upstream: FakeUpstream):
    variables = len(upstream.environment())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bookstrack.testing", "--port", "0", "--delay-ms", "1", "--books", "10"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(variables)]
        environment = dict(line.split("=", 1) for line in lines)
        url = environment["BOOKSTRACK_OPENLIBRARY_BASE_URL"]
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{url}/search.json?q=lantern") as response,
        ):
            assert (await response.json())["numFound"] == 1
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
