"""Searches of contract v1 and v2 (http-api §7.B)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.filters import Filters
from bookstrack.catalogue.narrowing import narrowed
from bookstrack.catalogue.search import Catalogue
from bookstrack.errors import InvalidQuery, NotFound, SearchUnavailable
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Book
from bookstrack.model.enums import AuthorSort
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import dto_names
from bookstrack.web import parameters
from bookstrack.web.contract import Shape
from bookstrack.web.envelope import encode
from bookstrack.web.fast import MAX_AGE as ISBN_MAX_AGE
from bookstrack.web.fast import PATH as ISBN_PATH
from bookstrack.web.reply import SERVED_FROM, Reply
from bookstrack.web.routes.route import (
    PROVIDERS,
    Limit,
    MaxResults,
    Offset,
    TextMode,
    ViewName,
    read,
)
from bookstrack.web.views import (
    AuthorPage,
    BookList,
    ServedBook,
    TextBookList,
    TextData,
    TextTop,
    View,
    author_page,
    choose_view,
    decode_author,
    decode_search,
    flat_list,
    text_results,
)

_TAG = "Search"
_SIX_HOURS = "public, max-age=21600"
_WEEK = "public, max-age=604800"
_Lists = SearchData | BookList | list[Book]


class Views:
    """Chooses views for the requests of this server."""

    def __init__(self, *, sniff: bool) -> None:
        self._sniff = sniff

    def isbn(self, reply: Reply, asked: str | None) -> View:
        """Return the view of an ISBN search."""
        return choose_view(reply.exchange, asked, list_spelling=False, sniff=self._sniff, isbn=True)

    def listed(self, reply: Reply, asked: str | None, *, list_spelling: bool = False) -> View:
        """Return the view of a search with several results."""
        return choose_view(
            reply.exchange, asked, list_spelling=list_spelling, sniff=self._sniff, isbn=False
        )


@read(
    ISBN_PATH,
    answer=SearchData | ServedBook,
    tag=_TAG,
    failures=(404, *PROVIDERS),
    limit="search",
)
async def search_isbn(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    views: NamedDependency[Views],
    isbn: Annotated[str | None, QueryParameter(description="ISBN-10 or ISBN-13")] = None,
    view: Annotated[str | None, ViewName] = None,
) -> Response[Any]:
    """Find the book that carries this ISBN."""
    number = parameters.isbn(isbn)
    chosen = views.isbn(reply, view)
    return isbn_answer(reply, await catalogue.by_isbn(number), number, chosen)


def isbn_answer(reply: Reply, hit: Hit, isbn: Isbn, view: View) -> Response[Any]:
    """Answer an ISBN search in one of the views; a miss is a 404 except in the default view."""
    if view is View.WORKS:
        return reply.hit(hit, max_age=ISBN_MAX_AGE)
    if not hit.entry.facts.found:
        return reply.missing(hit, book_not_found(isbn, hit))
    book = decode_search(hit.entry.body).books[0]
    served = encode({"_cacheSource": SERVED_FROM[hit.source]})
    return reply.hit(hit, encode(book)[:-1] + b"," + served[1:], max_age=ISBN_MAX_AGE)


def book_not_found(isbn: Isbn, hit: Hit) -> NotFound:
    """Return the error of an ISBN that nobody knows."""
    asked = dto_names(hit.entry.facts.asked)
    return NotFound(
        f"No book was found for ISBN {isbn.canonical}",
        details={"isbn": isbn.canonical, "providersSearched": asked},
    )


def list_answer(reply: Reply, hit: Hit, view: View, *, max_age: str) -> Response[Any]:
    """Answer a search with several results in one of the views."""
    if view is View.WORKS:
        return reply.hit(hit, max_age=max_age)
    data = decode_search(hit.entry.body)
    return reply.hit(hit, flat_list(data) if view is View.FLAT else data.books, max_age=max_age)


@read("/v1/search/title", answer=_Lists, tag=_TAG, failures=PROVIDERS, limit="search")
async def search_title(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    views: NamedDependency[Views],
    q: Annotated[str | None, QueryParameter(description="At least 2 characters")] = None,
    title: Annotated[str | None, QueryParameter(description="The same as q, in view list")] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
    offset: Annotated[int, Offset] = 0,
    view: Annotated[str | None, ViewName] = None,
) -> Response[Any]:
    """Find works by title; a text of the shape of an ISBN is looked up as one first."""
    words = parameters.query_text(q, title, name="q")
    chosen = views.listed(reply, view, list_spelling=q is None and title is not None)
    size = parameters.page(limit, max_results, default=20)
    hit = await catalogue.by_title(words, limit=size, offset=offset)
    return list_answer(reply, hit, chosen, max_age=_SIX_HOURS)


@read("/v1/search/author", answer=AuthorPage, tag=_TAG, failures=PROVIDERS, limit="search")
async def search_author(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    name: Annotated[str | None, QueryParameter(description="At least 2 characters")] = None,
    q: Annotated[str | None, QueryParameter(description="The same as name")] = None,
    author: Annotated[str | None, QueryParameter(description="The same as name")] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
    offset: Annotated[int, Offset] = 0,
    sort_by: Annotated[AuthorSort, QueryParameter(name="sortBy")] = AuthorSort.NEWEST,
) -> Response[Any]:
    """Find an author and page through the works."""
    words = parameters.query_text(name, q, author, name="name")
    size = parameters.page(limit, max_results, default=20)
    hit = await catalogue.by_author(words, sort=sort_by)
    page = author_page(decode_author(hit.entry.body), limit=size, offset=offset)
    return reply.hit(hit, page, max_age=_SIX_HOURS)


@read("/v1/search/advanced", answer=_Lists, tag=_TAG, failures=PROVIDERS, limit="search")
async def search_advanced(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    views: NamedDependency[Views],
    title: FromQuery[str | None] = None,
    author: FromQuery[str | None] = None,
    isbn: FromQuery[str | None] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
    year: Annotated[int | None, QueryParameter(ge=1, le=9999)] = None,
    publisher: FromQuery[str | None] = None,
    language: FromQuery[str | None] = None,
    view: Annotated[str | None, ViewName] = None,
) -> Response[Any]:
    """Find works by title, author or ISBN; the rest filters, the ISBN goes before all."""
    named, written = parameters.text(title), parameters.text(author)
    chosen = views.listed(reply, view)
    filters = Filters(
        year=year, publisher=parameters.text(publisher), language=parameters.text(language)
    )
    if isbn is not None and isbn.strip():
        found = await catalogue.by_isbn(parameters.isbn(isbn))
        hit = narrowed(found, title=named, author=written, filters=filters)
    elif named or written:
        size = parameters.page(limit, max_results, default=20)
        hit = await catalogue.advanced(named, written, limit=size, filters=filters)
    else:
        raise InvalidQuery(
            "One of title, author and isbn is required",
            details={"required": ["title", "author", "isbn"]},
        )
    return list_answer(reply, hit, chosen, max_age=_SIX_HOURS)


@read(
    ["/v1/editions/search", "/v1/search/editions"],
    answer=SearchData,
    tag=_TAG,
    failures=(404, *PROVIDERS),
    limit="search",
)
async def search_editions(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    work_title: Annotated[str | None, QueryParameter(name="workTitle")] = None,
    title: Annotated[str | None, QueryParameter(description="The same as workTitle")] = None,
    author: FromQuery[str | None] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """List the editions of a work, best first."""
    named = parameters.query_text(work_title, title, name="workTitle")
    written = parameters.query_text(author, name="author")
    hit = await catalogue.editions(named, written)
    if not hit.entry.facts.found:
        asked = {"workTitle": named, "author": written}
        return reply.missing(hit, NotFound("No edition of this work was found", details=asked))
    data = decode_search(hit.entry.body)
    editions = data.editions[: parameters.page(limit, max_results, default=20)]
    page = SearchData(
        editions=editions,
        result_count=len(editions),
        total_results=data.total_results,
        query=data.query,
    )
    return reply.hit(hit, page, max_age=_WEEK)


@read(
    "/api/v2/search",
    answer=TextData | TextBookList | list[Book],
    top=TextTop,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    shape=Shape.MIRRORED,
)
async def search_text(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    views: NamedDependency[Views],
    q: Annotated[str | None, QueryParameter(description="At least 2 characters")] = None,
    spelled: Annotated[
        str | None, QueryParameter(name="query", description="The same as q, in view list")
    ] = None,
    mode: Annotated[str | None, TextMode] = None,
    limit: Annotated[int | None, Limit] = None,
    max_results: Annotated[int | None, MaxResults] = None,
    offset: Annotated[int, Offset] = 0,
    view: Annotated[str | None, ViewName] = None,
) -> Response[Any]:
    """Find works by any words, in our own catalogue first."""
    if mode == "semantic":
        raise SearchUnavailable("Search by meaning is not available on this server")
    if mode not in (None, "", "text"):
        raise InvalidQuery("mode must be text or semantic", details={"parameter": "mode"})
    words = parameters.query_text(q, spelled, name="q")
    chosen = views.listed(reply, view, list_spelling=q is None and spelled is not None)
    size = parameters.page(limit, max_results, default=20)
    hit = await catalogue.by_text(words, limit=size, offset=offset)
    data = decode_search(hit.entry.body)
    top = TextTop(
        results=text_results(data),
        total=data.total_results,
        mode="text",
        query=words,
        latency_ms=reply.took_ms(),
    )
    payload = _text_payload(hit, data, top, chosen, size, offset)
    return reply.hit(hit, payload, top=top, max_age="public, max-age=300")


def _text_payload(
    hit: Hit, data: SearchData, top: TextTop, view: View, limit: int, offset: int
) -> Any:
    if view is View.LIST:
        return data.books
    extra = encode(
        {
            "results": top.results,
            "total": top.total,
            "mode": top.mode,
            "searchType": top.mode,
            "latency_ms": top.latency_ms,
            "limit": limit,
            "offset": offset,
        }
    )
    whole = hit.entry.body if view is View.WORKS else encode(flat_list(data))
    return whole[:-1] + b"," + extra[1:]


HANDLERS = (
    search_isbn,
    search_title,
    search_author,
    search_advanced,
    search_editions,
    search_text,
)
