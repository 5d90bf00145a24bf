"""The first generation's searches: bare JSON in Google's volume form (http-api §7.H)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.filters import Filters
from bookstrack.catalogue.search import Catalogue
from bookstrack.errors import InvalidParameter, MissingParameter
from bookstrack.model.enums import AuthorSort
from bookstrack.web import parameters
from bookstrack.web.contract import Shape
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, MaxResults, read, write
from bookstrack.web.views import decode_author, decode_search, pagination
from bookstrack.web.volumes import (
    AuthorVolumes,
    Items,
    LegacyAuthor,
    Volumes,
    google_items,
    legacy_works,
)

_TAG = "Legacy search"
_SIX_HOURS = "public, max-age=21600"
_WEEK = "public, max-age=604800"
_MOST = 100


def _facts(reply: Reply, hit: Hit) -> dict[str, Any]:
    """Return what every legacy answer says of itself: the fields of ``CacheFacts``."""
    return {
        "provider": hit.entry.facts.provider,
        "cached": hit.cached,
        "response_time": reply.took_ms(),
        "cache_source": hit.source.value if hit.cached else None,
    }


def _volumes(reply: Reply, hit: Hit, *, max_age: str) -> Response[Any]:
    items = google_items(decode_search(hit.entry.body))
    payload = Volumes(
        kind="books#volumes", total_items=len(items), items=items, **_facts(reply, hit)
    )
    return reply.bare_hit(hit, payload, max_age=max_age)


@read(
    "/search/title",
    answer=Volumes,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    group="legacy_search",
    shape=Shape.BARE,
    legacy=True,
)
async def by_title(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: FromQuery[str | None] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """Find volumes by title at Google and Open Library together."""
    words = parameters.required(q, "q")
    hit = await catalogue.joined_title(words, limit=max_results or 20)
    return _volumes(reply, hit, max_age=_SIX_HOURS)


@read(
    "/search/isbn",
    answer=Volumes,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    group="legacy_search",
    shape=Shape.BARE,
    legacy=True,
)
async def by_isbn(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    isbn: FromQuery[str | None] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """Find the volumes that carry an ISBN."""
    number = parameters.isbn(parameters.required(isbn, "isbn"))
    hit = await catalogue.joined_isbn(number, limit=max_results or 1)
    return _volumes(reply, hit, max_age=_WEEK)


@read(
    "/search/author",
    answer=AuthorVolumes,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    group="legacy_search",
    shape=Shape.BARE,
    legacy=True,
)
async def by_author(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: FromQuery[str | None] = None,
    limit: FromQuery[str | None] = None,
    max_results: Annotated[str | None, QueryParameter(name="maxResults")] = None,
    offset: FromQuery[str | None] = None,
    sort_by: Annotated[str | None, QueryParameter(name="sortBy")] = None,
) -> Response[Any]:
    """Find an author and page through the works."""
    words = parameters.required(q, "q")
    size = _whole(limit or max_results, "limit", default=50, least=1, most=_MOST)
    skipped = _whole(offset, "offset", default=0, least=0, most=100_000)
    hit = await catalogue.by_author(words, sort=_sort(sort_by))
    data = decode_author(hit.entry.body)
    part = slice(skipped, skipped + size)
    works = legacy_works(data.found.books[part], data.found.works[part])
    name = data.author.name if data.author else words
    key = data.author.open_library_id if data.author else None
    payload = AuthorVolumes(
        author=LegacyAuthor(name=name, open_library_key=key, total_works=data.total),
        works=works,
        pagination=pagination(len(data.found.books), size, skipped),
        **_facts(reply, hit),
    )
    return reply.bare_hit(hit, payload, max_age=_SIX_HOURS)


def _whole(text: str | None, name: str, *, default: int, least: int, most: int) -> int:
    if text is None or not text.strip():
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= number <= most:
        raise InvalidParameter(
            f"{name} must be between {least} and {most}", details={"parameter": name}
        )
    return number


def _sort(text: str | None) -> AuthorSort:
    try:
        return AuthorSort(text) if text else AuthorSort.NEWEST
    except ValueError:
        raise InvalidParameter(
            "sortBy names no order", details={"allowed": [s.value for s in AuthorSort]}
        ) from None


async def _advanced(
    catalogue: Catalogue, reply: Reply, title: str, author: str, limit: int, *, max_age: str
) -> Response[Any]:
    if not title and not author:
        raise MissingParameter("bookTitle or authorName is required")
    hit = await catalogue.advanced(title, author, limit=limit, filters=Filters())
    payload = Items(
        items=google_items(decode_search(hit.entry.body)),
        negative_cache=True if hit.cached and not hit.entry.facts.found else None,
        **_facts(reply, hit),
    )
    return reply.bare_hit(hit, payload, max_age=max_age)


@read(
    "/search/advanced",
    answer=Items,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    group="legacy_search",
    shape=Shape.BARE,
    legacy=True,
)
async def advanced(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    title: FromQuery[str | None] = None,
    book_title: Annotated[str | None, QueryParameter(name="bookTitle")] = None,
    author: FromQuery[str | None] = None,
    author_name: Annotated[str | None, QueryParameter(name="authorName")] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """Find volumes by title and/or author."""
    named = parameters.text(title) or parameters.text(book_title)
    written = parameters.text(author) or parameters.text(author_name)
    return await _advanced(catalogue, reply, named, written, max_results or 20, max_age=_SIX_HOURS)


class AdvancedBody(Struct, frozen=True, kw_only=True):
    """The advanced search as a body; the longer names are the older ones."""

    title: str = ""
    bookTitle: str = ""
    author: str = ""
    authorName: str = ""
    maxResults: int = 20


@write(
    "/search/advanced",
    answer=Items,
    tag=_TAG,
    failures=PROVIDERS,
    limit="search",
    group="legacy_search",
    shape=Shape.BARE,
    legacy=True,
)
async def advanced_body(
    data: JSONBody[AdvancedBody],
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
) -> Response[Any]:
    """Find volumes by title and/or author, asked as JSON."""
    if not 1 <= data.maxResults <= _MOST:
        raise InvalidParameter(f"maxResults must be between 1 and {_MOST}")
    named = parameters.text(data.title or data.bookTitle)
    written = parameters.text(data.author or data.authorName)
    return await _advanced(catalogue, reply, named, written, data.maxResults, max_age="no-store")


HANDLERS = (by_title, by_isbn, by_author, advanced, advanced_body)
