"""The web client's façade (http-api §7.N)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Struct, field

from bookstrack.assembly import Assembly
from bookstrack.catalogue.search import Catalogue
from bookstrack.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidIsbn,
    InvalidQuery,
    ProviderProblem,
    SearchUnavailable,
)
from bookstrack.model.answer import Caution
from bookstrack.model.book import Book
from bookstrack.model.isbn import Isbn
from bookstrack.model.naming import camel_name
from bookstrack.web import parameters
from bookstrack.web.envelope import Success
from bookstrack.web.fast import MAX_AGE
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, Limit, read, write
from bookstrack.web.routes.search import book_not_found
from bookstrack.web.views import EnrichedBook, decode_search, enriched_book

_TAG = "Web façade"
_MODES = ("text", "semantic", "similar")
_MOST_ISBNS = 500


class Asked(Struct, frozen=True, kw_only=True):
    """The question of a page of results, as the web client wants it repeated."""

    q: str
    mode: str
    limit: int
    offset: int
    page: int


class Page(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A page of results; every result has an ISBN, or the client drops the whole list."""

    results: tuple[EnrichedBook, ...]
    total_count: int
    query: Asked
    total: int
    limit: int
    offset: int


@read("/v3/books/search", answer=Success[Page], tag=_TAG, failures=PROVIDERS, limit="search")
async def search(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: Annotated[str | None, QueryParameter(description="At least 2 characters")] = None,
    type_: Annotated[
        str | None, QueryParameter(name="type", description="The same as mode")
    ] = None,
    mode: Annotated[str | None, QueryParameter(description="text, semantic or similar")] = None,
    limit: Annotated[int | None, Limit] = None,
    offset: Annotated[int | None, QueryParameter(ge=0, le=100_000)] = None,
    page: Annotated[int | None, QueryParameter(ge=1, le=10_000)] = None,
) -> Response[Any]:
    """Find books by any words."""
    chosen = mode or type_ or "text"
    if chosen not in _MODES:
        raise InvalidQuery(f"mode must be one of {', '.join(_MODES)}")
    if chosen != "text":
        raise SearchUnavailable(f"Search in mode {chosen} is not available on this server")
    words = parameters.query_text(q, name="q")
    size = limit or 20
    skipped = offset if offset is not None else ((page or 1) - 1) * size
    hit = await catalogue.by_text(words, limit=size, offset=skipped)
    data = decode_search(hit.entry.body)
    results = tuple(
        enriched_book(data, index) for index, book in enumerate(data.books) if book.isbn
    )
    payload = Page(
        results=results,
        total_count=data.total_results,
        query=Asked(q=words, mode=chosen, limit=size, offset=skipped, page=skipped // size + 1),
        total=data.total_results,
        limit=size,
        offset=skipped,
    )
    return reply.hit(hit, payload, max_age="public, max-age=300")


@read(
    "/v3/books/{isbn:str}",
    answer=Success[EnrichedBook],
    tag=_TAG,
    failures=(404, *PROVIDERS),
    limit="search",
)
async def book(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    isbn: Annotated[str, PathParameter(description="ISBN-10 or ISBN-13")],
) -> Response[Any]:
    """Return the book that carries this ISBN."""
    number = parameters.isbn(isbn)
    hit = await catalogue.by_isbn(number)
    if not hit.entry.facts.found:
        raise book_not_found(number, hit)
    return reply.hit(hit, enriched_book(decode_search(hit.entry.body)), max_age=MAX_AGE)


class IsbnList(Struct, frozen=True, kw_only=True):
    """ISBNs to look up."""

    isbns: list[str]


class Found(Struct, frozen=True, kw_only=True, rename=camel_name, omit_defaults=True):
    """The books in order of asking, what nobody knows, and what could not be asked."""

    books: tuple[Book, ...] = field(default_factory=tuple[Book, ...])
    not_found: tuple[str, ...] = field(default_factory=tuple[str, ...])
    failed: tuple[str, ...] = ()
    total_count: int


@write("/v3/books/enrich", answer=Success[Found], tag=_TAG, failures=PROVIDERS, limit="batch")
async def enrich(
    data: JSONBody[IsbnList],
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """Look up to 500 ISBNs up at once; what is known here is answered first."""
    if not data.isbns:
        raise EmptyBatch("isbns must not be empty")
    if len(data.isbns) > _MOST_ISBNS:
        details = {"max": _MOST_ISBNS, "received": len(data.isbns)}
        raise BatchTooLarge(f"At most {_MOST_ISBNS} ISBNs at once", details=details)
    numbers = [_parsed(text, index) for index, text in enumerate(data.isbns)]
    distinct = list({number.canonical: number for number in numbers}.values())
    seconds = parts.settings.server.request_timeout_ms / 1000 * 0.8
    looked_up = await _look_up(
        catalogue, distinct, at_once=parts.settings.providers.concurrency, seconds=seconds
    )
    problems = [p for p in looked_up.values() if isinstance(p, Caution)]
    payload = Found(
        books=tuple(b for b in looked_up.values() if isinstance(b, Book)),
        not_found=tuple(n for n, b in looked_up.items() if b is None),
        failed=tuple(n for n, b in looked_up.items() if isinstance(b, Caution)),
        total_count=len(distinct),
    )
    return reply.data(payload, cautions=tuple(dict.fromkeys(problems)))


def _parsed(text: str, index: int) -> Isbn:
    try:
        return Isbn.parse(text)
    except InvalidIsbn as problem:
        problem.details["index"] = index
        raise


async def _look_up(
    catalogue: Catalogue, numbers: list[Isbn], *, at_once: int, seconds: float
) -> dict[str, Book | Caution | None]:
    """Look numbers up side by side; one that is not done in time counts as failed."""
    places = asyncio.Semaphore(at_once)
    late = Caution(code="PROVIDER_TIMEOUT")
    found: dict[str, Book | Caution | None] = {n.canonical: late for n in numbers}

    async def one(number: Isbn) -> None:
        async with places:
            try:
                hit = await catalogue.by_isbn(number)
            except ProviderProblem as problem:
                found[number.canonical] = Caution(code=problem.code, provider=problem.provider)
                return
        books = decode_search(hit.entry.body).books
        found[number.canonical] = books[0] if books else None

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(one(number))
    except TimeoutError:
        return found
    return found


HANDLERS = (search, book, enrich)
