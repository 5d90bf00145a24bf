from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.address import driver_url
from bookstrack.storage.database.engine import Database, open_database

CELL = {"cache_key": "k", "day": "2026-01-01"}


async def insert_cell(database: Database) -> None:
    async with database.begin("tidy") as connection:
        await connection.execute(t.cache_access_daily.insert().values(CELL))


async def test_what_a_block_wrote_is_there_afterwards(database: Database):
    async with database.begin() as connection:
        await connection.execute(t.cache_access_daily.insert().values(CELL))
    async with database.connect() as connection:
        rows = (await connection.execute(select(t.cache_access_daily))).all()
    assert rows == [("k", "2026-01-01", 0, 0)]


async def test_a_block_that_fails_writes_nothing(database: Database):
    async def half_done() -> None:
        async with database.begin() as connection:
            await connection.execute(t.cache_access_daily.insert().values(CELL))
            raise KeyError

    with pytest.raises(KeyError):
        await half_done()
    async with database.connect() as connection:
        assert (await connection.execute(select(t.cache_access_daily))).all() == []


async def test_what_was_to_be_written_is_not_in_the_problem(database: Database):
    await insert_cell(database)
    with pytest.raises(IntegrityError) as problem:
        await insert_cell(database)
    statement = str(problem.value).partition("[SQL")[2]
    assert statement
    assert CELL["day"] not in statement


async def test_mistakes_of_ours_are_not_called_outages(database: Database):
    await insert_cell(database)
    with pytest.raises(IntegrityError):
        await insert_cell(database)
    async with database.connect() as connection:
        with pytest.raises((OperationalError, ProgrammingError)):
            await connection.execute(text("SELECT * FROM nowhere"))


async def test_operations_are_timed_and_failures_counted(database: Database, metrics):
    await insert_cell(database)
    with pytest.raises(IntegrityError):
        await insert_cell(database)
    sample = metrics.registry.get_sample_value
    assert sample("db_query_duration_seconds_count", {"operation": "tidy"}) == 2
    assert sample("db_query_errors_total", {"operation": "tidy"}) == 1


async def test_sqlite_writers_wait_for_each_other(sqlite_url, metrics):
    async def add_one(database: Database) -> None:
        async with database.begin() as connection:
            now = (await connection.execute(select(t.rate_windows.c.count))).scalar_one()
            await connection.execute(t.rate_windows.update().values(count=now + 1))

    window = {"key": "w", "count": 0, "started_at": 0.5, "expires_at": 1.5}
    async with (
        open_database(sqlite_url, metrics=metrics) as one,
        open_database(sqlite_url, metrics=metrics) as another,  # as a second process would
    ):
        async with one.begin() as connection:
            await connection.execute(t.rate_windows.insert().values(window))
        await asyncio.gather(*(add_one(database) for _ in range(15) for database in (one, another)))
        async with one.connect() as connection:
            assert (await connection.execute(select(t.rate_windows))).all() == [("w", 30, 0.5, 1.5)]


async def test_sqlite_is_prepared_for_several_processes(sqlite_url, metrics):
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    async with (
        open_database(sqlite_url, metrics=metrics) as database,
        database.connect() as connection,
    ):
        found = [(await connection.exec_driver_sql(f"PRAGMA {one}")).scalar() for one in names]
    assert found == ["wal", 1, 1, 5000]


async def test_the_fast_read_sees_what_was_committed(database: Database):
    statement = "SELECT hits, misses FROM cache_access_daily WHERE cache_key = ?"
    assert await database.first("probe", statement, "k") is None
    async with database.begin() as connection:
        await connection.execute(t.cache_access_daily.insert().values(CELL))
    assert await database.first("probe", statement, "k") == (0, 0)


async def test_a_folder_is_made_for_the_file(tmp_path: Path, metrics):
    async with open_database(f"sqlite:///{tmp_path}/a/b/books.db", metrics=metrics) as database:
        await database.ping()
    assert (tmp_path / "a" / "b" / "books.db").is_file()


async def test_nobody_listening_is_an_outage(metrics):
    async with open_database("postgresql://u:p@127.0.0.1:1/x", metrics=metrics) as database:
        with pytest.raises(StorageUnavailable):
            await database.ping()
        with pytest.raises(StorageUnavailable):
            await database.first("probe", "SELECT 1 WHERE 'a' = ?", "a")
    sample = metrics.registry.get_sample_value
    assert sample("db_query_errors_total", {"operation": "ping"}) == 1


async def test_a_database_that_does_not_exist_is_an_outage(postgres_url, metrics):
    async with open_database(f"{postgres_url}_not", metrics=metrics) as database:
        with pytest.raises(StorageUnavailable):
            await database.ping()


@pytest.mark.parametrize("fast", [True, False])
async def test_a_connection_cut_while_reading_is_an_outage(postgres_url, metrics, fast: bool):
    slow = "SELECT pg_sleep(20) WHERE 'a' = "

    async def read(database: Database) -> None:
        if fast:
            await database.first("slow", f"{slow}?", "a")
        async with database.connect() as connection:
            await connection.execute(text(f"{slow}'a'"))

    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    )
    async with open_database(postgres_url, metrics=metrics) as database:
        reading = asyncio.create_task(read(database))
        found = None
        while found is None and not reading.done():
            await asyncio.wait([reading], timeout=0.01)
            async with database.connect() as connection:  # each sees its own moment of the list
                found = (await connection.execute(text(cut))).first()
        with pytest.raises(StorageUnavailable):
            await reading
        await database.ping()
        assert await database.first("probe", "SELECT 42 WHERE 'a' = ?", "a") == (42,)


async def test_a_wrong_fast_read_is_a_mistake(database: Database):
    with pytest.raises(Exception, match="nowhere") as raised:
        await database.first("probe", "SELECT 1 FROM nowhere WHERE 'a' = ?", "a")
    assert not isinstance(raised.value, StorageUnavailable)


async def test_postgresql_comes_back_after_a_crash(postgres_server, metrics):
    async with open_database(postgres_server.url, metrics=metrics) as database:
        await database.ping()
        await asyncio.to_thread(postgres_server.kill)
        with pytest.raises(StorageUnavailable):
            await database.ping()
        await asyncio.to_thread(postgres_server.start)
        for _ in range(200):
            try:
                await database.ping()
                break
            except StorageUnavailable:  # "the database system is starting up"
                await asyncio.sleep(0.05)
        async with database.connect() as connection:
            assert (await connection.execute(text("SELECT 41 + 1"))).scalar() == 42


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://localhost/x", "'mysql' is not supported"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("books.db", "not a database URL"),
    ],
)
def test_addresses_that_cannot_be_used_are_explained(url: str, told: str):
    with pytest.raises(ConfigurationProblem, match=told) as raised:
        driver_url(url)
    assert raised.value.variable == "BOOKSTRACK_DATABASE_URL"


def test_postgresql_addresses_get_our_driver():
    for name in ("postgres", "postgresql", "postgresql+asyncpg"):
        url = driver_url(f"{name}://u:p@host:5433/books?sslmode=require")
        assert url.render_as_string(hide_password=False) == (
            "postgresql+asyncpg://u:p@host:5433/books?ssl=require"
        )


def test_relative_files_lie_in_the_working_folder():
    assert driver_url("sqlite:///data/x.db").database == str(Path.cwd() / "data" / "x.db")
    assert driver_url("sqlite:////tmp/x.db").database == "/tmp/x.db"  # noqa: S108 not opened


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationProblem, match=r"bookstrack\[postgres\]"):
        driver_url("postgresql://localhost/books")
