"""The rate limit lets through exactly its number, whatever does the counting."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import aiohttp
import pytest

from bookstrack.testing.processes import server_process

pytestmark = pytest.mark.slow  # real processes, started and killed

HOBBIT = "/v1/search/isbn?isbn=9780261103344"
REQUESTS = 1000
LIMIT = 100
WINDOW_S = 900


@pytest.fixture
def start(tmp_path):
    """``start(SETTING="value")`` runs one more server on a data folder of its own."""
    with ExitStack() as stack:
        servers = []

        def run(*, workers=1, **given):
            name = f"server{len(servers)}"
            settings = {
                "BOOKSTRACK_DATA_DIR": str(tmp_path / name),
                "BOOKSTRACK_SAMPLE_DATA": "true",
                "BOOKSTRACK_OFFLINE": "true",
                "BOOKSTRACK_RATE_SEARCH": f"{LIMIT}/{WINDOW_S}",
                "BOOKSTRACK_ENABLE_PERFORMANCE_LOGGING": "false",
                **{f"BOOKSTRACK_{key}": value for key, value in given.items()},
            }
            log = tmp_path / f"{name}.log"
            servers.append(stack.enter_context(server_process(settings, log=log, workers=workers)))
            return servers[-1]

        yield run


async def burst(*servers):
    """Ask 1,000 times at once, the servers in turn; return the answers."""
    urls = [servers[number % len(servers)].url + HOBBIT for number in range(REQUESTS)]
    connector = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=patience) as session:

        async def ask(url):
            async with session.get(url) as answer:
                await answer.read()
                return answer

        return await asyncio.gather(*map(ask, urls))


def assert_exact(answers):
    passed = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert (len(passed), len(refused)) == (LIMIT, REQUESTS - LIMIT)
    left = sorted(int(answer.headers["X-RateLimit-Remaining"]) for answer in passed)
    assert left == list(range(LIMIT))
    assert {answer.headers["X-RateLimit-Remaining"] for answer in refused} == {"0"}
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(LIMIT)}
    assert len({answer.headers["X-RateLimit-Reset"] for answer in answers}) == 1
    assert {answer.headers["X-Error-Code"] for answer in refused} == {"RATE_LIMIT_EXCEEDED"}
    pauses = [int(answer.headers["Retry-After"]) for answer in refused]
    assert all(WINDOW_S - 120 < pause <= WINDOW_S for pause in pauses)


async def test_one_process_counts_in_memory(start):
    server = await asyncio.to_thread(start)
    assert_exact(await burst(server))


async def test_two_servers_count_together_in_redis(start, redis_url):
    servers = [await asyncio.to_thread(start, KV_URL=redis_url) for _ in range(2)]
    assert_exact(await burst(*servers))


async def test_two_servers_count_together_in_postgresql(start, postgres_url):
    servers = [await asyncio.to_thread(start, DATABASE_URL=postgres_url) for _ in range(2)]
    assert_exact(await burst(*servers))


async def test_two_workers_count_together_in_sqlite(start):
    server = await asyncio.to_thread(start, workers=2)
    assert_exact(await burst(server))
