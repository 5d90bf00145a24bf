"""The shared tier and the rate limit counters in Redis or Valkey (optional extra ``redis``).

Connections are made when first needed and again after the server has been away.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.kv.base import Count

_PREFIX = "bookstrack:"
_CONNECTIONS = 50  # redis-py's own pool has no bound and fails at 1000 commands at once
_TIMEOUT_S = 1.0
_EXPIRY = struct.Struct(">d")

# KEYS: the window; ARGV: limit, now, end of a window that begins now, its length in ms.
# Returns allowed, used, end. The end travels as text: a Lua number would lose digits.
_HIT = """
local count, ends = unpack(redis.call('HMGET', KEYS[1], 'count', 'ends'))
if not ends or tonumber(ends) <= tonumber(ARGV[2]) then count, ends = 0, ARGV[3] end
count = tonumber(count)
if count >= tonumber(ARGV[1]) then return {0, count, ends} end
redis.call('HSET', KEYS[1], 'count', count + 1, 'ends', ends)
if count == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return {1, count + 1, ends}
"""


@asynccontextmanager
async def open_redis(url: str) -> AsyncGenerator[Redis]:
    """Give a client for ``redis://`` or ``rediss://`` with a bounded pool; nothing connects yet.

    Raises:
        ValueError: the address cannot be read.
    """
    pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] **kwargs
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_S,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),  # cures connections that died with a restarted server
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()


class RedisKeyValue:
    """KeyValue in Redis. Each value begins with its end of life, so that our clock decides."""

    reads_inline = False

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or its time is over."""
        with _reachable():
            stored = await self._client.get(_PREFIX + key)
        if not isinstance(stored, bytes) or _EXPIRY.unpack_from(stored)[0] <= self._clock.time():
            return None
        return stored[_EXPIRY.size :]

    def get_now(self, key: str) -> bytes | None:
        """Refuse: a server cannot answer without waiting."""
        raise RuntimeError(f"{key}: Redis cannot be read inline, see reads_inline")

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Store a value for so many seconds, replacing what was there."""
        stored = _EXPIRY.pack(self._clock.time() + ttl_s) + value
        with _reachable():
            await self._client.set(_PREFIX + key, stored, ex=ttl_s)

    async def delete(self, *keys: str) -> None:
        """Remove entries; unknown keys are no mistake."""
        if keys:
            with _reachable():
                await self._client.delete(*(_PREFIX + key for key in keys))

    async def ping(self) -> None:
        """Ask for a sign of life."""
        with _reachable():
            await self._client.ping()  # pyright: ignore[reportUnknownMemberType] **kwargs

    async def close(self) -> None:
        """Leave the connections to ``open_redis``."""


class RedisCounters:
    """Fixed windows, each begun by its first hit; one script per hit."""

    def __init__(self, client: Redis) -> None:
        self._script = client.register_script(_HIT)

    async def hit(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full; atomic.

        Raises:
            StorageUnavailable: Redis cannot be reached.
        """
        arguments = [limit, repr(now), repr(now + window_s), window_s * 1000]
        with _reachable():
            allowed, used, ends = await self._script(keys=[_PREFIX + key], args=arguments)
        return Count(allowed=bool(allowed), used=used, resets_at=float(ends))


@contextmanager
def _reachable() -> Generator[None]:
    """Turn every failure of the server or the way to it into ``StorageUnavailable``."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StorageUnavailable("Redis cannot be reached") from error
