"""One exchange over HTTP: bounded in time, size and redirects, and silent about its URL.

The URL may hold a key, and aiohttp's exceptions quote it: none of them leaves this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from msgspec import Struct
from yarl import URL

from bookstrack.errors import ProviderFailed, ProviderTimeout
from bookstrack.upstream.reply import Reply

MAX_BYTES = 10 * 2**20
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 2**10


class Request(Struct, frozen=True, kw_only=True):
    """A GET to make, or a POST where there is a JSON ``body``; ``path`` is how messages name it."""

    provider: str
    path: str
    url: URL
    headers: Mapping[str, str]
    connect_s: float
    limit_s: float
    body: bytes | None = None


class _Unusable(Exception):
    """A reply that breaks our bounds; its text ends the sentence that the path begins."""


@asynccontextmanager
async def open_session(*, user_agent: str) -> AsyncGenerator[aiohttp.ClientSession]:
    """Open a pool of connections without cookies, proxies from the environment or time limits."""
    headers = {
        "User-Agent": user_agent,
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
    }
    async with aiohttp.ClientSession(
        headers=headers, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout()
    ) as session:
        yield session


async def exchange(
    session: aiohttp.ClientSession, request: Request
) -> Reply | ProviderTimeout | ProviderFailed:
    """Ask, follow redirects within the origin, read the whole body; trouble is returned."""
    about = f"{request.provider}: {request.path}"
    try:
        async with asyncio.timeout(request.limit_s):
            return await _follow(session, request)
    except TimeoutError:
        text = f"{about} did not answer in time"
    except (aiohttp.ClientError, OSError):
        text = f"{about} cannot be reached"
    except _Unusable as unusable:
        return ProviderFailed(request.provider, f"{about} {unusable}")
    return ProviderTimeout(request.provider, text)


async def _follow(session: aiohttp.ClientSession, request: Request) -> Reply:
    url = request.url
    for _ in range(_REDIRECTS + 1):
        async with session.request(
            "GET" if request.body is None else "POST",
            url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.connect_s),
        ) as response:
            location = response.headers.get("Location", "")
            if response.status not in _MOVED or not location:
                return await _read(response)
        if request.body is not None:
            raise _Unusable("redirects what was posted")
        url = _next(url, location)
    raise _Unusable("redirects without end")


def _next(url: URL, location: str) -> URL:
    try:
        target = url.join(URL(location))
        own = target.origin() == url.origin()
        safer = target.origin() == url.with_port(None).with_scheme("https").origin()
    except ValueError:
        raise _Unusable("redirects to no address") from None
    if not own and not safer:
        raise _Unusable("redirects to another host")
    return target


async def _read(response: aiohttp.ClientResponse) -> Reply:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _Unusable("answered more than 10 MB")
    return Reply(
        status=response.status,
        content_type=response.content_type.lower(),
        headers={name.lower(): value for name, value in response.headers.items()},
        body=bytes(body),
    )
