"""What can go wrong with a provider, and how it looks on the network."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import StrEnum
from typing import Any, cast

import msgspec
from aiohttp import web
from msgspec import Struct

from bookstrack.testing.exchange import Answer, Asked, Wire, html_answer
from bookstrack.testing.wire_wikidata import lagged

_MEGABYTE = b" " * 1_048_576


class FaultKind(StrEnum):
    """The kinds of trouble; what each does is said at the constructors of ``Fault``."""

    STATUS = "status"
    BUSY = "busy"
    QUOTA = "quota"
    AUTH = "auth"
    TIMEOUT = "timeout"
    RESET = "reset"
    HTML = "html"
    TRUNCATED = "truncated"
    EMPTY_BODY = "empty_body"
    NOTHING = "nothing"
    WRONG_TYPES = "wrong_types"
    DRIP = "drip"
    HUGE = "huge"
    REDIRECT = "redirect"
    LAGGED = "lagged"


class Fault(Struct, frozen=True, kw_only=True):
    """One kind of trouble with its details; made by the class methods."""

    kind: FaultKind
    code: int | None = None
    retry_after: int | None = None
    seconds: float = 5.0
    location: str = "http://elsewhere.invalid/"
    megabytes: int = 11

    @classmethod
    def status(cls, code: int, *, retry_after: int | None = None) -> Fault:
        """Answer with this status and the provider's own body for it."""
        return cls(kind=FaultKind.STATUS, code=code, retry_after=retry_after)

    @classmethod
    def busy(cls, retry_after: int | None = 1) -> Fault:
        """Answer 429 for calls per minute, with ``Retry-After`` in seconds."""
        return cls(kind=FaultKind.BUSY, retry_after=retry_after)

    @classmethod
    def quota(cls, code: int | None = None) -> Fault:
        """Answer that the daily quota is used up; 403 is Google's older form.

        ISBNdb goes on answering ``/key``, which says that nothing is left.
        """
        return cls(kind=FaultKind.QUOTA, code=code)

    @classmethod
    def auth(cls, code: int | None = None) -> Fault:
        """Refuse the key: Google 400 (or 403), ISBNdb 403 (or 401), others 403."""
        return cls(kind=FaultKind.AUTH, code=code)

    @classmethod
    def timeout(cls) -> Fault:
        """Take the request and never answer."""
        return cls(kind=FaultKind.TIMEOUT)

    @classmethod
    def reset(cls) -> Fault:
        """Send half of the answer, then break the connection with RST."""
        return cls(kind=FaultKind.RESET)

    @classmethod
    def html(cls) -> Fault:
        """Answer 200 with a page instead of JSON."""
        return cls(kind=FaultKind.HTML)

    @classmethod
    def truncated(cls) -> Fault:
        """Answer with the first half of the JSON, as if it were whole."""
        return cls(kind=FaultKind.TRUNCATED)

    @classmethod
    def empty_body(cls) -> Fault:
        """Answer 200 with JSON's content type and no byte."""
        return cls(kind=FaultKind.EMPTY_BODY)

    @classmethod
    def nothing(cls) -> Fault:
        """Answer as if the provider knew no book and nobody."""
        return cls(kind=FaultKind.NOTHING)

    @classmethod
    def wrong_types(cls) -> Fault:
        """Answer with the right keys, but numbers as lists and texts as numbers."""
        return cls(kind=FaultKind.WRONG_TYPES)

    @classmethod
    def drip(cls, seconds: float = 5.0) -> Fault:
        """Answer correctly, byte by byte over so many seconds."""
        return cls(kind=FaultKind.DRIP, seconds=seconds)

    @classmethod
    def huge(cls, megabytes: int = 11) -> Fault:
        """Answer with so many MiB of blanks after the JSON."""
        return cls(kind=FaultKind.HUGE, megabytes=megabytes)

    @classmethod
    def redirect(cls, location: str = "http://elsewhere.invalid/") -> Fault:
        """Answer 302 to another host."""
        return cls(kind=FaultKind.REDIRECT, location=location)

    @classmethod
    def lagged(cls) -> Fault:
        """Answer 200 with Wikidata's ``maxlag`` error."""
        return cls(kind=FaultKind.LAGGED)


def faulty(fault: Fault, wire: Wire, barren: Wire, asked: Asked) -> Answer:
    """Return the answer a fault makes of a request, where it is a whole answer.

    ``barren`` is the same provider without a single book.
    """
    match fault.kind:
        case FaultKind.STATUS:
            answer = wire.status(fault.code or 500)
        case FaultKind.BUSY:
            answer = wire.status(429)
        case FaultKind.QUOTA:
            answer = wire.quota(fault.code) if fault.code else wire.quota()
        case FaultKind.AUTH:
            answer = wire.auth(fault.code) if fault.code else wire.auth()
        case FaultKind.HTML:
            answer = html_answer("Just a moment")
        case FaultKind.NOTHING:
            answer = barren.answer(asked)
        case FaultKind.REDIRECT:
            answer = Answer(status=302, headers={"location": fault.location})
        case FaultKind.LAGGED:
            answer = lagged()
        case _:
            answer = _spoilt(fault.kind, wire.answer(asked))
    if fault.retry_after is None:
        return answer
    headers = {**answer.headers, "retry-after": str(fault.retry_after)}
    return msgspec.structs.replace(answer, headers=headers)


def _spoilt(kind: FaultKind, answer: Answer) -> Answer:
    body = answer.body
    match kind:
        case FaultKind.TRUNCATED:
            body = body[: len(body) // 2]
        case FaultKind.EMPTY_BODY:
            body = b""
        case FaultKind.WRONG_TYPES if body[:1] in (b"{", b"["):
            body = msgspec.json.encode(mistyped(msgspec.json.decode(body)))
        case _:
            return answer
    return msgspec.structs.replace(answer, body=body)


def mistyped(value: Any) -> Any:
    """Keep the containers of a JSON value and replace everything in them by another type."""
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return {key: mistyped(each) for key, each in members.items()}
        case list():
            return [mistyped(each) for each in cast("list[Any]", value)]
        case str():
            return 17
        case bool() | None:
            return "perhaps"
        case _:
            return []


async def drip(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    """Write a body in small pieces, evenly over so many seconds."""
    turns = max(1, min(len(body), round(seconds * 20)))
    size = -(-len(body) // turns)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / turns)
        await response.write(body[start : start + size])


async def swell(response: web.StreamResponse, body: bytes, megabytes: int) -> None:
    """Write a body and so many MiB of blanks after it."""
    await response.write(body)
    for _ in range(megabytes):
        await response.write(_MEGABYTE)


def break_off(request: web.BaseRequest) -> None:
    """Break the connection so that the peer gets RST instead of an orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
