"""PostgreSQL or Redis dies under load: what is known goes on, the rest says so, all recovers."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bookstrack.storage.database.migrate import migrate
from bookstrack.testing.processes import server_process
from bookstrack.testing.upstream import FakeUpstream, generated_isbn

pytestmark = pytest.mark.slow  # real processes, started and killed

WARM = range(8)
CLIENTS = 8
AWAY_S = 2.0


class Client:
    """Asks a server, and keeps it under a steady load of known books."""

    def __init__(self, url, session):
        self.url = url
        self.session = session
        self.seen = []

    async def get(self, path):
        async with self.session.get(self.url + path) as answer:
            return answer.status, answer.headers, await answer.json()

    async def book(self, number):
        return await self.get(f"/v1/search/isbn?isbn={generated_isbn(number)}")

    async def load(self):
        while True:
            for number in WARM:
                started = time.monotonic()
                status, _, _ = await self.book(number)
                self.seen.append((status, time.monotonic() - started))
                await asyncio.sleep(0.02)

    async def ready(self, status):
        """Wait until readiness has this status; return its checks."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found, _, body = await self.get("/health/ready")
            if found == status:
                return body["checks"]
            await asyncio.sleep(0.05)
        raise AssertionError(f"readiness never becomes {status}: {body}")


@asynccontextmanager
async def under_load(tmp_path, **settings):
    """Give a client of a server that is asked for known books all the time."""
    async with FakeUpstream() as upstream, aiohttp.ClientSession() as session:
        upstream.add_books(100)
        given = {
            "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
            "BOOKSTRACK_RATE_SEARCH": "1000000/60",
            "BOOKSTRACK_ENABLE_PERFORMANCE_LOGGING": "false",
            **upstream.environment(),
            **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
        }
        process = server_process(given, log=tmp_path / "log")
        server = await asyncio.to_thread(process.__enter__)
        loads = []
        try:
            client = Client(server.url, session)
            for number in WARM:
                assert (await client.book(number))[0] == 200
            loads += [asyncio.create_task(client.load()) for _ in range(CLIENTS)]
            yield client
        finally:
            for load in loads:
                load.cancel()
            await asyncio.gather(*loads, return_exceptions=True)
            await asyncio.to_thread(process.__exit__, None, None, None)


def assert_attentive(seen, *, seconds=1.5):
    assert len(seen) > 100
    assert {status for status, _ in seen} == {200}
    assert max(took for _, took in seen) < seconds


def assert_clear_refusal(answer):
    status, headers, body = answer
    assert (status, headers["Retry-After"]) == (503, "5")
    assert headers["Cache-Control"] == "no-store"
    assert body["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert body["error"]["retryable"] is True
    assert body["error"]["retryAfterMs"] == 5000


async def test_postgresql_dies_and_comes_back(tmp_path, postgres_server):
    await asyncio.to_thread(migrate, postgres_server.url)
    async with under_load(tmp_path, DATABASE_URL=postgres_server.url) as client:
        assert (await client.ready(200))["database"]["ok"] is True
        client.seen.clear()
        await asyncio.to_thread(postgres_server.kill)
        gone = time.monotonic()
        checks = await client.ready(503)
        assert checks["database"]["ok"] is False
        refused = await asyncio.gather(*(client.book(number) for number in range(20, 40)))
        for answer in refused:
            assert_clear_refusal(answer)
        assert (await client.get("/health/live"))[0] == 200
        await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        assert_attentive(client.seen)
        await asyncio.to_thread(postgres_server.start)
        await client.ready(200)
        client.seen.clear()
        for number in (20, 41):  # one that was refused, one that nobody has asked for
            status, headers, body = await client.book(number)
            assert (status, headers["X-Cache-Source"]) == (200, "API")
            assert generated_isbn(number) in body["data"]["editions"][0]["isbns"]
        await asyncio.sleep(0.5)
        assert {status for status, _ in client.seen} == {200}


@pytest.fixture
def redis(redis_server):
    yield redis_server
    redis_server._process.send_signal(signal.SIGCONT)


# Nobody knows at once that a store hangs: a few requests find it out.
@pytest.mark.parametrize(("end", "seconds"), [("killed", 1.5), ("hanging", 2.5)])
async def test_redis_dies_and_comes_back(tmp_path, redis, end, seconds):
    url = f"redis://127.0.0.1:{redis.port}/0"
    async with under_load(tmp_path, KV_URL=url) as client:
        assert (await client.ready(200))["cache"]["ok"] is True
        client.seen.clear()
        if end == "killed":
            await asyncio.to_thread(redis.kill)
        else:
            redis._process.send_signal(signal.SIGSTOP)
        gone = time.monotonic()
        status, headers, _ = await client.book(20)  # our database and the providers know more
        assert (status, headers["X-Cache-Source"]) == (200, "API")
        assert (await client.ready(200))["cache"]["ok"] is False
        await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        assert_attentive(client.seen, seconds=seconds)
        if end == "killed":
            await asyncio.to_thread(redis.start)
        else:
            redis._process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + 30
        while not (await client.ready(200))["cache"]["ok"]:
            assert time.monotonic() < deadline, "Redis never comes back"
            await asyncio.sleep(0.05)
        status, headers, _ = await client.book(42)
        assert (status, headers["X-Cache-Source"]) == (200, "API")
        assert {status for status, _ in client.seen} == {200}
