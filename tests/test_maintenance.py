"""Sweeps and snapshots by the clock, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from bookstrack.errors import StorageUnavailable
from bookstrack.maintenance import Maintenance
from bookstrack.settings import StorageSettings
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.idempotency import Idempotency
from bookstrack.storage.database.tables import idempotency, kv_entries, rate_windows
from bookstrack.storage.urls import open_storage
from bookstrack.telemetry.history import History


@pytest.fixture
async def storage(database_url, tmp_path, clock, metrics):
    settings = StorageSettings(data_dir=str(tmp_path), database_url=database_url)
    async with open_storage(settings, clock=clock, metrics=metrics, workers=2) as storage:
        yield storage


@pytest.fixture
def history(metrics, clock):
    return History(metrics, clock)


@pytest.fixture
async def maintenance(storage, clock, metrics, history):
    maintenance = Maintenance(storage, clock, metrics=metrics, history=history)
    yield maintenance
    await maintenance.close()


async def left(storage, table):
    async with storage.database.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def fill(storage, clock, *, number, seconds):
    """Leave so many rows of every kind that end after so many seconds."""
    counters, claims = DatabaseCounters(storage.database), Idempotency(storage.database, clock)
    for row in range(number):
        key = f"{seconds}:{row}"
        await storage.kv.set(key, b"{}", ttl_s=seconds)
        await counters.hit(key, limit=5, window_s=seconds, now=clock.time())
        await claims.claim("me", key, request_hash="", ttl_s=seconds)


async def test_a_sweep_deletes_what_has_expired_and_nothing_else(storage, maintenance, clock):
    await fill(storage, clock, number=3, seconds=60)
    await fill(storage, clock, number=2, seconds=600)
    await clock.advance(60)
    assert await maintenance.sweep() == 9
    found = [await left(storage, table) for table in (kv_entries, rate_windows, idempotency)]
    assert found == [2, 2, 2]
    assert await maintenance.sweep() == 0


async def test_a_sweep_goes_on_until_everything_is_gone(storage, maintenance, clock, monkeypatch):
    monkeypatch.setattr("bookstrack.maintenance._AT_ONCE", 2)
    await fill(storage, clock, number=5, seconds=60)
    await clock.advance(60)
    assert await maintenance.sweep() == 15


async def test_an_end_of_a_sweep_is_seen_in_the_metrics(maintenance, metrics, clock):
    await maintenance.sweep()
    name = "scheduled_job_last_success_timestamp_seconds"
    assert metrics.registry.get_sample_value(name, {"job": "sweep"}) == clock.time()


class Counted:
    """A storage that has nothing to delete and counts how often it was asked."""

    def __init__(self, storage):
        self.database = storage.database
        self.sweeps = 0
        self.problem = None

    async def sweep(self, limit, *, now):
        self.sweeps += 1
        if self.problem is not None:
            raise self.problem
        return 0


@pytest.fixture
async def loop(storage, clock, metrics, history, monkeypatch):
    async def nothing(self, limit):
        return 0

    monkeypatch.setattr(Idempotency, "sweep", nothing)  # keeps threads out of the frozen time
    counted = Counted(storage)
    maintenance = Maintenance(counted, clock, metrics=metrics, history=history)
    maintenance.start()
    yield counted
    await maintenance.close()


async def test_the_loop_sweeps_every_ten_minutes(loop, clock):
    await clock.advance(599)
    assert loop.sweeps == 0
    await clock.advance(1)
    assert loop.sweeps == 1
    await clock.advance(1200)
    assert loop.sweeps == 3


async def test_the_loop_takes_a_snapshot_every_minute(loop, clock, metrics, history):
    await clock.advance(300)
    metrics.cache_requests.labels("edge").inc()
    await clock.advance(90)
    assert history.window(60).seconds == 90
    assert history.window(60).by("lookups") == {"edge": 1}
    await clock.advance(30)
    assert history.window(60).by("lookups") == {}


async def test_a_sweep_that_fails_is_logged_and_tried_again(loop, clock):
    loop.problem = StorageUnavailable("away")
    with capture_logs() as logs:
        await clock.advance(1200)
    assert [(log["event"], log["problem"]) for log in logs] == [("sweep_failed", "away")] * 2
    loop.problem = None
    await clock.advance(600)
    assert loop.sweeps == 3


async def test_a_bug_ends_the_loop_with_noise(loop, clock):
    loop.problem = KeyError("x")
    with capture_logs() as logs:
        await clock.advance(600)
    assert [(log["event"], log["task"], log["log_level"]) for log in logs] == [
        ("background_failed", "maintenance", "error")
    ]


async def test_closing_ends_the_loop(maintenance, clock):
    maintenance.start()
    await clock.advance(0)
    assert clock.sleepers == 1
    await maintenance.close()
    assert clock.sleepers == 0
