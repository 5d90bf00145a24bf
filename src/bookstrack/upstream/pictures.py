"""Fetching pictures from the hosts that ``guard`` allows, bounded in time, size and redirects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver
from msgspec import Struct
from yarl import URL

from bookstrack.clock import Clock
from bookstrack.errors import (
    InvalidRequest,
    NotFound,
    ProviderBusy,
    ProviderFailed,
    ProviderProblem,
    ProviderTimeout,
    TooLarge,
)
from bookstrack.upstream.guard import GuardedResolver, HostRules, check_url

PROVIDER = "covers"
MAX_BYTES = 10 * 2**20
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({500, 502, 503, 504})
_LONGEST_PAUSE = 10.0
_CHUNK = 64 * 2**10


class Fetched(Struct, frozen=True, kw_only=True):
    """A body as it came, and the type its sender claims."""

    body: bytes
    content_type: str


class PictureFetcher:
    """Downloads one picture; made by ``open_pictures``."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        hosts: HostRules,
        clock: Clock,
        rng: Random,
        timeout_s: float,
    ) -> None:
        self._session = session
        self._hosts = hosts
        self._clock = clock
        self._rng = rng
        self._timeout_s = timeout_s

    async def fetch(self, url: str, *, at_most: int = MAX_BYTES) -> Fetched:
        """Fetch a URL, twice at most, following up to five redirects to allowed hosts.

        Raises:
            InvalidRequest: not an http(s) URL.
            Forbidden: this host, or one it redirects to, is not allowed or not public.
            NotFound: 404 or 410.
            TooLarge: more than ``at_most`` bytes.
            ProviderTimeout: no whole answer in time, or the network failed.
            ProviderBusy: 429.
            ProviderFailed: any other answer than 200, or redirects without end.
        """
        start = check_url(url, hosts=self._hosts)
        try:
            return await self._attempt(start, at_most)
        except ProviderProblem as problem:
            pause = self._pause(problem)
            if pause is None:
                raise
        await self._clock.sleep(pause)
        return await self._attempt(start, at_most)

    def _pause(self, problem: ProviderProblem) -> float | None:
        """Return seconds until the second attempt, ``None`` where it would not help."""
        if isinstance(problem, ProviderFailed) and problem.details.get("status") not in _PASSING:
            return None
        if problem.retry_after is None:
            return self._rng.uniform(0, 1)
        return problem.retry_after if problem.retry_after <= _LONGEST_PAUSE else None

    async def _attempt(self, start: URL, at_most: int) -> Fetched:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(start, at_most)
        except aiohttp.ClientResponseError as error:
            raise ProviderFailed(PROVIDER, "The picture's host does not speak HTTP") from error
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ProviderTimeout(PROVIDER, "The picture's host did not answer") from error

    async def _follow(self, target: URL, at_most: int) -> Fetched:
        for _ in range(_REDIRECTS + 1):
            async with self._session.get(target, allow_redirects=False) as reply:
                if reply.status not in _MOVED:
                    return await _picture(reply, at_most)
                target = self._next(target, reply.headers.get("Location", ""))
        raise ProviderFailed(PROVIDER, "The picture's host redirects without end")

    def _next(self, target: URL, location: str) -> URL:
        try:
            return check_url(location and urljoin(str(target), location), hosts=self._hosts)
        except (ValueError, InvalidRequest) as error:
            raise ProviderFailed(PROVIDER, "The picture's host redirects to no URL") from error


async def _picture(reply: aiohttp.ClientResponse, at_most: int) -> Fetched:
    status = reply.status
    if status in (404, 410):
        raise NotFound("There is no picture at this URL")
    if status == 429:
        raise ProviderBusy(
            PROVIDER, "The picture's host asks for a pause", retry_after=_wait(reply)
        )
    if status != 200:
        raise ProviderFailed(
            PROVIDER,
            f"The picture's host answered {status}",
            details={"status": status},
            retry_after=_wait(reply),
        )
    return Fetched(body=await _bounded(reply, at_most), content_type=reply.content_type)


def _wait(reply: aiohttp.ClientResponse) -> float | None:
    text = reply.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


async def _bounded(reply: aiohttp.ClientResponse, at_most: int) -> bytes:
    """Read a body, believing its announced length only where that is too large."""
    if (reply.content_length or 0) > at_most:
        raise _too_large(reply.content_length or 0, at_most)
    body = bytearray()
    async for chunk in reply.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > at_most:
            raise _too_large(len(body), at_most)
    return bytes(body)


def _too_large(received: int, at_most: int) -> TooLarge:
    return TooLarge(
        f"The picture is larger than {at_most / 2**20:g} MB",
        details={
            "receivedBytes": received,
            "maxBytes": at_most,
            "receivedMB": round(received / 2**20, 2),
            "maxMB": round(at_most / 2**20, 2),
            "resourceType": "image",
        },
    )


@asynccontextmanager
async def open_pictures(
    *,
    hosts: HostRules,
    clock: Clock,
    rng: Random,
    user_agent: str,
    resolver: AbstractResolver | None = None,
    timeout_s: float = 15.0,
    connect_timeout_s: float = 3.0,
) -> AsyncGenerator[PictureFetcher, None]:
    """Open the one session for pictures: no cookies, no environment, guarded connections.

    ``resolver`` is what the guard asks, the system's by default. ``timeout_s`` holds for one
    attempt with its redirects and the whole body (providers §1.3).
    """
    guard = GuardedResolver(resolver or aiohttp.ThreadedResolver(), allow_private=hosts.private)
    connector = aiohttp.TCPConnector(resolver=guard, use_dns_cache=False, limit=20)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # a picture that comes compressed could grow without bound
        headers={"User-Agent": user_agent, "Accept": "image/*", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
    )
    try:
        yield PictureFetcher(session, hosts=hosts, clock=clock, rng=rng, timeout_s=timeout_s)
    finally:
        await session.close()
        await guard.close()
