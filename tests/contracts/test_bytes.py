"""Random bytes as query values, sent as they are over a socket: no 5xx, no broken connection."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

ROUTES = (
    b"/v1/search/isbn?isbn=",
    b"/v1/search/title?q=",
    b"/v1/search/title?q=ferry&limit=",
    b"/v1/search/author?name=",
    b"/v1/search/author?name=ferry&sortBy=",
    b"/v1/search/advanced?year=1999&title=",
    b"/v1/search/advanced?title=ferry&language=",
    b"/v1/editions/search?author=Holloway&workTitle=",
    b"/api/v2/search?q=",
    b"/api/v2/search?q=ferry&view=",
    b"/v3/books/search?q=",
    b"/v3/books/",
    b"/search/title?q=",
    b"/search/author?q=ab&offset=",
    b"/external/google-books?q=",
    b"/images/proxy?url=",
    b"/images/covers/",
    b"/",
)
ESCAPED = frozenset(range(0x21, 0x7F)) - frozenset(b"%&#+")


def value(rng: random.Random) -> bytes:
    """Return random bytes, percent-encoded, half-encoded or hardly encoded at all."""
    raw = rng.randbytes(rng.choice((1, 2, 3, 8, 13, 40, 300)))
    style = rng.random()
    if style < 0.6:
        return b"".join(b"%%%02X" % byte for byte in raw)
    if style < 0.8:
        return b"".join(bytes([b]) if b in ESCAPED else b"%%%02x" % b for b in raw)
    return bytes(b for b in raw if b not in b" \r\n\x00")  # what no client should send


class Wire:
    """One connection that is opened again where the server closed it."""

    def __init__(self, url: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._streams = None

    async def get(self, target: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(x[15:]) for x in lines if x.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        if b"connection: close" in lines:
            await self.close()
        return int(head[9:12]), body

    async def close(self) -> None:
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            await writer.wait_closed()


async def throw(api, count: int, *, seed: int) -> None:
    """Send so many requests over eight connections."""
    seeds = [seed * 8 + part for part in range(8)]
    found = await asyncio.gather(*(throw_one_by_one(api, count // 8, seed=s) for s in seeds))
    assert {200, 400} <= set().union(*found)


async def throw_one_by_one(api, count: int, *, seed: int) -> set[int]:
    rng, wire = random.Random(seed), Wire(api.url)
    statuses = set()
    for index in range(count):
        target = ROUTES[index % len(ROUTES)] + value(rng)
        try:
            status, body = await wire.get(target)
        except (asyncio.IncompleteReadError, ConnectionError, StopIteration) as problem:
            raise AssertionError(f"no whole answer to {target!r}") from problem
        assert status < 500, (target, status, body[:500])
        if body.startswith(b"{"):
            assert "success" in msgspec.json.decode(body)
        statuses.add(status)
    await wire.close()
    return statuses


async def test_some_random_bytes(api):
    await throw(api, 504, seed=20260101)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_ten_thousand_random_byte_strings(api, seed):
    await throw(api, 1000, seed=seed)
