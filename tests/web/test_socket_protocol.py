"""Frames: limits, dead and slow clients, and how the HTTP connection becomes a socket."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bookstrack.web.protocol import BoundedProtocol
from bookstrack.web.socket_protocol import OPTIONS, BoundedSocket
from staged import ID, TOKEN, eventually, theatre

__all__ = ["theatre"]

UPGRADE = (
    "GET /ws/progress?jobId={id}&token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
BIG = "x" * 20_000


class Hasty(BoundedProtocol):
    head_s = 0.05


class Impatient(BoundedSocket):
    grace_s = 0.1


async def echo(_scope, receive, send):
    """Accept, send back what comes, close on request."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "flood":
            while True:
                await send({"type": "websocket.send", "text": BIG})
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.send", "text": str(len(message.get("text") or ""))})


@asynccontextmanager
async def listening(**options):
    """Run the echo; return its address and its state."""
    known = {**OPTIONS, "ws": Impatient, **options}
    config = uvicorn.Config(echo, lifespan="off", log_config=None, **known)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Hasty(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(20):
            yield f"ws://127.0.0.1:{port}", state
    finally:
        server.close()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


async def test_a_socket_outlives_the_time_for_a_request():
    async with listening() as (url, _), connect(url, compression=None, proxy=None) as socket:
        await asyncio.sleep(0.2)
        await socket.send("hello")
        assert await socket.recv() == "5"


async def test_messages_are_not_compressed():
    async with listening() as (url, _), connect(url, compression="deflate", proxy=None) as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_who_does_not_answer_pings_is_dropped():
    options = {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.1}
    async with listening(**options) as (url, state):
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE.format(id="x", token="y").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"101" in head
        rest = await reader.read()  # ends: the connection is closed
        assert rest[:2] == b"\x89\x04"  # a ping of four bytes
        assert b"\x03\xf3" in rest  # and 1011
        writer.close()
        await eventually(lambda: not state.tasks)


async def test_who_does_not_close_is_dropped():
    async with listening() as (url, state):
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE.format(id="x", token="y").encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes([0x81, 0x85, 0, 0, 0, 0]) + b"close")
        assert await reader.readexactly(4) == b"\x88\x02\x03\xe8"
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        await eventually(lambda: not state.connections)


async def test_who_does_not_read_is_dropped_when_the_server_leaves():
    async with listening() as (url, state):
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE.format(id="x", token="y").encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        writer.write(bytes([0x81, 0x85, 0, 0, 0, 0]) + b"flood")
        (connection,) = state.connections
        await eventually(lambda: not connection.writable.is_set())
        connection.shutdown()
        await eventually(lambda: not (state.connections or state.tasks))
        writer.transport.abort()


async def test_a_handshake_that_is_none_is_refused():
    async with listening() as (url, _):
        host, port = url.removeprefix("ws://").split(":")
        for wrong in ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhl"):
            reader, writer = await asyncio.open_connection(host, int(port))
            request = "".join(
                line
                for line in UPGRADE.format(id="x", token="y").splitlines(keepends=True)
                if not line.startswith(wrong.partition(":")[0])
            )
            writer.write(request.encode())
            status = int((await reader.read()).split()[1])
            assert 400 <= status < 500
            writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        UPGRADE.replace("GET", "POST", 1).encode(),
        UPGRADE.replace("Host: x", "Host: x\r\nX-Long: " + "y" * 9000).encode(),
        UPGRADE.encode().replace(b"jobId=", b"jobId=\xff\xfe"),
        UPGRADE.replace("/ws/", "/" + "w" * 9000).encode(),
    ],
    ids=["method", "header", "bytes", "address"],
)
async def test_an_upgrade_that_cannot_be_read_is_answered(request_):
    async with listening() as (url, state):
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_)
        status = int((await reader.read()).split()[1])
        assert 400 <= status < 500
        writer.close()
        await eventually(lambda: not state.connections)


def test_the_limits_are_those_of_the_contract():
    assert OPTIONS["ws_max_size"] == 65_536
    assert (OPTIONS["ws_ping_interval"], OPTIONS["ws_ping_timeout"]) == (30.0, 30.0)
    assert OPTIONS["ws_per_message_deflate"] is False
    assert logging.getLogger("uvicorn.error.socket").level == logging.WARNING


# --- slow readers -----------------------------------------------------------------------------


def slow(run):
    """Open a socket whose client takes one message and leaves the rest in the kernel."""
    url = f"{run.url.replace('http', 'ws')}/ws/progress?jobId={ID}&token={TOKEN}&reconnect=true"
    return connect(
        url, compression=None, ping_interval=None, proxy=None, max_queue=1, close_timeout=1
    )


async def rest_of(socket) -> tuple[list[str], int | None]:
    """Return everything that comes, and the code of the close."""
    texts = []
    try:
        while True:
            async with asyncio.timeout(10):
                texts.append(await socket.recv())
    except ConnectionClosed:
        return texts, socket.close_code


@pytest.mark.slow
async def test_a_slow_reader_misses_progress_but_nothing_else(theatre):
    run = await theatre()
    await run.stage.add(total=5000)
    quick = await run.talk()
    await quick.ready()
    async with slow(run) as socket:
        await asyncio.sleep(0.1)
        for done in range(1, 3001):
            await run.stage.emit(processed=done, current_item=BIG)
            await quick.next()
        await run.stage.complete()
        assert (await quick.until("job_complete"))[-1]["seq"] == 3002
        reading = asyncio.create_task(rest_of(socket))
        for _ in range(50):
            await asyncio.sleep(0.1)
            await run.clock.advance(1)
        texts, code = await reading
    numbers = [int(text.split('"seq":')[1].split(",")[0]) for text in texts if '"seq"' in text]
    assert numbers == sorted(set(numbers))
    assert 500 < len(numbers) < 3002
    assert numbers[-1] == 3002
    assert code == 1000


@pytest.mark.slow
async def test_a_reader_who_is_too_slow_is_sent_away(theatre):
    run = await theatre()
    await run.stage.add(total=5000)
    quick = await run.talk()
    await quick.ready()
    await quick.next()
    async with slow(run) as socket:
        await asyncio.sleep(0.1)
        for done in range(1, 3001):
            await run.stage.emit(processed=done, current_item=BIG, stage=f"stage {done}")
            assert (await quick.next())["seq"] == done + 1
        texts, code = await rest_of(socket)
    assert code == 1013
    assert len(texts) < 3000
    await run.stage.complete()
    assert (await quick.next())["payload"]["type"] == "job_complete"
