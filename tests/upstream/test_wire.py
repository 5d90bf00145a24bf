from __future__ import annotations

import asyncio
import gzip
import json
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from bookstrack.errors import ProviderFailed, ProviderTimeout
from bookstrack.upstream.reply import Reply
from bookstrack.upstream.wire import MAX_BYTES, Request, exchange, open_session

KEY = "k-3f9a77c1"


@pytest.fixture
async def fetch(script):
    async with open_session(user_agent="BooksTrack/test") as session:

        async def get(url="/volumes", *, limit=5.0, connect=3.0, headers=None):
            target = URL(url if "://" in url else f"{script.base}{url}")
            request = Request(
                provider="google",
                path="/volumes",
                url=target,
                headers=headers or {},
                connect_s=connect,
                limit_s=limit,
            )
            return await exchange(session, request)

        yield get


def redirect(location: str, status: int = 302) -> web.Response:
    return web.Response(status=status, headers={"Location": location})


async def test_a_reply(script, fetch):
    script.then(web.json_response({"a": 1}, status=418, headers={"X-Odd": "yes"}))
    reply = await fetch()
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content_type, reply.body) == (418, "application/json", b'{"a": 1}')
    assert reply.headers["x-odd"] == "yes"


async def test_who_asks_and_for_what(script, fetch):
    await fetch(headers={"Authorization": KEY})
    headers = script.asked[0].headers
    assert headers["User-Agent"] == "BooksTrack/test"
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "gzip, deflate"
    assert headers["Authorization"] == KEY


async def test_headers_of_a_request_go_before_the_sessions(script, fetch):
    await fetch(headers={"Accept": "application/sparql-results+json"})
    assert script.asked[0].headers.getall("Accept") == ["application/sparql-results+json"]


async def test_gzip_is_unpacked(script, fetch):
    packed = gzip.compress(json.dumps({"title": "Emma"}).encode())
    script.then(web.Response(body=packed, headers={"Content-Encoding": "gzip"}))
    assert (await fetch()).body == b'{"title": "Emma"}'


async def test_no_cookies(script, fetch):
    answer = web.json_response({})
    answer.set_cookie("session", "1")
    script.then(answer)
    await fetch()
    await fetch()
    assert "Cookie" not in script.asked[1].headers


async def test_a_connection_is_used_again(script, fetch):
    for _ in range(3):
        await fetch()
    assert len(script.peers) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_within_the_host(script, fetch, status):
    script.then(redirect("/books/OL7W.json", status), redirect(f"{script.base}/works", status))
    reply = await fetch("/isbn/1.json")
    assert reply.status == 200
    assert [request.path for request in script.asked] == [
        "/isbn/1.json",
        "/books/OL7W.json",
        "/works",
    ]


@pytest.mark.parametrize(("hops", "kind"), [(5, Reply), (6, ProviderFailed)])
async def test_at_most_five_redirects(script, fetch, hops, kind):
    script.then(*[redirect(f"/{hop}") for hop in range(hops)])
    assert type(await fetch()) is kind


async def test_no_redirect_to_another_host(script, fetch):
    asked: list[str] = []

    async def other(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/{path:.*}", other)
    async with TestServer(app, host="127.0.0.1") as elsewhere:
        script.then(redirect(f"http://127.0.0.1:{elsewhere.port}/volumes"))
        trouble = await fetch(headers={"Authorization": KEY})
    assert str(trouble) == "google: /volumes redirects to another host"
    assert type(trouble) is ProviderFailed
    assert asked == []


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://[", "//other.example/", "data:,"]
)
async def test_odd_redirects_are_failures(script, fetch, location):
    script.then(redirect(location))
    assert type(await fetch()) is ProviderFailed
    assert len(script.asked) == 1


async def test_a_redirect_without_location_is_the_reply(script, fetch):
    script.then(web.Response(status=302))
    assert (await fetch()).status == 302


@pytest.mark.parametrize(("size", "kind"), [(MAX_BYTES, Reply), (MAX_BYTES + 1, ProviderFailed)])
@pytest.mark.parametrize("packed", [False, True])
async def test_ten_megabytes_at_most(script, fetch, size, kind, packed):
    body = b" " * size
    headers = {"Content-Encoding": "gzip"} if packed else {}
    script.then(web.Response(body=gzip.compress(body) if packed else body, headers=headers))
    assert type(await fetch()) is kind


async def test_an_endless_body_is_cut_at_the_limit(script, fetch):
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 20 * MAX_BYTES:
            await response.write(b" " * 2**20)
            sent += 2**20
        return response

    script.always = endless
    trouble = await fetch()
    assert str(trouble) == "google: /volumes answered more than 10 MB"
    assert sent < 4 * MAX_BYTES


async def test_a_drip_is_cut(script, fetch):
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    script.always = drip
    trouble = await fetch(limit=0.1)
    assert type(trouble) is ProviderTimeout
    assert str(trouble) == "google: /volumes did not answer in time"


async def test_silence_is_cut(script, fetch, gate):
    script.always = gate
    assert type(await fetch(limit=0.05)) is ProviderTimeout


async def test_nobody_listens(fetch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        trouble = await fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/?key={KEY}")
    assert type(trouble) is ProviderTimeout
    assert str(trouble) == "google: /volumes cannot be reached"


async def test_a_name_that_does_not_exist(fetch):
    assert type(await fetch("http://books.invalid/")) is ProviderTimeout


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
async def test_broken_http(fetch, raw):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trouble = await fetch(f"http://127.0.0.1:{port}/?key={KEY}")
    assert type(trouble) is ProviderTimeout
    assert KEY not in repr(trouble)
