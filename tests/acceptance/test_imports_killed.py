"""``kill -9`` in the middle of imports of 500 rows: nothing lost, doubled or paid for twice."""

from __future__ import annotations

import asyncio
import json
from random import Random

import aiohttp
import pytest
from sqlalchemy import text

from bookstrack.model.job import JobStatus
from bookstrack.storage.database.engine import open_database
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.generated import generated_isbn, generated_work
from bookstrack.testing.processes import server_process
from bookstrack.testing.upstream import Said
from exports import accounted, counts, form
from job_processes import open_look, results

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

IMPORTS = 8
KILLS = 6
KNOWN, NAMED, TWICE, BAD = 430, 40, 20, 10
SEED = 20_261_125
HEADER = "Was,Wer,Nummer,Regal\n"
MAPPING = {
    "columns": [
        {"header": "Was", "field": "title"},
        {"header": "Wer", "field": "author"},
        {"header": "Nummer", "field": "isbn"},
        {"header": "Regal", "field": "shelves"},
    ],
    "confidence": 0.9,
}


def file(number: int) -> bytes:
    """A file that needs an AI, of books that no other file has."""
    first = 100_000 + number * 1000
    lines = [
        f"{generated_work(n).title},,{generated_isbn(n)}," for n in range(first, first + KNOWN)
    ]
    lines += [f"Unheard Of {number} {n},Nobody {n},," for n in range(NAMED)]
    lines += lines[-TWICE:]
    lines += [",Somebody,12345," for _ in range(BAD)]
    Random(number).shuffle(lines)  # an ISBN is not seen in the first rows by chance alone
    return (HEADER + "".join(f"{line}Regal {number}\n" for line in lines)).encode()


async def send(server, number):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/v2/imports?parser=ai", data=form(file(number))) as answer,
    ):
        assert answer.status == 202, await answer.text()
        return (await answer.json())["jobId"]


class Killed:
    """``bookstrack serve`` on one port, ended by ``kill -9`` each time."""

    def __init__(self, settings, folder):
        self._settings, self._folder, self._port, self._number = settings, folder, 0, 0

    async def __aenter__(self):
        self._number += 1
        log = self._folder / f"log{self._number}"
        self._process = server_process(self._settings, log=log, port=self._port)
        server = await asyncio.to_thread(self._process.__enter__)
        self._port = server.port
        return server

    async def __aexit__(self, *_problem):
        await asyncio.to_thread(self._process.__exit__, None, None, None)


async def test_nothing_is_lost_or_twice(upstream, tmp_path, record_property):
    upstream.delay("all", 0.05)
    upstream.gemini.otherwise = Said(text=json.dumps(MAPPING))
    settings = {
        **upstream.environment(),
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
        "BOOKSTRACK_GEMINI_API_KEY": "k",
    }
    rng, serving, in_the_middle = Random(SEED), Killed(settings, tmp_path), 0
    async with serving:
        pass  # makes the database
    address = f"sqlite:///{tmp_path}/data/bookstrack.db"
    async with open_look(address) as look, open_database(address, metrics=Metrics()) as database:
        for number in range(IMPORTS):
            paid = upstream.count("gemini")
            async with serving as server:
                job_id = await send(server, number)
                await asyncio.sleep(rng.uniform(0.0, 1.5))
            for _ in range(KILLS - 1):
                in_the_middle += 0 < await look.done(job_id) < 500
                answered = await is_answered(database, job_id)
                before = upstream.count("gemini")
                async with serving as server:
                    await asyncio.sleep(rng.uniform(0.0, 1.5))
                assert not answered or upstream.count("gemini") == before
            async with serving as server:
                await look.ended([job_id], 120)
                assert_whole(await results(server, job_id), number)
            await assert_told(look, job_id)
            assert upstream.count("gemini") - paid <= 2
    record_property("imports_found_in_the_middle", in_the_middle)
    assert in_the_middle >= IMPORTS


async def is_answered(database, job_id):
    """Tell whether the answer of the AI is kept."""
    async with database.connect() as connection:
        kept = text("SELECT 1 FROM job_checkpoints WHERE job_id = :job")
        return (await connection.execute(kept, {"job": job_id})).first() is not None


def assert_whole(found, number):
    """Every row has become what it had to, once."""
    assert accounted(found) == KNOWN + NAMED + TWICE + BAD
    assert counts(found) == (KNOWN + NAMED, 0, TWICE)
    assert found["errorCount"] == BAD
    assert (found["enrichmentSucceeded"], found["enrichmentFailed"]) == (KNOWN, NAMED)
    rows = [book["row"] for book in found["books"]]
    assert rows == sorted(set(rows))
    first = 100_000 + number * 1000
    numbers = {book["isbn13"] for book in found["books"] if "isbn13" in book}
    assert numbers == {generated_isbn(n) for n in range(first, first + KNOWN)}
    assert found["parser"] == "ai"


async def assert_told(look, job_id):
    job = await look.job(job_id)
    assert (job.status, job.fault) == (JobStatus.COMPLETED, None)
    events = await look.events(job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for values in ("progress", "processed"):
        series = [getattr(event, values) for event in events]
        assert series == sorted(series), values
    assert events[-1].processed == 500
