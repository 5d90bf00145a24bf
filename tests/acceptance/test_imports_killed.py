"""``kill -9`` in the middle of imports of 500 rows: nothing lost, doubled or paid for twice.

What comes of them is compared with undisturbed runs. ``BOOKSTRACK_TEST_SEED`` takes other moments
than usual.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import aiohttp
import pytest
import redis
from sqlalchemy import text

from bookstrack.model.job import JobStatus
from bookstrack.storage.database.engine import open_database
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.generated import generated_isbn, generated_work
from bookstrack.testing.processes import server_process
from bookstrack.testing.upstream import Said
from conftest import made_database
from exports import IMPORTS, accounted, counts, form
from job_processes import open_look, results

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KNOWN, NAMED, TWICE, BAD = 430, 40, 20, 10
ROWS = KNOWN + NAMED + TWICE + BAD
CALL_S = 0.2  # so an import takes ten seconds
LIFE_S = 1.6
MOST_LIVES = 40
SEED = int(os.environ.get("BOOKSTRACK_TEST_SEED", "20261125"))
STRANGE = ("Was", "Wer", "Nummer", "Regal", "Seiten")
GOODREADS = (
    "Title",
    "Author",
    "ISBN13",
    "Exclusive Shelf",
    "My Rating",
    "Bookshelves",
    "My Review",
)
MAPPING = {
    "columns": [
        {"header": "Was", "field": "title"},
        {"header": "Wer", "field": "author"},
        {"header": "Nummer", "field": "isbn"},
        {"header": "Regal", "field": "shelves"},
    ],
    "confidence": 0.9,
}


def needs_ai(number: int) -> bool:
    return number % 2 == 0


def file(number: int) -> bytes:
    """A file of books that no other file has; every second one needs an AI."""
    first = 100_000 + number * 1000
    books = [(generated_work(n).title, "", generated_isbn(n)) for n in range(first, first + KNOWN)]
    books += [(f"Unheard Of {number} {n}", f"Nobody {n}", "") for n in range(NAMED)]
    books += books[-TWICE:]
    books += [("", "Somebody", "12345")] * BAD
    Random(number).shuffle(books)  # an ISBN is not seen in the first rows by chance alone
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    if needs_ai(number):
        writer.writerow(STRANGE)
        writer.writerows((*book, f"Regal {number}", 90 + number) for book in books)
    else:
        writer.writerow(GOODREADS)
        said = ("read", 4, f"shelf {number}, read", 'Two "lines",\nand a comma')
        writer.writerows((title, author, f'="{isbn}"', *said) for title, author, isbn in books)
    return made.getvalue().encode()


async def send(server, number):
    query = "?parser=ai" if needs_ai(number) else ""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}{IMPORTS}{query}", data=form(file(number))) as answer,
    ):
        assert answer.status == 202, await answer.text()
        return (await answer.json())["jobId"]


class Place:
    """A database with a server on one port, which is ended by ``kill -9`` each time."""

    def __init__(self, upstream, folder: Path, url: str, **settings: str) -> None:
        self.url = url
        self._folder, self._port, self._number = folder, 0, 0
        self._settings = {
            **upstream.environment(),
            "BOOKSTRACK_DATA_DIR": str(folder),
            "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
            "BOOKSTRACK_GEMINI_API_KEY": "k",
            **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
        }

    async def __aenter__(self):
        self._number += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"log{self._number}"
        self._process = server_process(self._settings, log=log, port=self._port)
        server = await asyncio.to_thread(self._process.__enter__)
        self._port = server.port
        return server

    async def __aexit__(self, *_problem):
        await asyncio.to_thread(self._process.__exit__, None, None, None)

    def complaints(self) -> list[str]:
        """Return what was logged in all lives as an error."""
        logs = self._folder.glob("log*")
        return [x for log in logs for x in log.read_text().splitlines() if '"level":"error"' in x]


@pytest.fixture
def embedded(upstream, tmp_path):
    """Makes places with SQLite; no two know of each other."""

    @contextmanager
    def place(name: str) -> Iterator[Place]:
        folder = tmp_path / name
        yield Place(upstream, folder, f"sqlite:///{folder}/bookstrack.db")

    return place


@pytest.fixture
def shared(upstream, tmp_path, postgres_base, postgres_template, redis_url):
    """Makes places with PostgreSQL and Redis, one at a time; no two know of each other."""
    new_database = contextmanager(made_database)

    @contextmanager
    def place(name: str) -> Iterator[Place]:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        with new_database(postgres_base, postgres_template) as url:
            stores = {"DATABASE_URL": url, "KV_URL": redis_url, "SECRET_KEY": "of-this-test"}
            yield Place(upstream, tmp_path / name, url, **stores)

    return place


@pytest.mark.parametrize(("stores", "kills"), [("embedded", 50), ("shared", 12)])
async def test_nothing_is_lost_or_twice(stores, kills, upstream, request, record_property):
    new_place = request.getfixturevalue(stores)
    upstream.gemini.otherwise = Said(text=json.dumps(MAPPING))
    upstream.delay("all", CALL_S)
    with new_place("killed") as place:
        found = await Sweep(place, upstream, Random(SEED)).run(kills)
        assert place.complaints() == []
    record_property("imports", len(found))
    upstream.delay("all", 0.0)
    with new_place("undisturbed") as place:
        undisturbed = await in_peace(place, len(found))
    for number, (one, other) in enumerate(zip(found, undisturbed, strict=True)):
        assert_whole(other, number)
        assert comparable(one) == comparable(other)


class Sweep:
    """Imports one after the other, each killed again and again until it is through."""

    def __init__(self, place, upstream, rng):
        self._place, self._upstream, self._rng = place, upstream, rng

    async def run(self, kills):
        """Kill so often in the middle of work; return the results of every import."""
        found, done = [], 0
        async with self._place:
            pass  # makes the database
        async with (
            open_look(self._place.url) as look,
            open_database(self._place.url, metrics=Metrics()) as database,
        ):
            while done < kills:
                results, times = await self._import(look, database, len(found), kills - done)
                found.append(results)
                done += times
        return found

    async def _import(self, look, database, number, kills):
        """Return what comes of an import, and how often it was killed before its end."""
        paid, times = self._upstream.count("gemini"), 0
        async with self._place as server:
            job_id = await send(server, number)
            await asyncio.sleep(self._rng.uniform(0.0, LIFE_S))
        for _ in range(MOST_LIVES):
            if times >= kills or (await look.job(job_id)).status.terminal:
                break
            times += 1
            answered = await is_answered(database, job_id)
            before = self._upstream.count("gemini")
            async with self._place:
                await asyncio.sleep(self._rng.uniform(0.0, LIFE_S))
            assert not answered or self._upstream.count("gemini") == before
        async with self._place as server:
            await look.ended([job_id], 120)
            found = await results(server, job_id)
        await assert_told(look, job_id)
        assert self._upstream.count("gemini") - paid <= 2 * needs_ai(number)
        assert times > 0
        return found, times


async def in_peace(place, count):
    """Return what comes of the imports where nobody kills anything."""
    found = []
    async with place as server, open_look(place.url) as look:
        for number in range(count):
            job_id = await send(server, number)
            await look.ended([job_id], 120)
            found.append(await results(server, job_id))
    return found


async def is_answered(database, job_id):
    """Tell whether the answer of the AI is kept."""
    async with database.connect() as connection:
        kept = text("SELECT 1 FROM job_checkpoints WHERE job_id = :job")
        return (await connection.execute(kept, {"job": job_id})).first() is not None


def assert_whole(found, number):
    """Every row has become what it had to, once."""
    assert accounted(found) == ROWS
    assert counts(found) == (KNOWN + NAMED, 0, TWICE)
    assert found["errorCount"] == BAD
    assert (found["enrichmentSucceeded"], found["enrichmentFailed"]) == (KNOWN, NAMED)
    rows = [book["row"] for book in found["books"]]
    assert rows == sorted(set(rows))
    first = 100_000 + number * 1000
    numbers = {book["isbn13"] for book in found["books"] if "isbn13" in book}
    assert numbers == {generated_isbn(n) for n in range(first, first + KNOWN)}
    assert found["parser"] == ("ai" if needs_ai(number) else "deterministic")


def comparable(found):
    """Return results without what tells of the run: its id and its times."""
    summary = {k: v for k, v in found["summary"].items() if k not in ("duration", "resourceId")}
    own = {"jobId", "timestamp", "expiresAt", "durationMs"}
    return {**{k: v for k, v in found.items() if k not in own}, "summary": summary}


async def assert_told(look, job_id):
    job = await look.job(job_id)
    assert (job.status, job.fault) == (JobStatus.COMPLETED, None)
    events = await look.events(job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for values in ("progress", "processed"):
        series = [getattr(event, values) for event in events]
        assert series == sorted(series), values
    assert events[-1].processed == ROWS
