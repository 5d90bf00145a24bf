"""Fifty times ``kill -9`` in the middle of jobs: nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
from datetime import datetime
from random import Random

import pytest

from bookstrack.model.job import JobStatus
from bookstrack.testing.processes import server_process
from job_processes import BOOKS, open_look, post

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 50
AT_ONCE = 3
SEED = 20_261_125
RESUMED = "Resumed after a server restart"


class Server:
    """``bookstrack serve`` on one port, started and killed again and again."""

    def __init__(self, settings, folder):
        self._settings, self._folder = settings, folder
        self._port = 0
        self._number = 0

    async def __aenter__(self):
        self._number += 1
        log = self._folder / f"log{self._number}"
        self._process = server_process(self._settings, log=log, port=self._port)
        server = await asyncio.to_thread(self._process.__enter__)
        self._port = server.port
        return server

    async def __aexit__(self, *_problem):
        await asyncio.to_thread(self._process.__exit__, None, None, None)  # this is kill -9


async def test_fifty_kills(upstream, tmp_path, record_property):
    upstream.delay("all", 0.1)
    settings = {
        **upstream.environment(),
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
    }
    rng = Random(SEED)
    serving = Server(settings, tmp_path)
    jobs, pauses, in_the_middle = [], [], 0
    left, open_now = [], 0
    async with serving:
        pass  # makes the database
    async with open_look(f"sqlite:///{tmp_path}/data/bookstrack.db") as look:
        for _ in range(KILLS):
            async with serving as server:
                pauses += await resumption(server, left)
                for _ in range(AT_ONCE - open_now):
                    job_id = f"Job_{len(jobs)}-{rng.getrandbits(64):016x}"
                    await post(server, job_id, len(jobs))
                    jobs.append(job_id)
                await asyncio.sleep(rng.uniform(0.0, 1.3))
            left, open_now, middle = await unfinished(look, jobs)
            in_the_middle += middle
        async with serving as server:
            pauses += await resumption(server, left)
            await look.ended(jobs, 120)
            for number, job_id in enumerate(jobs):
                events = await look.assert_whole(job_id, number)
                again = (await look.job(job_id)).attempts > 0
                assert (RESUMED in {event.message for event in events}) is again
    record_property("slowest_resumption_s", round(max(pauses), 2))
    record_property("jobs_found_in_the_middle", in_the_middle)
    assert max(pauses) < 5.0
    assert in_the_middle >= KILLS // 2


async def unfinished(look, jobs):
    """Return the jobs a worker had in hand, how many are open, and how many partly done."""
    left, open_now, middle = [], 0, 0
    for job_id in jobs:
        job = await look.job(job_id)
        open_now += not job.status.terminal
        if job.status is JobStatus.PROCESSING:
            left.append(job_id)
            middle += 0 < await look.done(job_id) < BOOKS
    return left, open_now, middle


async def resumption(server, jobs):
    """Wait until these jobs run again; return how long after the start of service each did."""
    begun = {}
    async with asyncio.timeout(20):
        while not begun.keys() >= set(jobs):
            await asyncio.sleep(0.02)
            begun = {str(event["job_id"]): event for event in server.events("job_begins")}
    since = moment(server.events("serving")[0])
    return [(moment(begun[job_id]) - since).total_seconds() for job_id in jobs]


def moment(event):
    return datetime.fromisoformat(event["ts"])
