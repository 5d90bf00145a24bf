"""A real HTTP server that plays Google Books, Open Library, ISBNdb, Wikidata and Gemini.

It speaks their wire formats over a small catalogue of its own, can be slow, refuse, break off or
answer nonsense, and lists what it was asked. ``python -m bookstrack.testing`` serves it alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from types import TracebackType
from typing import Any

from aiohttp import web
from msgspec import Struct, field

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.control import Control
from bookstrack.testing.exchange import Answer, Asked, Wire
from bookstrack.testing.exported import exported_books
from bookstrack.testing.faults import Fault, FaultKind, break_off, drip, faulty, swell
from bookstrack.testing.generated import generated_isbn
from bookstrack.testing.wire_covers import CoversWire
from bookstrack.testing.wire_gemini import GeminiWire, Said
from bookstrack.testing.wire_google import GoogleWire
from bookstrack.testing.wire_isbndb import IsbndbWire
from bookstrack.testing.wire_open_library import OpenLibraryWire
from bookstrack.testing.wire_wikidata import WikidataWire

__all__ = ["PROVIDERS", "Asked", "FakeUpstream", "Fault", "FaultKind", "Said", "generated_isbn"]

PROVIDERS = (
    "google",
    "openlibrary",
    "openlibrary_covers",
    "isbndb",
    "wikidata",
    "wikidata_query",
    "gemini",
)
_REMEMBERED = 5000
_LARGEST_BODY = 32 * 1024 * 1024
_GOOGLE_KEY, _ISBNDB_KEY = "fake-google-key", "fake-isbndb-key"


class _Active(Struct):
    """A fault that waits for requests; ``times`` left, ``None`` for ever."""

    fault: Fault
    times: int | None
    where: str


class _Desk(Struct):
    """One provider: how it speaks, what ails it, what it was asked."""

    wire: Wire
    barren: Wire
    delay: float = 0.0
    spread: float = 0.0
    faults: list[_Active] = field(default_factory=list[_Active])
    asked: deque[Asked] = field(default_factory=lambda: deque[Asked](maxlen=_REMEMBERED))
    count: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def fault_for(self, asked: Asked) -> Fault | None:
        """Return the fault that hits this request and use it up."""
        for active in self.faults:
            line = f"{asked.path}?{'&'.join(f'{k}={v}' for k, v in asked.query.items())}"
            if active.where not in line:
                continue
            if active.times is not None:
                active.times -= 1
                if active.times <= 0:
                    self.faults.remove(active)
            return active.fault
        return None


class FakeUpstream:
    """The providers, the cover host and Gemini on one port of this machine, each under its prefix.

    ``port`` 0 takes a free one. ``anonymous`` lets Google answer without a key. Provider names
    are those of ``PROVIDERS``. The last 5000 requests per provider are remembered.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, anonymous: bool = False) -> None:
        self.catalogue = Catalogue()
        self._host, self._port = host, port
        self._isbndb = IsbndbWire(self.catalogue)
        self.gemini = GeminiWire()
        self._desks = _desks(self.catalogue, self._isbndb, anonymous=anonymous)
        self._desks["gemini"] = _Desk(self.gemini, self.gemini)
        self._control = Control(self)
        self._chance = Random(7)  # noqa: S311 spreads delays
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> FakeUpstream:
        server = web.Server(
            self._serve,
            handler_cancellation=True,
            access_log=None,
            request_factory=partial(_request, asyncio.get_running_loop()),
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Return ``http://127.0.0.1:port``."""
        return f"http://{self._host}:{self._port}"

    @property
    def urls(self) -> dict[str, str]:
        """Return the base URL of each provider."""
        return {name: f"{self.url}/{name}" for name in PROVIDERS}

    def environment(self) -> dict[str, str]:
        """Return the variables that point a BooksTrack server here, unpaced and with keys.

        Gemini goes without one: a server that is to ask it needs ``GEMINI_API_KEY`` too.
        """
        urls = self.urls
        values = {
            "GOOGLE_BOOKS_BASE_URL": urls["google"],
            "GOOGLE_BOOKS_API_KEY": _GOOGLE_KEY,
            "GOOGLE_BOOKS_RPS": "0",
            "GOOGLE_BOOKS_DAILY_LIMIT": "0",
            "OPENLIBRARY_BASE_URL": urls["openlibrary"],
            "OPENLIBRARY_COVERS_BASE_URL": urls["openlibrary_covers"],
            "OPENLIBRARY_RPS": "0",
            "ISBNDB_BASE_URL": urls["isbndb"],
            "ISBNDB_API_KEY": _ISBNDB_KEY,
            "ISBNDB_RPS": "0",
            "ISBNDB_DAILY_LIMIT": "0",
            "WIKIDATA_BASE_URL": urls["wikidata"],
            "WIKIDATA_RPS": "0",
            "GEMINI_BASE_URL": urls["gemini"],
            "GEMINI_RPM": "0",
        }
        return {f"BOOKSTRACK_{name}": value for name, value in values.items()}

    def add_books(self, count: int) -> None:
        """Let searches by text find the first ``count`` generated books.

        By ``generated_isbn(i)`` and by their ids they are always known.
        """
        self.catalogue.add_books(count)

    def add_export(self, data: bytes) -> None:
        """Let Google, Open Library and ISBNdb know the books of an export file as well.

        Raises:
            Unreadable: nothing can be read from the file.
        """
        works, people = exported_books(data)
        self.catalogue.take_in(works, people)

    def say(self, *said: Said) -> None:
        """Let Gemini give these answers next, one per call."""
        self.gemini.script.extend(said)

    def delay(self, provider: str, seconds: float, *, spread: float = 0.0) -> None:
        """Let a provider (or ``all``) think so long before every answer, and up to ``spread`` more.

        Without a spread what began together ends together, as it hardly does outside.
        """
        for desk in self._named(provider):
            desk.delay, desk.spread = seconds, spread

    def fault(
        self, provider: str, fault: Fault, *, times: int | None = None, where: str = ""
    ) -> None:
        """Let a provider (or ``all``) fail the next ``times`` requests, or until healed.

        Only requests with ``where`` in their path or query are hit. Faults set earlier go first.
        """
        for desk in self._named(provider):
            desk.faults.append(_Active(fault, times, where))
        self._isbndb.exhausted |= fault.kind is FaultKind.QUOTA and provider in ("isbndb", "all")

    def heal(self, provider: str = "all") -> None:
        """End all faults and delays of a provider, or of all."""
        for desk in self._named(provider):
            desk.faults.clear()
            desk.delay = desk.spread = 0.0
        if provider in ("isbndb", "all"):
            self._isbndb.exhausted = False

    def asked(self, provider: str = "all") -> list[Asked]:
        """Return what a provider was asked, oldest first."""
        return [asked for desk in self._named(provider) for asked in desk.asked]

    def count(self, provider: str = "all") -> int:
        """Return how many requests came, those no longer remembered included."""
        return sum(desk.count for desk in self._named(provider))

    def most_at_once(self, provider: str = "all") -> int:
        """Return the largest number of requests one provider had in hand at the same time."""
        return max(desk.most_at_once for desk in self._named(provider))

    def reset(self) -> None:
        """Heal everything and forget what was asked."""
        self.heal()
        self._isbndb.spent = 0
        self.gemini.script.clear()
        self.gemini.otherwise = Said()
        for desk in self._desks.values():
            desk.asked.clear()
            desk.count, desk.most_at_once = 0, desk.at_once

    def _named(self, provider: str) -> list[_Desk]:
        if provider == "all":
            return list(self._desks.values())
        if provider not in self._desks:
            raise ValueError(f"no provider {provider!r}; there are all, {', '.join(PROVIDERS)}")
        return [self._desks[provider]]

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        first, _, rest = request.path[1:].partition("/")
        if first == "_control":
            return await self._control.answer(request, rest)
        desk = self._desks.get(first)
        if desk is None:
            return web.Response(status=404, text="no such provider here\n")
        asked = Asked(
            f"/{rest}",
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            request.method,
            await request.read() if request.can_read_body else b"",
        )
        desk.asked.append(asked)
        desk.count += 1
        desk.at_once += 1
        desk.most_at_once = max(desk.most_at_once, desk.at_once)
        try:
            return await self._play(request, desk, asked, prefix=f"/{first}")
        finally:
            desk.at_once -= 1

    async def _play(
        self, request: web.BaseRequest, desk: _Desk, asked: Asked, *, prefix: str
    ) -> web.StreamResponse:
        if desk.delay or desk.spread:
            await asyncio.sleep(desk.delay + desk.spread * self._chance.random())
        fault = None if not desk.faults else desk.fault_for(asked)
        if fault is None or (fault.kind is FaultKind.QUOTA and asked.path == "/key"):
            return _response(desk.wire.answer(asked), prefix)
        if fault.kind is FaultKind.TIMEOUT:
            await asyncio.Event().wait()
        answer = faulty(fault, desk.wire, desk.barren, asked)
        match fault.kind:
            case FaultKind.DRIP | FaultKind.HUGE | FaultKind.RESET:
                return await _piecemeal(request, answer, fault)
            case _:
                return _response(answer, prefix)


def _desks(catalogue: Catalogue, isbndb: IsbndbWire, *, anonymous: bool) -> dict[str, _Desk]:
    void = Catalogue(empty=True)
    makers: dict[str, Callable[[Catalogue], Wire]] = {
        "google": lambda book: GoogleWire(book, anonymous=anonymous),
        "openlibrary": OpenLibraryWire,
        "openlibrary_covers": CoversWire,
        "isbndb": lambda book: isbndb if book is catalogue else IsbndbWire(book),
        "wikidata": WikidataWire,
        "wikidata_query": WikidataWire,
    }
    return {name: _Desk(make(catalogue), make(void)) for name, make in makers.items()}


def _headers(answer: Answer, prefix: str = "") -> dict[str, str]:
    headers = {"content-type": answer.content_type, **answer.headers}
    if headers.get("location", "").startswith("/"):
        headers["location"] = prefix + headers["location"]
    return headers


def _request(loop: asyncio.AbstractEventLoop, *parts: Any) -> web.BaseRequest:
    """Return a request that may carry a photo; what is usual is 1 MiB."""
    made: Any = web.BaseRequest
    return made(*parts, loop, client_max_size=_LARGEST_BODY)


def _response(answer: Answer, prefix: str) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=_headers(answer, prefix))


async def _piecemeal(request: web.BaseRequest, answer: Answer, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    if fault.kind is FaultKind.RESET:
        response.content_length = len(answer.body) + 1
    else:
        response.enable_chunked_encoding()
    await response.prepare(request)
    match fault.kind:
        case FaultKind.DRIP:
            await drip(response, answer.body, fault.seconds)
        case FaultKind.HUGE:
            await swell(response, answer.body, fault.megabytes)
        case _:
            await response.write(answer.body[: len(answer.body) // 2])
            break_off(request)
    return response
