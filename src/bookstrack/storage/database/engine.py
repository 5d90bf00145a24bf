"""The connection to the relational store, SQLite or PostgreSQL, and its transactions.

Everything that writes SQL goes through ``Database``; driver failures leave it as
``StorageUnavailable``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.address import driver_url, ensure_folder, sqlite_file
from bookstrack.storage.database.failures import is_outage_state, reachable
from bookstrack.telemetry.metrics import Metrics

Dialect = Literal["sqlite", "postgresql"]
_T = TypeVar("_T")
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)
_CONNECT_S = 3
_COMMAND_S = 10
_DISCREET: Any = {"hide_parameters": True}  # what readers wrote stays out of logs
# Without an isolation level the driver leaves BEGIN to us.
_SQLITE_ARGUMENTS: dict[str, Any] = {"isolation_level": None, "timeout": 5}
_WRITE = "BEGIN IMMEDIATE"
_INLINE_BUSY_S = 0.25  # the event loop stands still meanwhile


class Database:
    """One database with its pool of connections; made by ``open_database``."""

    def __init__(self, url: str, *, metrics: Metrics) -> None:
        self.url = url
        self._address = driver_url(url)
        self._metrics = metrics
        self._engine = make_engine(self._address)
        self._reader: sqlite3.Connection | None = None
        self._writes = self._engine.execution_options(begin=_WRITE)
        self._direct = _direct_engine(self._address) if self.dialect == "sqlite" else None
        self._direct_writes = self._direct and self._direct.execution_options(begin=_WRITE)
        # SQLite knows one writer at a time: waiting here costs nothing, busy retries do.
        self._one_writer: AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if self.dialect == "sqlite" else nullcontext()
        )

    @property
    def dialect(self) -> Dialect:
        """Return which SQL is spoken."""
        return "sqlite" if self._address.drivername.startswith("sqlite") else "postgresql"

    @property
    def file(self) -> str:
        """Return the absolute path of the SQLite file."""
        return str(sqlite_file(self._address))

    @asynccontextmanager
    async def begin(self, operation: str = "write") -> AsyncGenerator[AsyncConnection]:
        """Open one write transaction; it commits when the block ends well.

        Blocks hold nothing but database work and do not nest. ``operation`` labels the metrics.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        with self.observed(operation):
            async with self._one_writer, self._writes.begin() as connection:
                yield connection

    @asynccontextmanager
    async def connect(self, operation: str = "read") -> AsyncGenerator[AsyncConnection]:
        """Open one read transaction; nothing written in it is kept.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        with self.observed(operation):
            async with self._engine.connect() as connection:
                yield connection

    async def run(self, operation: str, work: Callable[[Connection], _T], *, writes: bool) -> _T:
        """Run a function in one transaction, which is kept if it ``writes`` and ends well.

        On SQLite it runs in a thread as a whole: the asyncio driver goes to a thread and back for
        every statement, which costs more than the statement.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        if self._direct is None or self._direct_writes is None:
            async with (self.begin if writes else self.connect)(operation) as connection:
                return await connection.run_sync(work)
        with self.observed(operation):
            if not writes:
                return await asyncio.to_thread(_within, self._direct.connect, work)
            async with self._one_writer:
                return await asyncio.to_thread(_within, self._direct_writes.begin, work)

    @contextmanager
    def observed(self, operation: str) -> Generator[None]:
        """Time a block of nothing but database work; count and classify its failures."""
        started = time.perf_counter()
        try:
            with reachable():
                yield
        except (SQLAlchemyError, sqlite3.Error, StorageUnavailable):
            self._metrics.db_query_errors.labels(operation).inc()
            raise
        finally:
            seconds = time.perf_counter() - started
            self._metrics.db_query_duration.labels(operation).observe(seconds)

    async def ping(self) -> None:
        """Read something trivial.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        async with self.connect("ping") as connection:
            await connection.execute(text("SELECT 1"))

    async def first(self, operation: str, statement: str, key: str) -> tuple[Any, ...] | None:
        """Read the first row of a statement with one ``?``: the fast way, outside transactions.

        SQLite is read right here in the event loop (8 µs; a hop to a thread costs ten times
        that), PostgreSQL through the driver itself (no BEGIN, no ROLLBACK).

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        found = await self.rows(operation, statement, key, most=1)
        return found[0] if found else None

    async def rows(
        self, operation: str, statement: str, key: str, *, most: int
    ) -> list[tuple[Any, ...]]:
        """Read the first rows of a statement with one ``?`` in the same way; few, please.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        with self.observed(operation):
            if self.dialect == "sqlite":
                return self._reading().execute(statement, (key,)).fetchmany(most)
            async with self._engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                return (await _rows(driver, statement.replace("?", "$1"), key))[:most]

    def _reading(self) -> sqlite3.Connection:
        if self._reader is None:
            address = f"{Path(self.file).as_uri()}?mode=ro"
            self._reader = sqlite3.connect(address, uri=True, timeout=_INLINE_BUSY_S)
        return self._reader

    async def close(self) -> None:
        """Close every connection."""
        if self._reader is not None:
            self._reader.close()
        if self._direct is not None:
            self._direct.dispose()
        await self._engine.dispose()


def _within(
    opened: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], _T]
) -> _T:
    with opened() as connection:
        return work(connection)


async def _rows(driver: Any, statement: str, key: str) -> list[tuple[Any, ...]]:
    import asyncpg  # an extra, which is there once a connection of it is

    try:
        found = await driver.fetch(statement, key)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if driver.is_closed() or is_outage_state(getattr(error, "sqlstate", None)):
            raise StorageUnavailable("The database cannot be reached") from error
        raise
    return list(map(tuple, found))


@asynccontextmanager
async def open_database(url: str, *, metrics: Metrics) -> AsyncGenerator[Database]:
    """Open a migrated database and close it at the end; connecting waits for the first use.

    Raises:
        ConfigurationProblem: the address cannot be used.
    """
    database = Database(url, metrics=metrics)
    try:
        yield database
    finally:
        await database.close()


def make_engine(address: URL, *, command_s: float | None = _COMMAND_S) -> AsyncEngine:
    """Return a pool of prepared connections; ``command_s`` bounds one PostgreSQL statement."""
    if address.drivername.startswith("sqlite"):
        return _sqlite_engine(address)
    return _postgresql_engine(address, command_s)


def _sqlite_engine(address: URL) -> AsyncEngine:
    ensure_folder(address)
    engine = create_async_engine(address, connect_args=_SQLITE_ARGUMENTS, **_DISCREET)
    _prepare(engine.sync_engine)
    return engine


def _direct_engine(address: URL) -> Engine:
    """Return a pool of the standard library's driver, for use in threads."""
    engine = create_engine(
        address.set(drivername="sqlite"), connect_args=_SQLITE_ARGUMENTS, **_DISCREET
    )
    _prepare(engine)
    return engine


def _prepare(engine: Engine) -> None:
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(str(options.get("begin", "BEGIN")))

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)


def _postgresql_engine(address: URL, command_s: float | None) -> AsyncEngine:
    engine = create_async_engine(
        address,
        pool_size=10,
        max_overflow=10,
        pool_timeout=_COMMAND_S,
        **_DISCREET,
        connect_args={
            "timeout": _CONNECT_S,
            "command_timeout": command_s,
            "server_settings": {"application_name": "bookstrack"},
        },
    )

    def still_open(connection: Any, _record: Any, _proxy: Any) -> None:
        # asyncpg learns of a dead server from the socket, so this replaces a ping per checkout.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    event.listen(engine.sync_engine, "checkout", still_open)
    return engine
