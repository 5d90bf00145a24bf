from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from bookstrack.covers.pictures import CoverSize
from bookstrack.covers.proxy import ImageProxy, allowed_hosts
from bookstrack.errors import (
    ConfigurationProblem,
    Forbidden,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    StorageUnavailable,
    TooLarge,
)
from bookstrack.normalise.images import image_key
from bookstrack.storage.blobs import Blobs, open_blobs
from bookstrack.upstream.pictures import open_pictures

SMALL, MEDIUM, LARGE = CoverSize.SMALL, CoverSize.MEDIUM, CoverSize.LARGE


def jpeg(width: int = 600, height: int = 900, seed: int = 1) -> bytes:
    small = Image.frombytes("RGB", (12, 18), random.Random(seed).randbytes(12 * 18 * 3))
    out = BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=95)
    return out.getvalue()


JPEG = jpeg()


class Origin:
    """A real host of pictures; ``pictures`` by path, a status for the others."""

    def __init__(self) -> None:
        self.pictures = {"/b/id/1-L.jpg": JPEG}
        self.status = 404
        self.asked: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.base = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        await self.held.wait()
        body = self.pictures.get(request.path)
        if body is None:
            return web.Response(status=self.status)
        return web.Response(body=body, content_type="image/jpeg")

    @property
    def url(self) -> str:
        return f"{self.base}/b/id/1-L.jpg"

    @property
    def path(self) -> str:
        return f"covers/{hashlib.sha256(image_key(self.url).encode()).hexdigest()}"


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    here = Origin()
    app = web.Application()
    app.router.add_get("/{path:.*}", here.answer)
    async with TestServer(app) as server:
        here.base = f"http://127.0.0.1:{server.port}"
        yield here


@pytest.fixture
def blobs() -> Blobs:
    return open_blobs("memory:")


@pytest.fixture
def opening(origin: Origin, clock):
    """``async with opening(blobs) as proxy`` gives a proxy that may ask the origin."""

    @asynccontextmanager
    async def open_proxy(blobs: Blobs, **how) -> AsyncIterator[ImageProxy]:
        hosts = allowed_hosts([], covers_base_url=origin.base)
        fetched = open_pictures(hosts=hosts, clock=clock, rng=random.Random(1), user_agent="test")
        async with asyncio.timeout(30), fetched as fetcher:  # a frozen clock would wait for ever
            proxy = ImageProxy(blobs, fetcher, hosts=hosts, **how)
            try:
                yield proxy
            finally:
                await proxy.close()

    return open_proxy


def dimensions(data: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(data)).size


async def test_a_picture_is_fetched_once_and_then_remembered(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        first = await proxy.get(origin.url, MEDIUM)
        again = await proxy.get(origin.url, MEDIUM)
    assert (first.hit, again.hit) == (False, True)
    assert again.body == first.body
    assert origin.asked == ["/b/id/1-L.jpg"]
    assert (first.content_type, first.max_age) == ("image/webp", 2_592_000)
    assert dimensions(first.body) == (256, 384)
    assert first.etag == again.etag == f'"{hashlib.sha256(first.body).hexdigest()[:32]}"'


async def test_the_original_is_stored_once_as_webp(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        for size, expected in ((SMALL, (128, 192)), (LARGE, (512, 768)), (MEDIUM, (256, 384))):
            assert dimensions((await proxy.get(origin.url, size)).body) == expected
    assert await blobs.list("") == [origin.path]
    stored = await blobs.get(origin.path, at_most=2**20)
    assert stored is not None
    assert (Image.open(BytesIO(stored)).format, dimensions(stored)) == ("WEBP", (600, 900))
    assert len(stored) < len(JPEG)
    assert origin.asked == ["/b/id/1-L.jpg"]


async def test_another_process_serves_the_same_bytes_from_the_store(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        first = await proxy.get(origin.url, SMALL)
    origin.pictures.clear()
    async with opening(blobs) as proxy:
        second = await proxy.get(origin.url, SMALL)
    assert (second.hit, second.body, second.etag) == (True, first.body, first.etag)
    assert len(origin.asked) == 1


async def test_other_spellings_name_the_same_picture(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        await proxy.get(origin.url, SMALL)
        for other in (f" {origin.url}#top", origin.url.replace("http:", "HTTPS:")):
            assert (await proxy.get(other, SMALL)).hit
    assert len(origin.asked) == 1


async def test_requests_at_the_same_time_share_one_download(origin, blobs, opening) -> None:
    origin.held.clear()
    async with opening(blobs) as proxy:
        asking = [asyncio.create_task(proxy.get(origin.url, size)) for size in [SMALL, LARGE] * 10]
        while not origin.asked:  # noqa: ASYNC110 real network
            await asyncio.sleep(0.001)
        asking[0].cancel()  # one who leaves does not spoil it for the others
        origin.held.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {dimensions(served.body) for served in results[1:]} == {(128, 192), (512, 768)}
    assert len(set(map(id, results[1:]))) == 2  # each size was made once
    assert origin.asked == ["/b/id/1-L.jpg"]


async def test_closing_ends_what_is_under_way(origin, blobs, opening) -> None:
    origin.held.clear()
    async with opening(blobs) as proxy:
        asking = asyncio.create_task(proxy.get(origin.url, SMALL))
        while not origin.asked:  # noqa: ASYNC110 real network
            await asyncio.sleep(0.001)
        await proxy.close()
        with pytest.raises(asyncio.CancelledError):
            await asking
        origin.held.set()
    assert await blobs.list("") == []


async def test_the_event_loop_goes_on_while_a_picture_is_made(origin, blobs, opening) -> None:
    origin.pictures["/big.jpg"] = jpeg(3000, 4500)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    async with opening(blobs) as proxy:
        counting = asyncio.create_task(count())
        served = await proxy.get(f"{origin.base}/big.jpg", SMALL)
        counting.cancel()
    assert dimensions(served.body) == (128, 192)
    assert turns >= 5


async def test_memory_is_bounded(origin, blobs, opening) -> None:
    async with opening(blobs, memory_bytes=30_000) as proxy:
        for number in range(10):
            origin.pictures[f"/{number}"] = jpeg(seed=number)
            await proxy.get(f"{origin.base}/{number}", MEDIUM)
        assert proxy._memory.current_size() <= 30_000
        assert (await proxy.get(f"{origin.base}/0", MEDIUM)).hit
    assert len(origin.asked) == 10
    async with opening(blobs, memory_bytes=100) as proxy:  # smaller than any picture
        assert (await proxy.get(f"{origin.base}/0", MEDIUM)).hit
        assert len(proxy._memory) == 0


class Broken(Blobs):
    """A store that cannot be reached."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def get(self, path: str, *, at_most: int) -> bytes | None:
        self.calls.append("get")
        raise StorageUnavailable("The object store cannot be reached")

    async def put(self, path: str, data: bytes, *, content_type: str | None = None) -> None:
        self.calls.append("put")
        raise StorageUnavailable("The object store cannot be reached")


async def test_a_store_that_fails_is_skipped(origin, opening) -> None:
    broken = Broken()
    async with opening(broken) as proxy:
        assert dimensions((await proxy.get(origin.url, SMALL)).body) == (128, 192)
        assert (await proxy.get(origin.url, SMALL)).hit
        assert not (await proxy.get(origin.url, LARGE)).hit
        assert await proxy.cover("9780439708180", SMALL) is None
    assert broken.calls == ["get", "put", "get", "put", "get", "get"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://evil.example/a.jpg", "evil.example"),
        ("http://127.0.0.1/a.jpg", "127.0.0.1"),
        ("http://[::1]/a.jpg", "[::1]"),
        ("http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://10.1.2.3/", "10.1.2.3"),
        ("http://192.168.0.1/", "192.168.0.1"),
        ("http://2130706433/", "2130706433"),
        ("https://us.archive.org/", "us.archive.org"),
    ],
)
async def test_foreign_hosts_are_refused(origin, blobs, opening, url: str, host: str) -> None:
    async with opening(blobs) as proxy:
        with pytest.raises(Forbidden) as caught:
            await proxy.get(url, MEDIUM)
    assert caught.value.details == {"host": host}
    assert origin.asked == []


@pytest.mark.parametrize("url", ["", "  ", "nonsense", "ftp://books.google.com/", "https://"])
async def test_what_is_no_url_is_invalid(blobs, opening, url: str) -> None:
    async with opening(blobs) as proxy:
        with pytest.raises(InvalidRequest):
            await proxy.get(url, MEDIUM)


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><h1>Not found</h1>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        JPEG[: len(JPEG) // 2],
        b"",
    ],
)
async def test_what_is_no_picture_is_neither_served_nor_stored(
    origin, blobs, opening, body: bytes
) -> None:
    origin.pictures["/a.jpg"] = body
    async with opening(blobs) as proxy:
        with pytest.raises(ProviderFailed, match="not an image"):
            await proxy.get(f"{origin.base}/a.jpg", MEDIUM)
        assert await blobs.list("") == []
        origin.pictures["/a.jpg"] = JPEG
        assert not (await proxy.get(f"{origin.base}/a.jpg", MEDIUM)).hit


async def test_a_missing_picture_is_not_found(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        with pytest.raises(NotFound):
            await proxy.get(f"{origin.base}/none.jpg", MEDIUM)
        origin.status = 403
        with pytest.raises(ProviderFailed, match="answered 403"):
            await proxy.get(f"{origin.base}/none.jpg", MEDIUM)


async def test_a_picture_above_ten_mebibytes_is_too_large(origin, blobs, opening) -> None:
    origin.pictures["/a.jpg"] = JPEG + bytes(11 * 2**20 - len(JPEG))
    async with opening(blobs) as proxy:
        with pytest.raises(TooLarge, match="10 MB") as caught:
            await proxy.get(f"{origin.base}/a.jpg", MEDIUM)
    assert caught.value.details == {
        "receivedBytes": 11 * 2**20,
        "maxBytes": 10 * 2**20,
        "receivedMB": 11.0,
        "maxMB": 10.0,
        "resourceType": "image",
    }


@pytest.mark.parametrize("path", ["covers/9780439708180", "covers/isbn/9780439708180.jpg"])
async def test_harvested_covers_are_served(blobs, opening, origin, path: str) -> None:
    await blobs.put(path, JPEG)
    async with opening(blobs) as proxy:
        served = await proxy.cover("9780439708180", LARGE)
        assert served is not None
        assert (served.hit, served.content_type) == (True, "image/webp")
        assert dimensions(served.body) == (512, 768)
        again = await proxy.cover("9780439708180", LARGE)
        assert again == served
        assert await proxy.cover("9780439708197", LARGE) is None
    assert origin.asked == []


async def test_the_newer_place_of_a_cover_goes_first(blobs, opening) -> None:
    await blobs.put("covers/9780439708180", jpeg(100, 150))
    await blobs.put("covers/isbn/9780439708180.jpg", jpeg(90, 120))
    async with opening(blobs) as proxy:
        served = await proxy.cover("9780439708180", SMALL)
    assert served is not None
    assert dimensions(served.body) == (100, 150)


@pytest.mark.parametrize("isbn", ["", "043970818X", "../../etc/pass", "isbn/97804397", "٩" * 13])
async def test_no_other_object_is_a_cover(blobs, opening, isbn: str) -> None:
    async with opening(blobs) as proxy:
        assert await proxy.cover(isbn, SMALL) is None


async def test_a_cover_that_is_no_picture_is_a_failure(blobs, opening) -> None:
    await blobs.put("covers/9780439708180", b"nonsense")
    async with opening(blobs) as proxy:
        with pytest.raises(ProviderFailed, match="not an image"):
            await proxy.cover("9780439708180", SMALL)


def test_the_hosts_of_pictures() -> None:
    hosts = allowed_hosts(["Covers.Example"], covers_base_url="https://covers.openlibrary.org")
    for name in (
        "books.google.com",
        "covers.openlibrary.org",
        "images-na.ssl-images-amazon.com",
        "images.isbndb.com",
        "archive.org",
        "ia601.us.archive.org",
        "covers.example",
    ):
        assert hosts.names_host(name), name
    assert not hosts.names_host("www.archive.org")
    assert hosts.private == frozenset()
    mirror = allowed_hosts([], covers_base_url="http://10.0.0.7:8080/covers")
    assert mirror.private == {"10.0.0.7:8080"}


@pytest.mark.parametrize(
    ("extra", "base", "variable"),
    [
        (["10.0.0.1"], "https://covers.openlibrary.org", "BOOKSTRACK_IMAGE_HOSTS"),
        (["https://a.example"], "https://covers.openlibrary.org", "BOOKSTRACK_IMAGE_HOSTS"),
        ([], "covers.example", "BOOKSTRACK_OPENLIBRARY_COVERS_BASE_URL"),
    ],
)
def test_wrong_settings_are_named(extra: list[str], base: str, variable: str) -> None:
    with pytest.raises(ConfigurationProblem, match=f"^{re.escape(variable)}: ") as caught:
        allowed_hosts(extra, covers_base_url=base)
    assert caught.value.variable == variable


class Held(Blobs):
    """A store that counts how many objects have been asked for, and hands them out when told."""

    def __init__(self, within: Blobs) -> None:
        super().__init__(within._store)
        self.asked = 0
        self.open = asyncio.Event()

    async def get(self, path: str, *, at_most: int) -> bytes | None:
        self.asked += 1
        await self.open.wait()
        return await super().get(path, at_most=at_most)


async def test_two_pictures_are_worked_on_at_a_time_and_the_others_not_read(blobs, opening) -> None:
    numbers = [f"978000000000{n}" for n in range(6)]
    for number in numbers:
        await blobs.put(f"covers/{number}", JPEG)
    store = Held(blobs)
    async with opening(store) as proxy:
        served = asyncio.gather(*(proxy.cover(number, SMALL) for number in numbers))
        for _ in range(50):
            await asyncio.sleep(0)
        assert store.asked == 2
        store.open.set()
        assert all(await served)
    assert store.asked == 6


async def test_a_query_does_not_make_another_picture_of_one(origin, blobs, opening) -> None:
    async with opening(blobs) as proxy:
        for query in ("", "?a=1", "?a=2"):
            await proxy.get(origin.url + query, SMALL)
    assert origin.asked == ["/b/id/1-L.jpg"]
    assert await blobs.list("covers") == [origin.path]
