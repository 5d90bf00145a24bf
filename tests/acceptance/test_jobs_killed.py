"""``kill -9`` again and again in the middle of jobs: nothing is lost, doubled or out of order.

``BOOKSTRACK_TEST_SEED`` takes other moments than usual.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median
from time import time

import aiohttp
import pytest
import redis

import whole_jobs
from conftest import made_database
from mortals import Mortal, listen_to_the_end
from pressure import Stopwatch
from witness import open_witness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OPEN_AT_ONCE = 4
CALL_S = 0.2  # so a job takes some seconds
LIVES_S = 1.3
VAIN_LIVES = 2  # two more within a minute or longer, and a job would rightly be given up [P7]
STARTS_CUT_OFF = 0.2  # of all starts
POSTS_AT_THE_LAST_MOMENT = 0.3  # of all kills
SEED = int(os.environ.get("BOOKSTRACK_TEST_SEED", "20261125"))


class Place:
    """A database with the settings of the processes that share it."""

    def __init__(self, upstream, folder: Path, url: str, **settings: str) -> None:
        self.url, self._logs = url, folder / "logs"
        self._settings = {
            **upstream.environment(),
            "BOOKSTRACK_DATA_DIR": str(folder),
            "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
            **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
        }

    def process(self, command: str) -> Mortal:
        return Mortal(command, self._settings, self._logs)


@pytest.fixture
def embedded(upstream, tmp_path):
    """Makes places with SQLite; no two know of each other."""

    @contextmanager
    def place(name: str, **settings: str) -> Iterator[Place]:
        folder = tmp_path / name
        yield Place(upstream, folder, f"sqlite:///{folder}/bookstrack.db", **settings)

    return place


@pytest.fixture
def shared(upstream, tmp_path, postgres_base, postgres_template, redis_url):
    """Makes places with PostgreSQL and Redis, one at a time; no two know of each other."""
    new_database = contextmanager(made_database)

    @contextmanager
    def place(name: str, **settings: str) -> Iterator[Place]:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        with new_database(postgres_base, postgres_template) as url:
            stores = {"DATABASE_URL": url, "KV_URL": redis_url, "SECRET_KEY": "of-this-test"}
            yield Place(upstream, tmp_path / name, url, **stores, **settings)

    return place


@pytest.fixture
def survive(upstream, record_property):
    """``await survive(place, commands, kills)`` kills, and checks all that has to hold."""

    async def run(place, commands, *, kills, **settings):
        whole_jobs.teach(upstream)
        upstream.delay("all", CALL_S)
        with place("killed", **settings) as here:
            sweep, found = await disturbed(here, [here.process(name) for name in commands], kills)
        for name, fact in sweep.facts().items():
            record_property(name, fact)
        upstream.heal()
        with place("undisturbed") as there:
            undisturbed = await in_peace(there, sweep.jobs)
        for one, same in zip(found, undisturbed, strict=True):
            whole_jobs.assert_same(one, same)
        assert max(sweep.pauses) < 5.0  # [P9]
        assert max(sweep.starts) < 5.0

    return run


@pytest.mark.parametrize("stores", ["embedded", "shared"])
async def test_fifty_kills_of_a_server(stores, survive, request):
    await survive(request.getfixturevalue(stores), ["serve"], kills=50)


async def test_kills_of_a_server_and_a_worker(shared, survive):
    """Neither has room for all jobs, so both have some in hand."""
    await survive(shared, ["serve", "worker"], kills=20, JOB_WORKERS=str(OPEN_AT_ONCE // 2))


async def disturbed(place, cast, kills):
    """Kill so often; return the sweep and what came of the jobs."""
    async with AsyncExitStack() as stack:
        for mortal in cast:
            await stack.enter_async_context(mortal)
        witness = await stack.enter_async_context(open_witness(place.url))
        await witness.note_ends()
        sweep = Sweep(cast, witness)
        await sweep.kill_often(kills)
        heard = await sweep.heard()
        assert [frames[-1].data for frames in heard if frames[-1].name != "completed"] == []
        found = await found_of(witness, cast[0], sweep.jobs)
        ends = await witness.ends()
    assert [line for mortal in cast for line in mortal.complaints()] == []
    for number, (one, frames) in enumerate(zip(found, heard, strict=True)):
        whole_jobs.assert_whole(number, one)
        assert [frame.raw for frame in frames] == whole_jobs.frames_of(number, one.events)
        assert ends[one.job.id] == list(range(whole_jobs.BOOKS))
    return sweep, found


async def in_peace(place, jobs):
    """Return what comes of the jobs where nobody kills anything."""
    async with place.process("serve") as server, open_witness(place.url) as witness:
        for number in jobs:
            await whole_jobs.post(server.url, number)
        for number in jobs:
            await listen_to_the_end(server, whole_jobs.stream_of(number))
        return await found_of(witness, server, jobs)


async def found_of(witness, server, jobs):
    return [await whole_jobs.find(witness.store, server.url, number) for number in jobs]


class Sweep:
    """Keeps jobs under way while one process after the other is killed and started again."""

    def __init__(self, cast, witness):
        self._cast, self._server, self._witness = cast, cast[0], witness
        self._rng = Random(SEED)
        self._listeners = []
        self._kills = self._hits = self._starts_cut_off = self._unanswered = 0
        self.pauses, self.starts, self.starts_as_seen = [], [], []

    @property
    def jobs(self):
        return range(len(self._listeners))

    async def kill_often(self, times):
        """Kill until so many kills have hit a process in the middle of a job."""
        while self._hits < times:
            await self._top_up()
            await asyncio.sleep(self._rng.uniform(0.0, LIVES_S))
            await self._until(lambda one: one.ended or one.vain < VAIN_LIVES)
            await self._kill(self._rng.choice(self._cast))

    async def heard(self):
        """Wait for the end of all jobs; return what a listener has heard of each."""
        async with asyncio.timeout(300):
            return await asyncio.gather(*self._listeners)

    def facts(self):
        return {
            "jobs": len(self._listeners),
            "kills": f"{self._kills}, {self._hits} of them in the middle of a job",
            "starts_cut_off": self._starts_cut_off,
            "posts_cut_off": self._unanswered,
            "slowest_resumption_s": round(max(self.pauses), 2),
            "slowest_with_start_s": round(max(self.starts_as_seen), 2),
            "median_with_start_s": round(median(self.starts_as_seen), 2),
            "slowest_with_start_had_the_machine_been_free_s": round(max(self.starts), 2),
        }

    async def _top_up(self):
        standing = await self._witness.standing()
        for _ in range(OPEN_AT_ONCE - sum(not one.ended for one in standing.values())):
            await whole_jobs.post(self._server.url, len(self._listeners))
            self._listen()

    def _listen(self):
        stream = listen_to_the_end(self._server, whole_jobs.stream_of(len(self._listeners)))
        self._listeners.append(asyncio.create_task(stream))

    async def _post_at_the_last_moment(self):
        """Start a job while the server dies; who gets no answer asks again."""
        posting = asyncio.create_task(whole_jobs.post(self._server.url, len(self._listeners)))
        await asyncio.sleep(self._rng.uniform(0.0, 0.03))
        return posting

    async def _ask_again(self, posting):
        try:
            await posting
        except aiohttp.ClientError:
            self._unanswered += 1
            await whole_jobs.post(self._server.url, len(self._listeners))
        self._listen()

    async def _kill(self, victim):
        late = self._rng.random() < POSTS_AT_THE_LAST_MOMENT
        posting = await self._post_at_the_last_moment() if late else None
        await self._kill_and_start(victim)
        if posting is not None:
            await self._ask_again(posting)

    async def _kill_and_start(self, victim):
        left = await self._held_when_killed(victim)
        self._kills += 1
        self._hits += any(one.in_the_middle for one in left)
        await self._check_news()
        if self._rng.random() < STARTS_CUT_OFF:
            self._starts_cut_off += 1
            victim.launch()
            await asyncio.sleep(self._rng.uniform(0.2, 1.5))
            left += await self._held_when_killed(victim)
        launched, watch = time(), Stopwatch()
        victim.launch()
        await victim.ready()
        await self._run_again(left)
        if left:
            self.starts_as_seen.append(time() - launched)
            self.starts.append(watch.elapsed)
            self.pauses.append(time() - victim.ready_at)

    async def _held_when_killed(self, victim):
        pid = victim.process.process.pid
        await victim.kill()
        return [one for one in (await self._witness.standing()).values() if one.pid == pid]

    async def _check_news(self):
        """No event tells of more than is stored."""
        told = await self._witness.told()
        standing = await self._witness.standing()
        assert all(count <= standing[job_id].items_ended for job_id, count in told.items())

    async def _run_again(self, left):
        """Wait until somebody runs these jobs again, or has brought them to their end."""
        before = {one.job_id: one for one in left}
        await self._until(lambda one: one.job_id not in before or one.is_beyond(before[one.job_id]))

    async def _until(self, holds):
        async with asyncio.timeout(60):
            while not all(map(holds, (await self._witness.standing()).values())):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
