from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from bookstrack.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    ProviderBusy,
    ProviderFailed,
    ProviderTimeout,
    TooLarge,
)
from bookstrack.upstream.guard import HostRules
from bookstrack.upstream.pictures import PictureFetcher, open_pictures

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Origin:
    """A real server on 127.0.0.1 that notes what it is asked."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.asked: list[web.Request] = []
        self.base = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[Origin]:
    origin = Origin(answer)
    app = web.Application()
    app.router.add_get("/{path:.*}", origin.handle)
    async with TestServer(app) as server:
        origin.base = f"http://127.0.0.1:{server.port}"
        yield origin


def answering(*args, **kwargs) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(*args, **kwargs)

    return answer


def redirecting(location: str, status: int = 302) -> Handler:
    return answering(status=status, headers={"Location": location})


class Names(AbstractResolver):
    """Sends every name to the given addresses in turn; the last answer stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=ip, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for ip in found
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def fetching(clock, *origins: str, names: Names | None = None, timeout_s: float = 15.0):
    rules = HostRules.of(["covers.openlibrary.org", "books.google.com"], origins=origins)
    opened = open_pictures(
        hosts=rules,
        clock=clock,
        rng=Random(1),
        user_agent="BooksTrack/test",
        resolver=names or Names(["127.0.0.1"]),
        timeout_s=timeout_s,
    )
    async with asyncio.timeout(30), opened as fetcher:  # a frozen clock would wait for ever
        yield fetcher


async def twice(fetcher: PictureFetcher, url: str, clock, *, after: float = 1.0):
    """Fetch, letting the pause before the second attempt pass."""
    task = asyncio.create_task(fetcher.fetch(url))
    while not task.done() and not clock.sleepers:  # noqa: ASYNC110 real network, frozen clock
        await asyncio.sleep(0.001)
    await clock.advance(after)
    return await task


async def test_a_picture_arrives_as_it_is(clock) -> None:
    async with (
        serving(answering(body=b"\xff\xd8 body", content_type="image/jpeg")) as origin,
        fetching(clock, origin.base) as fetcher,
    ):
        got = await fetcher.fetch(f"{origin.base}/b/id/1-L.jpg?default=false")
    assert (got.body, got.content_type) == (b"\xff\xd8 body", "image/jpeg")
    [request] = origin.asked
    assert request.raw_path == "/b/id/1-L.jpg?default=false"
    assert request.headers["User-Agent"] == "BooksTrack/test"
    assert request.headers["Accept-Encoding"] == "identity"


async def test_no_cookie_is_kept_and_no_proxy_of_the_environment_used(clock, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cookies = answering(body=b"x", headers={"Set-Cookie": "a=b; Path=/"})
    async with serving(cookies) as origin:
        mirror = origin.base.replace("127.0.0.1", "mirror.lan")  # addresses get no cookies anyway
        async with fetching(clock, mirror) as fetcher:
            await fetcher.fetch(f"{mirror}/1")
            await fetcher.fetch(f"{mirror}/2")
    assert [request.headers.get("Cookie") for request in origin.asked] == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(clock, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/end":
            return web.Response(body=b"picture")
        return web.Response(status=status, headers={"Location": "../end#fragment"})

    async with serving(answer) as origin, fetching(clock, origin.base) as fetcher:
        got = await fetcher.fetch(f"{origin.base}/a/start")
    assert got.body == b"picture"
    assert [request.path for request in origin.asked] == ["/a/start", "/end"]


async def test_five_redirects_are_followed_and_no_sixth(clock) -> None:
    async def answer(request: web.Request) -> web.Response:
        left = int(request.path[1:])
        if left == 0:
            return web.Response(body=b"picture")
        return web.Response(status=302, headers={"Location": f"/{left - 1}"})

    async with serving(answer) as origin, fetching(clock, origin.base) as fetcher:
        assert (await fetcher.fetch(f"{origin.base}/5")).body == b"picture"
        origin.asked.clear()
        with pytest.raises(ProviderFailed, match="without end"):
            await fetcher.fetch(f"{origin.base}/6")
    assert len(origin.asked) == 6


async def test_a_redirect_loop_ends(clock) -> None:
    async with serving(redirecting("/again")) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(ProviderFailed, match="without end"):
            await fetcher.fetch(f"{origin.base}/again")
    assert len(origin.asked) == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example/a.jpg",
        "//evil.example/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "https://books.google.com@127.0.0.1/",
        "http://localhost/",
    ],
)
async def test_a_redirect_to_another_host_is_refused(clock, location: str) -> None:
    async with serving(redirecting(location)) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(Forbidden):
            await fetcher.fetch(f"{origin.base}/a.jpg")
    assert len(origin.asked) == 1


async def test_a_redirect_to_a_private_server_never_reaches_it(clock) -> None:
    async with serving(answering(body=b"secret")) as inside:
        start = redirecting(f"{inside.base}/secret")
        async with serving(start) as origin, fetching(clock, origin.base) as fetcher:
            with pytest.raises(Forbidden):
                await fetcher.fetch(f"{origin.base}/a.jpg")
    assert inside.asked == []


@pytest.mark.parametrize("location", ["", "ftp://books.google.com/", "http://[", "javascript:1"])
async def test_a_redirect_to_nowhere_is_the_hosts_fault(clock, location: str) -> None:
    async with serving(redirecting(location)) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(ProviderFailed, match="redirects to no URL"):
            await fetcher.fetch(f"{origin.base}/a.jpg")
    assert len(origin.asked) == 1


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"]])
async def test_a_public_name_with_a_private_address_is_refused(clock, addresses) -> None:
    names = Names(addresses)
    async with fetching(clock, names=names) as fetcher:
        with pytest.raises(Forbidden) as caught:
            await fetcher.fetch("http://covers.openlibrary.org/b/id/1-L.jpg")
    assert caught.value.details == {"host": "covers.openlibrary.org"}
    assert names.asked == ["covers.openlibrary.org"]


async def test_a_redirect_to_a_listed_name_with_a_private_address_is_refused(clock) -> None:
    there = redirecting("https://books.google.com/books/content?id=1")
    async with serving(there) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(Forbidden) as caught:
            await fetcher.fetch(f"{origin.base}/a.jpg")
    assert caught.value.details == {"host": "books.google.com"}


async def test_a_connection_goes_to_the_address_that_was_judged(clock) -> None:
    """There is one lookup for one connection, so that no second answer can differ."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with serving(answering(body=b"picture")) as origin:
        mirror = origin.base.replace("127.0.0.1", "mirror.lan")
        async with fetching(clock, mirror, names=names) as fetcher:
            assert (await fetcher.fetch(f"{mirror}/1")).body == b"picture"
    assert names.asked == ["mirror.lan"]
    assert origin.asked[0].host.startswith("mirror.lan:")


async def test_what_is_no_allowed_url_is_not_asked_for(clock) -> None:
    names = Names(["93.184.216.34"])
    async with fetching(clock, names=names) as fetcher:
        with pytest.raises(Forbidden):
            await fetcher.fetch("http://127.0.0.1/")
        with pytest.raises(InvalidRequest):
            await fetcher.fetch("nonsense")
    assert names.asked == []


async def test_a_missing_picture_is_not_found_at_once(clock) -> None:
    async with serving(answering(status=404)) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(NotFound):
            await fetcher.fetch(f"{origin.base}/1")
    assert len(origin.asked) == 1


@pytest.mark.parametrize("status", [204, 400, 401, 403, 418, 501])
async def test_a_refusal_is_a_failure_at_once(clock, status: int) -> None:
    async with (
        serving(answering(status=status)) as origin,
        fetching(clock, origin.base) as fetcher,
    ):
        with pytest.raises(ProviderFailed) as caught:
            await fetcher.fetch(f"{origin.base}/1")
    assert caught.value.provider == "covers"
    assert caught.value.details == {"status": status}
    assert len(origin.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_passing_failure_is_tried_twice(clock, status: int) -> None:
    async with (
        serving(answering(status=status)) as origin,
        fetching(clock, origin.base) as fetcher,
    ):
        with pytest.raises(ProviderFailed):
            await twice(fetcher, f"{origin.base}/1", clock)
    assert len(origin.asked) == 2


async def test_the_second_attempt_may_succeed_after_the_pause_asked_for(clock) -> None:
    async def answer(_request: web.Request) -> web.Response:
        if len(origin.asked) == 1:
            return web.Response(status=429, headers={"Retry-After": "7"})
        return web.Response(body=b"picture")

    async with serving(answer) as origin, fetching(clock, origin.base) as fetcher:
        before = clock.monotonic()
        got = await twice(fetcher, f"{origin.base}/1", clock, after=7.0)
    assert (got.body, clock.monotonic() - before) == (b"picture", 7.0)


async def test_a_long_pause_is_not_sat_out(clock) -> None:
    busy = answering(status=429, headers={"Retry-After": "60"})
    async with serving(busy) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(ProviderBusy) as caught:
            await fetcher.fetch(f"{origin.base}/1")
    assert caught.value.retry_after == 60
    assert len(origin.asked) == 1


async def test_an_announced_length_above_the_limit_is_not_read(clock) -> None:
    async with (
        serving(answering(body=b"x" * 2001)) as origin,
        fetching(clock, origin.base) as fetcher,
    ):
        assert len((await fetcher.fetch(f"{origin.base}/1", at_most=2001)).body) == 2001
        with pytest.raises(TooLarge) as caught:
            await fetcher.fetch(f"{origin.base}/1", at_most=2000)
    assert caught.value.details == {
        "receivedBytes": 2001,
        "maxBytes": 2000,
        "receivedMB": 0.0,
        "maxMB": 0.0,
        "resourceType": "image",
    }


async def test_an_endless_body_is_cut_off(clock) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            while True:
                await reply.write(b"x" * 65536)
                sent += 65536
        except ConnectionError:
            return reply

    async with serving(answer) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(TooLarge) as caught:
            await fetcher.fetch(f"{origin.base}/1")
    received = caught.value.details["receivedBytes"]
    assert 10 * 2**20 < received <= 10 * 2**20 + 65536
    assert caught.value.details["receivedMB"] == round(received / 2**20, 2)
    assert caught.value.details["maxMB"] == 10.0
    assert sent < 40 * 2**20


async def test_a_compressed_body_is_never_unpacked(clock) -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    bomb = answering(body=packed, headers={"Content-Encoding": "gzip"})
    async with serving(bomb) as origin, fetching(clock, origin.base) as fetcher:
        assert (await fetcher.fetch(f"{origin.base}/1")).body == packed


async def test_a_dripping_host_is_cut_off_each_time(clock) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            while True:
                await reply.write(b"x")
                await asyncio.sleep(0.01)
        except ConnectionError:
            return reply

    async with serving(answer) as origin, fetching(clock, origin.base, timeout_s=0.4) as fetcher:
        with pytest.raises(ProviderTimeout) as caught:
            await twice(fetcher, f"{origin.base}/1", clock)
    assert caught.value.provider == "covers"
    assert len(origin.asked) == 2


async def test_a_body_that_breaks_off_is_a_network_failure(clock) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Length": "1000"})
        await reply.prepare(request)
        await reply.write(b"x" * 10)
        assert request.transport is not None
        request.transport.close()
        return reply

    async with serving(answer) as origin, fetching(clock, origin.base) as fetcher:
        with pytest.raises(ProviderTimeout):
            await twice(fetcher, f"{origin.base}/1", clock)


async def test_nobody_listening_is_a_network_failure(clock) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{probe.getsockname()[1]}"
        async with fetching(clock, base) as fetcher:
            with pytest.raises(ProviderTimeout):
                await twice(fetcher, f"{base}/1", clock)


async def test_a_name_without_address_is_a_network_failure(clock) -> None:
    class Nowhere(Names):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            raise OSError(f"no address for {host}")

    async with fetching(clock, names=Nowhere([])) as fetcher:
        with pytest.raises(ProviderTimeout):
            await twice(fetcher, "https://books.google.com/1", clock)


async def test_an_answer_that_is_not_http_is_a_failure(clock) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ready\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        base = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        async with fetching(clock, base) as fetcher:
            with pytest.raises(ProviderFailed, match="does not speak HTTP"):
                await fetcher.fetch(f"{base}/1")
