"""Counting in a database from several processes, and forgetting windows that are over."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import select

from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.tables import rate_windows

NOW = 1_760_000_000.0

HITS = """
import asyncio, sys
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.engine import open_database
from bookstrack.telemetry.metrics import Metrics

async def main():
    async with open_database(sys.argv[1], metrics=Metrics()) as database:
        counters = DatabaseCounters(database)
        await database.ping()
        print("ready", flush=True)
        sys.stdin.readline()
        hits = (counters.hit("a", limit=10, window_s=60, now=1.76e9) for _ in range(50))
        print(sum(count.allowed for count in await asyncio.gather(*hits)))

asyncio.run(main())
"""


def test_exactly_the_limit_from_four_processes(database_url):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HITS, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # the gate: all begin together
        process.stdin.write("go\n")
        process.stdin.flush()
    allowed = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(allowed) == 10


async def test_sweep_deletes_what_is_over_and_no_more_than_asked(database_url, metrics):
    async with open_database(database_url, metrics=metrics) as database:
        counters = DatabaseCounters(database)
        for number in range(5):
            await counters.hit(f"old{number}", limit=1, window_s=60, now=NOW)
        await counters.hit("new", limit=1, window_s=60, now=NOW + 1)
        swept = [await counters.sweep(3, now=NOW + 60) for _ in range(3)]
        async with database.connect() as connection:
            left = (await connection.execute(select(rate_windows.c.key))).scalars().all()
    assert swept == [3, 2, 0]
    assert left == ["new"]
