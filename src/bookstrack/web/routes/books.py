"""The web client's façade (http-api §7.N)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Struct, field

from bookstrack.assembly import Assembly
from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.search import Catalogue
from bookstrack.errors import (
    BatchTooLarge,
    BooksTrackError,
    EmptyBatch,
    InvalidIsbn,
    InvalidQuery,
    ProviderProblem,
    RequestTimedOut,
    SearchUnavailable,
)
from bookstrack.model.answer import Caution
from bookstrack.model.book import Book
from bookstrack.model.isbn import Isbn
from bookstrack.model.naming import camel_name
from bookstrack.model.provider_names import c3_source, joined_names
from bookstrack.web import parameters
from bookstrack.web.fast import MAX_AGE
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, Limit, MaxResults, TextMode, read, write
from bookstrack.web.routes.search import book_not_found
from bookstrack.web.views import EnrichedBook, decode_search, enriched_book

_TAG = "Web façade"
_MODES = ("text", "semantic", "similar")
_MOST_ISBNS = 500
TypeName = QueryParameter(
    name="type", description="The same as mode", schema_extra={"enum": ["text"]}
)


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


@read("/v3/books/search", answer=Page, tag=_TAG, failures=PROVIDERS, limit="search")
async def search(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: Annotated[str | None, QueryParameter(description="At least 2 characters")] = None,
    type_: Annotated[str | None, TypeName] = None,
    mode: Annotated[str | None, TextMode] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
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
    size = parameters.page(limit, max_results, default=20)
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
    answer=EnrichedBook,
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
        return reply.missing(hit, book_not_found(number, hit))
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


@write("/v3/books/enrich", answer=Found, tag=_TAG, failures=PROVIDERS, limit="batch")
async def enrich(
    data: JSONBody[IsbnList],
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """Look up to 500 ISBNs up at once; those that nobody could be asked about are ``failed``."""
    if not data.isbns:
        raise EmptyBatch("isbns must not be empty")
    if len(data.isbns) > _MOST_ISBNS:
        details = {"max": _MOST_ISBNS, "received": len(data.isbns)}
        raise BatchTooLarge(f"At most {_MOST_ISBNS} ISBNs at once", details=details)
    strict = parts.settings.api.isbn_strict
    numbers = [_parsed(text, index, strict=strict) for index, text in enumerate(data.isbns)]
    distinct = list({number.canonical: number for number in numbers}.values())
    seconds = parts.settings.server.request_timeout_ms / 1000 * 0.8
    looked_up = await _look_up(
        catalogue, distinct, at_once=parts.settings.providers.concurrency, seconds=seconds
    )
    return _answered(reply, looked_up)


def _parsed(text: str, index: int, *, strict: bool) -> Isbn:
    try:
        number = Isbn.parse(text)
    except InvalidIsbn as problem:
        problem.details["index"] = index
        raise
    if strict and not number.is_valid:
        details = {"isbn": number.number, "index": index}
        raise InvalidIsbn("The check digit of this ISBN is wrong", details=details)
    return number


async def _look_up(
    catalogue: Catalogue, numbers: list[Isbn], *, at_once: int, seconds: float
) -> dict[str, Hit | BooksTrackError]:
    """Look numbers up side by side; one that is not done in time counts as failed."""
    places = asyncio.Semaphore(at_once)
    late = RequestTimedOut("The request took too long")
    found: dict[str, Hit | BooksTrackError] = {n.canonical: late for n in numbers}

    async def one(number: Isbn) -> None:
        async with places:
            try:
                found[number.canonical] = await catalogue.by_isbn(number)
            except BooksTrackError as problem:
                found[number.canonical] = problem

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(one(number))
    except TimeoutError:
        return found
    return found


def _answered(reply: Reply, looked_up: dict[str, Hit | BooksTrackError]) -> Response[Any]:
    """Answer with what was found.

    Raises:
        BooksTrackError: nothing could be looked up.
    """
    problems = [p for p in looked_up.values() if isinstance(p, BooksTrackError)]
    hits = {number: h for number, h in looked_up.items() if isinstance(h, Hit)}
    if problems and not hits:
        raise problems[0]
    books = {number: decode_search(hit.entry.body).books for number, hit in hits.items()}
    cautions = [_caution(problem) for problem in problems]
    cautions += [caution for hit in hits.values() for caution in hit.cautions]
    payload = Found(
        books=tuple(found[0] for found in books.values() if found),
        not_found=tuple(number for number, found in books.items() if not found),
        failed=tuple(number for number in looked_up if number not in hits),
        total_count=len(looked_up),
    )
    provider = joined_names([hit.entry.facts.provider for hit in hits.values()])
    cached = all(hit.cached for hit in hits.values())
    return reply.data(
        payload,
        cautions=tuple(dict.fromkeys(cautions)),
        provider=provider,
        source=c3_source(provider, cached=cached),
        cached=cached,
    )


def _caution(problem: BooksTrackError) -> Caution:
    provider = problem.provider if isinstance(problem, ProviderProblem) else None
    return Caution(code=problem.code, provider=provider)


HANDLERS = (search, book, enrich)
