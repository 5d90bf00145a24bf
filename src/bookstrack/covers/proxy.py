"""Serving covers in three sizes: foreign ones fetched and stored once, and harvested ones."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog
from cachebox import LRUCache
from msgspec import Struct
from msgspec.structs import replace

from bookstrack.cache.flights import Flights
from bookstrack.covers.pictures import CoverSize, Picture, pack, resize
from bookstrack.errors import ConfigurationProblem, InvalidRequest, NotFound, StorageProblem
from bookstrack.normalise.images import cover_url, image_key
from bookstrack.storage.blobs import Blobs
from bookstrack.upstream.guard import HostRules, check_url
from bookstrack.upstream.pictures import MAX_BYTES, PictureFetcher

log = structlog.get_logger(__name__)

T = TypeVar("T")

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
    the same ETag. An object store that fails makes it slower, nothing else.
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
        self._originals: Flights[tuple[bytes, bool]] = Flights()
        self._sizes: Flights[Served] = Flights()
        self._threads = asyncio.Semaphore(_THREADS)

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
        path = f"covers/{hashlib.sha256(image_key(address).encode()).hexdigest()}"
        return await self._sized(path, size, lambda: self._stored_or_fetched(path, address))

    async def cover(self, isbn13: str, size: CoverSize) -> Served | None:
        """Return the harvested cover of an ISBN-13, ``None`` where there is none.

        Raises:
            ProviderFailed: what is stored is not a picture.
        """
        if len(isbn13) != 13 or not (isbn13.isascii() and isbn13.isdigit()):
            return None
        try:
            return await self._sized(f"covers/{isbn13}", size, lambda: self._harvested(isbn13))
        except NotFound:
            return None

    async def close(self) -> None:
        """Stop what is under way."""
        await self._sizes.close()
        await self._originals.close()

    async def _sized(
        self, path: str, size: CoverSize, original: Callable[[], Awaitable[tuple[bytes, bool]]]
    ) -> Served:
        key = f"{path}:{size}"
        if kept := self._memory.get(key):
            return kept

        async def make() -> Served:
            (data, hit), _ = await self._originals.join(path, original)
            picture = await self._in_thread(lambda: resize(data, size=size))
            served = _served(picture)
            if _weigh(key, served) < self._memory.maxsize:
                self._memory[key] = served
            return replace(served, hit=hit)

        return (await self._sizes.join(key, make))[0]

    async def _stored_or_fetched(self, path: str, address: str) -> tuple[bytes, bool]:
        if (stored := await self._stored(path)) is not None:
            return stored, True
        fetched = await self._fetcher.fetch(address, at_most=MAX_BYTES)
        picture = await self._in_thread(lambda: pack(fetched.body))
        try:
            await self._blobs.put(path, picture.body, content_type=picture.content_type)
        except StorageProblem as problem:
            log.warning("picture not stored", path=path, error=problem.message)
        return picture.body, False

    async def _harvested(self, isbn13: str) -> tuple[bytes, bool]:
        for path in (f"covers/{isbn13}", f"covers/isbn/{isbn13}.jpg"):
            if (stored := await self._stored(path)) is not None:
                return stored, True
        raise NotFound("There is no cover of this book")

    async def _stored(self, path: str) -> bytes | None:
        try:
            return await self._blobs.get(path, at_most=MAX_BYTES)
        except StorageProblem as problem:
            log.warning("picture not read", path=path, error=problem.message)
            return None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._threads:
            return await asyncio.to_thread(work)


def _served(picture: Picture) -> Served:
    etag = f'"{hashlib.sha256(picture.body).hexdigest()[:32]}"'
    return Served(body=picture.body, content_type=picture.content_type, etag=etag, hit=True)


def _weigh(key: str, served: Served) -> int:
    return len(key) + len(served.body) + _OVERHEAD
