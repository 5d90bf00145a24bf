"""What one connection may cost: endless heads, trailers and blank lines, silence, pipelines."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from bookstrack.web.protocol import BoundedProtocol
from bookstrack.web.server import configuration

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = POST + b"Content-Length: 2000000\r\n\r\n"
BLOCK = b"y" * 16_384


class Application:
    """Answers with the path; ``/0`` waits for leave, a POST for its whole body."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()
        self.read = 0

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/0":
            await self.leave.wait()
        more = scope["method"] == "POST"
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


class Hasty(BoundedProtocol):
    head_s = 0.05


class Patient(BoundedProtocol):
    head_s = 1.0  # enough for the rest of a head, also on a busy machine


@pytest.fixture
def application():
    return Application()


@asynccontextmanager
async def connected(application, protocol=BoundedProtocol, **options):
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None, **options)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        application.leave.set()
        writer.transport.abort()
        server.close()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def flooded(reader, writer, start: bytes, block: bytes = BLOCK) -> tuple[int, bytes]:
    """Send up to 50 MB; return how much was taken and what was answered."""
    writer.write(start)
    sent = 0
    try:
        while sent < 50_000_000 and not reader.at_eof():
            writer.write(block)
            await writer.drain()
            sent += len(block)
            await asyncio.sleep(0)
        return sent, await reader.read()
    except ConnectionError:
        return sent, bytes(reader._buffer)


@pytest.mark.parametrize(
    ("start", "block", "status"),
    [
        (b"GET /", BLOCK, b"414"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", BLOCK, b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-Many: " + b"y" * 1000 + b"\r\n", b"431"),
        (b"", b"\r\n" * 8192, b"431"),
        (CHUNKED + b"0\r\n", b"X-Trailer: " + b"y" * 1000 + b"\r\n", None),
        (CHUNKED + b"5;", BLOCK, None),
        (GET % 0, b"\r\n" * 8192, None),
    ],
    ids=["url", "header", "headers", "blank lines", "trailers", "extension", "after a request"],
)
async def test_an_endless_request_is_cut_off(application, start, block, status):
    async with connected(application) as (reader, writer):
        sent, answer = await flooded(reader, writer, start, block)
        assert sent < 10_000_000  # what the kernels of both sides hold
        if status and answer:  # a reset may overtake it
            assert answer.startswith(b"HTTP/1.1 %s " % status)
            assert b"\r\nconnection: close\r\n" in answer


async def test_the_refusal_says_which_part_is_too_large(application):
    for start, status in ((b"GET /", b"414"), (b"GET / HTTP/1.1\r\nX-Long: ", b"431")):
        async with connected(application) as (reader, writer):
            writer.write(start + b"y" * 40_000)
            await asyncio.sleep(0.02)
            writer.write(b"y" * 10_000)
            assert (await reader.read()).startswith(b"HTTP/1.1 %s " % status)


async def test_requests_wait_in_a_row_of_bounded_length(application):
    async with connected(application) as (reader, writer):
        sent, answer = await flooded(reader, writer, GET % 0, (GET % 1) * 500)
        assert sent < 10_000_000
        assert answer == b""


async def test_pipelined_requests_are_answered_in_order(application):
    async with connected(application) as (reader, writer):
        writer.write(b"".join(GET % number for number in range(50))[:-3])
        application.leave.set()
        seen = await reader.readuntil(b"/48\r\n0\r\n\r\n")
        assert [b"\r\n/%d\r\n" % number in seen for number in range(49)] == [True] * 49
        writer.write((GET % 49)[-3:])  # the rest of a head that came in two pieces
        assert await reader.readuntil(b"/49\r\n0\r\n\r\n")


async def test_large_bodies_pass(application):
    async with connected(application) as (reader, writer):
        for start, end in ((BODY, b""), (CHUNKED + b"1e8480\r\n", b"\r\n0\r\nX-T: 1\r\n\r\n")):
            application.read = 0
            writer.write(start + b"y" * 2_000_000 + end)
            assert await reader.readuntil(b"\r\n/\r\n0\r\n\r\n")
            assert application.read == 2_000_000


@pytest.mark.parametrize(
    "start",
    [b"G", b"GET / HTTP/1.1\r\nHost", b"\r\n"],
    ids=["method", "header", "blank line"],
)
async def test_a_request_that_does_not_come_is_waited_for_only_so_long(application, start):
    async with connected(application, Hasty) as (reader, writer):
        writer.write(start)
        assert await reader.read() == b""
    async with connected(application, Hasty) as (reader, writer):
        writer.write(GET % 1)
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(start)
        assert await reader.read() == b""


async def test_bytes_do_not_prolong_the_wait(application):
    async with connected(application, Hasty) as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_request_under_way_is_answered_though_the_next_does_not_come(application):
    async with connected(application, Hasty) as (reader, writer):
        writer.write(GET % 0 + b"GET /")
        await asyncio.sleep(0.15)
        application.leave.set()
        assert b"\r\n/0\r\n" in await reader.read()


async def test_an_answered_request_is_not_cut_off_by_a_wait_that_ended(application):
    async with connected(application, Patient) as (reader, writer):
        writer.write(b"GET /0 HTTP/1.1\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"Host: x\r\n\r\n")
        await asyncio.sleep(1.1)
        application.leave.set()
        await reader.readuntil(b"\r\n/0\r\n0\r\n\r\n")
        writer.write(GET % 7)
        await reader.readuntil(b"\r\n/7\r\n0\r\n\r\n")


async def test_a_connection_that_says_nothing_ends_like_an_idle_one(application):
    async with connected(application, timeout_keep_alive=0) as (reader, _):
        assert await reader.read() == b""


async def test_a_malformed_request_is_a_400(application):
    for request in (b"NONSENSE\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"):
        async with connected(application) as (reader, writer):
            writer.write(request)
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


def test_the_server_speaks_it(application):
    assert configuration(application).http is BoundedProtocol


async def test_the_whole_server_cuts_off_too(api):
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    sent, _ = await flooded(reader, writer, b"GET /health HTTP/1.1\r\nX-Long: ")
    assert sent < 10_000_000
    writer.close()
    assert (await api.get("/health")).status == 200
