"""ISBNdb: asks by key in a header, and tells an empty purse from an unknown book (providers §4)."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from bookstrack.clock import Clock, timestamp
from bookstrack.errors import ProviderBusy, ProviderProblem, ProviderRefused, QuotaExhausted
from bookstrack.model.book import Author
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import AuthorRecord, BookRecord, Findings, ProviderId
from bookstrack.providers import reading
from bookstrack.providers.base import Budget
from bookstrack.providers.bibliography import in_order
from bookstrack.providers.isbndb_records import (
    BookAnswer,
    BookList,
    Moment,
    author_shown,
    by_work,
    isbndb_quality,
    record_from_book,
    records_from_list,
)
from bookstrack.settings import IsbndbSettings, ProviderSettings
from bookstrack.upstream.client import Channel, ChannelOptions, Reply

__all__ = ["Isbndb", "channel_options", "isbndb_quality"]

_BURST = 1
_LONGEST_QUERY = 150
_LARGEST_PAGE = 1000
_EDITIONS = 100
_BOOKS_PER_PAGE = 500
_MOST_BOOKS = 10_000
_SUSPICIOUS_MISSES = 20
_RATE_WAIT_S = 2.0
_RATE_MEMORY_S = 60.0

T = TypeVar("T")


def channel_options(settings: IsbndbSettings, common: ProviderSettings) -> ChannelOptions:
    """Return how ISBNdb is called: the key in a header, days of UTC, no bursts."""
    return ChannelOptions(
        name=ProviderId.ISBNDB,
        base_url=settings.base_url,
        timeout_s=common.timeout_ms / 1000,
        connect_timeout_s=common.connect_timeout_ms / 1000,
        attempts=common.retries,
        rps=settings.rps,
        burst=_BURST,
        daily_limit=settings.daily_limit,
        quota_zone="UTC",
        secret_headers={"Authorization": settings.api_key},
    )


class _Plan(Struct, frozen=True):
    left: object = None


class _KeyState(Struct, frozen=True):
    plan_limit: _Plan | None = None


class Isbndb:
    """The ISBNdb provider.

    It remembers between questions how many unknown books came in a row and when it was last
    told to slow down, for both are how an exhausted key shows (quirk 11).
    """

    name: ProviderId = ProviderId.ISBNDB
    answers: frozenset[type] = frozenset(
        {IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, AuthorWorksQuery}
    )

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock
        self._misses = 0
        self._used_up = False
        self._slowed_at: float | None = None

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Ask one question; raises ProviderProblem."""
        match query:
            case IsbnQuery(isbn) if isbn.isbn13 is not None:
                return await self._by_isbn(isbn, within)
            case TextQuery(text, limit, offset):
                path = _path("books", text)
                more = {"shouldMatchAll": "1"}
                return await self._list(path, more, limit=limit, offset=offset, within=within)
            case TitleAuthorQuery(title, author, limit, offset):
                path, more = _title_author(title, author)
                return await self._list(path, more, limit=limit, offset=offset, within=within)
            case EditionsQuery(title):
                path, more = _title_author(title, "")
                return await self._list(path, more, limit=_EDITIONS, offset=0, within=within)
            case AuthorWorksQuery():
                return await self._works(query, within)
            case _:
                return Findings()

    async def _by_isbn(self, isbn: Isbn, within: Budget) -> Findings:
        path = f"/book/{isbn.isbn13}"
        answer = await self._get(path, BookAnswer, within, {"with_prices": "0"})
        if answer is None or answer.book is None:
            return Findings()
        record = record_from_book(answer.book, self._moment(), asked=isbn)
        proven = record is not None and isbn.isbn13 in record.editions[0].isbns
        return Findings(books=(record,) if record is not None and proven else ())

    async def _list(
        self,
        path: str | None,
        more: dict[str, str],
        *,
        limit: int,
        offset: int,
        within: Budget,
    ) -> Findings:
        """Read the one page that holds the window asked for, and cut the window out of it."""
        size = _page_size(limit, offset)
        if path is None or size is None:
            return Findings()
        page = {"page": str(offset // size + 1), "pageSize": str(size)}
        answer = await self._get(path, BookList, within, more | page)
        if answer is None:
            return Findings()
        start = offset % size
        window = BookList(books=answer.listed[start : start + limit])
        books = records_from_list(window, self._moment(), names=_asked_names(more))
        return Findings(books=books, total=reading.whole(answer.total))

    async def _works(self, query: AuthorWorksQuery, within: Budget) -> Findings:
        path = _path("author", query.name)
        found: list[BookRecord] = []
        shown = query.name
        for page in range(1, _MOST_BOOKS // _BOOKS_PER_PAGE + 1):
            more = {"page": str(page), "pageSize": str(_BOOKS_PER_PAGE)}
            answer = await self._get(path, BookList, within, more) if path else None
            if answer is None:
                break
            shown = author_shown(answer, query.name)
            found += records_from_list(answer, self._moment(), names=(query.name, shown))
            if len(answer.listed) < _BOOKS_PER_PAGE:
                break
        works = by_work(found)
        if not works:
            return Findings()
        author = Author(name=shown, book_count=len(works))
        person = AuthorRecord(provider=ProviderId.ISBNDB, asked=query.name, author=author)
        books = in_order(works, query.sort)
        return Findings(books=books, authors=(person,), total=len(works))

    async def _get(
        self, path: str, into: type[T], within: Budget, params: dict[str, str]
    ) -> T | None:
        """Ask, and look into the purse once a run of unknown books has become suspicious."""
        found = await self._call(path, into, within, params)
        if found is not None or self._misses < _SUSPICIOUS_MISSES:
            return found
        self._misses = 0
        state = await self._call("/key", _KeyState, within, {})
        plan = state.plan_limit if state is not None else None
        if plan is None or reading.number(plan.left) != 0:
            return None
        # The same question again: its 404 is now read as "used up", and the channel rests.
        self._used_up = True
        try:
            return await self._call(path, into, within, params)
        finally:
            self._used_up = False

    async def _call(
        self, path: str, into: type[T], within: Budget, params: dict[str, str]
    ) -> T | None:
        found = await self._channel.get_json(
            path, into, within=within, params=params, explain=self.explain, sound=_sound
        )
        self._slowed_at = None
        if found is not None and into is not _KeyState:
            self._misses = 0
        return found

    def explain(self, reply: Reply) -> ProviderProblem | None:
        """Tell an exhausted key from a short pause and from an unknown book (quirks 11 and 12)."""
        if reply.status == 404:
            # Counted here, once per reply: many waiters may share one call.
            self._misses += 1
        if reply.status in (401, 403):
            return ProviderRefused(
                ProviderId.ISBNDB, "ISBNdb does not accept the API key on this host", reason="auth"
            )
        if (reply.status == 404 and self._used_up) or (
            reply.status == 429 and self._repeats(reply)
        ):
            return QuotaExhausted(ProviderId.ISBNDB, "ISBNdb: the daily quota is used up")
        if reply.status != 429:
            return None
        wait = None if "retry-after" in reply.headers else _RATE_WAIT_S
        return ProviderBusy(ProviderId.ISBNDB, "ISBNdb asks us to slow down", retry_after=wait)

    def _repeats(self, reply: Reply) -> bool:
        """Tell whether a 429 means the day: it says so, or waiting did not help."""
        now = self._clock.monotonic()
        since = self._slowed_at if self._slowed_at is not None else now
        if now - since > _RATE_MEMORY_S:
            since = now
        self._slowed_at = since
        return _nothing_left(reply) or now - since >= _RATE_WAIT_S

    def _moment(self) -> Moment:
        return Moment(
            this_year=reading.this_year(self._clock), synced=timestamp(self._clock.time())
        )


def _sound(answer: object) -> bool:
    match answer:
        case BookAnswer(book=book):
            return book is None or reading.believable([book.title])
        case BookList(listed=books):
            return reading.believable(book.title for book in books)
        case _:
            return True


def _nothing_left(reply: Reply) -> bool:
    try:
        plan = msgspec.json.decode(reply.body, type=_KeyState).plan_limit
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return plan is not None and reading.number(plan.left) == 0


def _path(kind: str, text: str) -> str | None:
    """Return the path of a search; ``None`` where there is nothing to search for."""
    query = " ".join(text.split())[:_LONGEST_QUERY].strip()
    return f"/{kind}/{quote(query, safe='')}" if query else None


def _title_author(title: str, author: str) -> tuple[str | None, dict[str, str]]:
    """Return path and parameters: a title alone has a search of its own."""
    named = {"text": title, "author": author}
    lines = {name: " ".join(text.split())[:_LONGEST_QUERY] for name, text in named.items()}
    asked = {name: line for name, line in lines.items() if line}
    if "author" in asked:
        return "/search/books", asked
    return _path("books", title), {"column": "title", "shouldMatchAll": "1"}


def _asked_names(params: dict[str, str]) -> tuple[str, ...]:
    return (params["author"],) if "author" in params else ()


def _page_size(limit: int, offset: int) -> int | None:
    """Return the smallest page size that puts the window into one page, if there is one."""
    if limit < 1 or offset + limit > _MOST_BOOKS:
        return None
    sizes = range(limit, min(offset + limit, _LARGEST_PAGE) + 1)
    return next((size for size in sizes if offset % size + limit <= size), None)
