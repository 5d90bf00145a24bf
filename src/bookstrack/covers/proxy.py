"""Serving covers in three sizes: foreign ones fetched and stored once, and harvested ones."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
from cachebox import LRUCache
from msgspec import Struct
from msgspec.structs import replace

from bookstrack.covers.pictures import LARGE_PIXELS, CoverSize, Picture, describe, pack, resize
from bookstrack.errors import ConfigurationProblem, InvalidRequest, NotFound, StorageProblem
from bookstrack.flights import Flights
from bookstrack.normalise.images import cover_url, image_key
from bookstrack.storage.blobs import Blobs
from bookstrack.upstream.guard import HostRules, check_url
from bookstrack.upstream.pictures import MAX_BYTES, PictureFetcher

log = structlog.get_logger(__name__)

DEFAULT_HOSTS = (
    "books.google.com",
    "covers.openlibrary.org",
    "images-na.ssl-images-amazon.com",
    "images.isbndb.com",
    "archive.org",  # Open Library redirects there
    "*.us.archive.org",
)
MAX_AGE_S = 2_592_000
_THREADS = 2
_HELD = 6  # pictures that are being fetched, or wait for a thread, with up to 10 MiB each
_OVERHEAD = 400  # bytes of an entry beside its picture


class Served(Struct, frozen=True, kw_only=True):
    """A picture to send: ``etag`` with its quotes, ``hit`` where no host was asked, seconds."""

    body: bytes
    content_type: str
    etag: str
    hit: bool
    max_age: int = MAX_AGE_S


def allowed_hosts(extra: Iterable[str], *, covers_base_url: str) -> HostRules:
    """Return the hosts of pictures: the built-in ones, the operator's, and his covers mirror.

    Raises:
        ConfigurationProblem: one of the two settings is no host name or base URL.
    """
    names = (*DEFAULT_HOSTS, *extra)
    try:
        HostRules.of(names)
    except ValueError as error:
        raise ConfigurationProblem("BOOKSTRACK_IMAGE_HOSTS", str(error)) from error
    try:
        return HostRules.of(names, origins=(covers_base_url,))
    except ValueError as error:
        variable = "BOOKSTRACK_OPENLIBRARY_COVERS_BASE_URL"
        raise ConfigurationProblem(variable, str(error)) from error


class ImageProxy:
    """Pictures by URL or ISBN. Originals lie in the object store, sizes made of them in memory.

    A size is always made of the stored form, so that every process serves the same bytes under
    the same ETag. An object store that fails makes it slower, nothing else. Requests that wait
    for a thread hold no picture, but for the few that have just been fetched.
    """

    def __init__(
        self,
        blobs: Blobs,
        fetcher: PictureFetcher,
        *,
        hosts: HostRules,
        memory_bytes: int = 16 * 2**20,
    ) -> None:
        self._blobs = blobs
        self._fetcher = fetcher
        self._hosts = hosts
        self._memory: LRUCache[str, Served] = LRUCache(memory_bytes, getsizeof=_weigh)
        self._originals: Flights[bytes] = Flights()
        self._sizes: Flights[Served] = Flights()
        self._threads = asyncio.Semaphore(_THREADS)
        self._large = asyncio.Lock()
        self._held = asyncio.Semaphore(_HELD)

    async def get(self, url: str, size: CoverSize) -> Served:
        """Return the picture at a URL.

        Raises:
            InvalidRequest: not an http(s) URL.
            Forbidden: its host, or one it redirects to, is not allowed or not public.
            NotFound: the host has no such picture.
            TooLarge: it has more than 10 MiB.
            ProviderProblem: the host failed, or what it sent is not a picture.
        """
        target = check_url(url, hosts=self._hosts)
        address = str(target) if self._hosts.is_own(target) else cover_url(str(target))
        if address is None:
            raise InvalidRequest("This is not a valid URL")
        # The operator's own mirror names pictures by path, as Open Library's host does.
        bare = target.with_query(None) if self._hosts.is_own(target) else address
        path = f"covers/{hashlib.sha256(image_key(str(bare)).encode()).hexdigest()}"
        return await self._sized(path, size, [path], lambda: self._fetched(path, address))

    async def cover(self, isbn13: str, size: CoverSize) -> Served | None:
        """Return the harvested cover of an ISBN-13, ``None`` where there is none.

        Raises:
            ProviderFailed: what is stored is not a picture.
        """
        if len(isbn13) != 13 or not (isbn13.isascii() and isbn13.isdigit()):
            return None
        try:
            paths = [f"covers/{isbn13}", f"covers/isbn/{isbn13}.jpg"]
            return await self._sized(paths[0], size, paths, _absent)
        except NotFound:
            return None

    async def close(self) -> None:
        """Stop what is under way."""
        await self._sizes.close()
        await self._originals.close()

    async def _sized(
        self,
        name: str,
        size: CoverSize,
        paths: Sequence[str],
        fetched: Callable[[], Coroutine[Any, Any, bytes]],
    ) -> Served:
        """Return a size of what is stored under one of the paths, else of what is fetched."""
        key = f"{name}:{size}"
        if kept := self._memory.get(key):
            return kept

        async def make() -> Served:
            picture, hit = await self._of_stored(paths, size), True
            if picture is None:
                async with self._held:
                    original, _ = await self._originals.join(name, fetched)
                    async with self._threads:
                        picture, hit = await self._resized(original, size), False
            served = _served(picture)
            if _weigh(key, served) < self._memory.maxsize:
                self._memory[key] = served
            return replace(served, hit=hit)

        return (await self._sizes.join(key, make))[0]

    async def _of_stored(self, paths: Sequence[str], size: CoverSize) -> Picture | None:
        async with self._threads:  # before anything is read
            for path in paths:
                if (stored := await self._stored(path)) is not None:
                    return await self._resized(stored, size)
        return None

    async def _fetched(self, path: str, address: str) -> bytes:
        fetched = await self._fetcher.fetch(address, at_most=MAX_BYTES)
        async with self._threads:
            picture = await self._in_thread(fetched.body, pack)
        try:
            await self._blobs.put(path, picture.body, content_type=picture.content_type)
        except StorageProblem as problem:
            log.warning("picture not stored", path=path, error=problem.message)
        return picture.body

    async def _stored(self, path: str) -> bytes | None:
        try:
            return await self._blobs.get(path, at_most=MAX_BYTES)
        except StorageProblem as problem:
            log.warning("picture not read", path=path, error=problem.message)
            return None

    async def _resized(self, data: bytes, size: CoverSize) -> Picture:
        return await self._in_thread(data, lambda original: resize(original, size=size))

    async def _in_thread(self, data: bytes, work: Callable[[bytes], Picture]) -> Picture:
        """Run slow work; of large pictures one at a time is decoded."""
        header = await asyncio.to_thread(describe, data)
        if header.width * header.height <= LARGE_PIXELS:
            return await asyncio.to_thread(work, data)
        async with self._large:
            return await asyncio.to_thread(work, data)


async def _absent() -> bytes:
    raise NotFound("There is no cover of this book")


def _served(picture: Picture) -> Served:
    etag = f'"{hashlib.sha256(picture.body).hexdigest()[:32]}"'
    return Served(body=picture.body, content_type=picture.content_type, etag=etag, hit=True)


def _weigh(key: str, served: Served) -> int:
    return len(key) + len(served.body) + _OVERHEAD
