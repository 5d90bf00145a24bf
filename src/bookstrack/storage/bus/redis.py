"""The bus over publish and subscribe of Redis or Valkey (optional extra ``redis``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.bus.remote import RemoteBus

_TIMEOUT_S = 5.0


def redis_bus(url: str, clock: Clock) -> RemoteBus:
    """Return a bus on a ``redis://`` or ``rediss://`` address; not yet started.

    Raises:
        ValueError: the address cannot be read.
    """
    _client(url)  # connects to nothing

    @asynccontextmanager
    async def dial(received: Callable[[str], None]) -> AsyncGenerator[_Link]:
        client = _client(url)
        subscription = client.pubsub()
        try:
            yield await _Link.listening(client, subscription, received)
        finally:
            with suppress(RedisError, OSError):  # it may be gone already
                await subscription.aclose()
                await client.aclose()

    return RemoteBus(dial, clock)


def _client(url: str) -> Any:
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] **kwargs
        url,
        socket_connect_timeout=_TIMEOUT_S,
        max_connections=4,
        retry=Retry(NoBackoff(), 0),  # the bus itself connects again
    )


class _Link:
    def __init__(self, client: Any, subscription: Any, received: Callable[[str], None]) -> None:
        self._client = client
        self._subscription = subscription
        self._received = received
        # Channels know no databases: the number keeps installations on one server apart.
        number = client.connection_pool.connection_kwargs.get("db") or 0
        self._channel = f"bookstrack:{number}:bus"

    @classmethod
    async def listening(
        cls, client: Any, subscription: Any, received: Callable[[str], None]
    ) -> _Link:
        link = cls(client, subscription, received)
        with _reachable():
            async with asyncio.timeout(_TIMEOUT_S):
                await subscription.subscribe(link._channel)
                while await subscription.get_message(timeout=None) is None:
                    pass  # until it is confirmed
        return link

    async def send(self, message: str) -> None:
        with _reachable():
            async with asyncio.timeout(_TIMEOUT_S):
                await self._client.publish(self._channel, message)

    async def check(self) -> None:
        with _reachable():
            async with asyncio.timeout(_TIMEOUT_S):
                await self._client.ping()
                await self._subscription.ping()

    async def broken(self) -> None:
        with _reachable():
            while True:
                message = await self._subscription.get_message(timeout=None)
                if message is not None and message["type"] == "message":
                    self._received(message["data"].decode())


@contextmanager
def _reachable() -> Generator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StorageUnavailable("Redis cannot be reached") from error
