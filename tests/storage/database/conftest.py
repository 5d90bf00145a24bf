"""A catalogue on each engine, and the check that Books and layer B say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection

from bookstrack.storage.database import tables as t
from bookstrack.storage.database.books_row import row_of
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.engine import Database, open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.storage.database.refresh import edition_record, read_texts
from bookstrack.storage.database.shelf import read_shelf
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.clock import FrozenClock

TIMES = {"created_at", "updated_at"}


@pytest.fixture
async def database(database_url: str, metrics: Metrics) -> AsyncIterator[Database]:
    async with open_database(database_url, metrics=metrics) as opened:
        yield opened


@pytest.fixture
def store(database: Database, clock: FrozenClock) -> CatalogueStore:
    return CatalogueStore(database, clock)


@pytest.fixture
def agreed(database: Database) -> Callable[[], Awaitable[None]]:
    """Assert that every Books row says exactly what layer B says, and none is missing."""

    def check(connection: Connection) -> None:
        owners = dict(connection.execute(select(t.editions.c.id, t.editions.c.work_id)).all())
        shelf = read_shelf(connection, set(owners.values()))
        texts = read_texts(connection, shelf.works)
        expected = {
            isbn["isbn13"]: row_of(
                edition_record(shelf, work, edition, texts), isbn13=isbn["isbn13"], now=0
            )
            for work, editions in shelf.editions.items()
            for edition in editions
            for isbn in shelf.isbns[edition["id"]]
        }
        rows = {row["isbn"]: dict(row) for row in connection.execute(select(t.books)).mappings()}
        assert rows.keys() == expected.keys()
        for isbn, row in rows.items():
            left, right = (
                {k: v for k, v in one.items() if k not in TIMES} for one in (row, expected[isbn])
            )
            assert left == right

    async def run() -> None:
        async with database.connect() as connection:
            await connection.run_sync(check)

    return run


@pytest.fixture
def jobs(database: Database) -> JobStore:
    """A store of jobs that takes every process for alive, as far as processes go."""
    return JobStore(database, is_gone=lambda _: False)
