"""The bus over LISTEN and NOTIFY of PostgreSQL; reaches everybody on the same database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.bus.remote import RemoteBus
from bookstrack.storage.libpq import libpq_url

_CHANNEL = "bookstrack_bus"
_TIMEOUT_S = 5.0


def postgres_bus(url: str, clock: Clock) -> RemoteBus:
    """Return a bus on the database that a ``postgresql://`` address names; not yet started."""
    address = libpq_url(url)

    @asynccontextmanager
    async def dial(received: Callable[[str], None]) -> AsyncGenerator[_Link]:
        connection = await _connect(address)
        try:
            yield await _Link.listening(connection, received)
        finally:
            connection.terminate()

    return RemoteBus(dial, clock)


async def _connect(address: str) -> Any:
    driver: Any = asyncpg  # its annotations are incomplete
    with _reachable():
        return await driver.connect(address, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)


class _Link:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._gone = asyncio.Event()

    @classmethod
    async def listening(cls, connection: Any, received: Callable[[str], None]) -> _Link:
        link = cls(connection)

        def ended(_connection: Any) -> None:
            link._gone.set()

        def notified(_connection: Any, _process: int, _channel: str, payload: object) -> None:
            received(str(payload))

        connection.add_termination_listener(ended)
        with _reachable():
            await connection.add_listener(_CHANNEL, notified)
        return link

    async def send(self, message: str) -> None:
        with _reachable():
            await self._connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, message)

    async def check(self) -> None:
        with _reachable():
            await self._connection.execute("SELECT 1")

    async def broken(self) -> None:
        await self._gone.wait()
        raise StorageUnavailable("PostgreSQL has closed the connection of the bus")


@contextmanager
def _reachable() -> Generator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise StorageUnavailable("PostgreSQL cannot be reached") from error
