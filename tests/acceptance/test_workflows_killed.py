"""``kill -9`` in the middle of workflows: each ends once, with its book in the tables."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

import aiohttp
import pytest

from bookstrack.model.job import ItemState
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.generated import generated_work
from bookstrack.testing.processes import server_process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 12
EACH = 3
SEED = 20_261_126
PATH = "/v2/import/workflow"


async def begin(url: str, isbn: str) -> str:
    body = {"isbn": isbn, "source": "open_library"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + PATH, json=body) as answer,
    ):
        assert answer.status == 202, await answer.text()
        return (await answer.json())["workflowId"]


async def ended(url: str, workflow_id: str) -> dict:
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            async with session.get(f"{url}{PATH}/{workflow_id}") as answer:
                found = await answer.json()
            if found["status"] != "running":
                return found
            await asyncio.sleep(0.1)


async def test_a_dozen_kills(upstream, tmp_path):
    upstream.delay("all", 0.2)
    settings = {
        **upstream.environment(),
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
    }
    rng, begun = Random(SEED), dict[str, str]()
    for number in range(KILLS):
        process = server_process(settings, log=tmp_path / f"log{number}")
        with contextlib.ExitStack() as stack:  # leaving it is kill -9
            server = await asyncio.to_thread(stack.enter_context, process)
            for place in range(EACH):
                isbn = generated_work(number * EACH + place).printings[0].isbn
                begun[await begin(server.url, isbn)] = isbn
            await asyncio.sleep(rng.uniform(0.0, 1.2))
    process = server_process(settings, log=tmp_path / "last")
    with contextlib.ExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, process)
        for workflow_id, isbn in begun.items():
            found = await ended(server.url, workflow_id)
            assert (found["status"], found["result"]["isbn"]) == ("complete", isbn)
            assert found["result"]["title"]
    url = f"sqlite:///{tmp_path}/data/bookstrack.db"
    async with open_database(url, metrics=Metrics()) as database:
        store = JobStore(database)
        for workflow_id in begun:
            assert {item.state for item in await store.items(workflow_id)} == {ItemState.DONE}
            events = await store.events(workflow_id)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
