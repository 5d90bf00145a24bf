"""One provider, asked directly (http-api §7.I): for comparing sources, not for clients."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from bookstrack.catalogue.answer import assemble
from bookstrack.catalogue.search import Catalogue
from bookstrack.errors import NotFound
from bookstrack.model.provider_names import answer_name
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import Findings, ProviderId
from bookstrack.web import parameters
from bookstrack.web.contract import Shape
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, MaxResults, read
from bookstrack.web.volumes import (
    AuthorList,
    EditionList,
    KnownAuthor,
    Normalised,
    NormalisedBook,
    legacy_works,
)

_TAG = "Provider pass-through"


def _external(path: str, *failures: int, answer: Any = Normalised) -> Any:
    return read(
        path,
        answer=answer,
        tag=_TAG,
        failures=(*failures, *PROVIDERS),
        limit="external",
        group="external",
        shape=Shape.BARE,
        legacy=True,
    )


def _normalized(reply: Reply, name: ProviderId, findings: Findings) -> Response[Any]:
    data = assemble(findings.books, query="")
    payload = Normalised(works=data.works, editions=data.editions, authors=data.authors)
    return reply.bare(payload, provider=answer_name([name]), cached=False)


async def _ask(catalogue: Catalogue, reply: Reply, name: ProviderId, query: Query) -> Response[Any]:
    return _normalized(reply, name, await catalogue.ask_one(name, query))


@_external("/external/google-books")
async def google(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: FromQuery[str | None] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """Search Google Books."""
    query = TextQuery(parameters.required(q, "q"), max_results or 20)
    return await _ask(catalogue, reply, ProviderId.GOOGLE, query)


@_external("/external/google-books-isbn")
async def google_isbn(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    isbn: FromQuery[str | None] = None,
) -> Response[Any]:
    """Look an ISBN up at Google Books."""
    query = IsbnQuery(parameters.isbn(parameters.required(isbn, "isbn")))
    return await _ask(catalogue, reply, ProviderId.GOOGLE, query)


@_external("/external/openlibrary")
async def open_library(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    q: FromQuery[str | None] = None,
    max_results: Annotated[int | None, MaxResults] = None,
) -> Response[Any]:
    """Search Open Library."""
    query = TextQuery(parameters.required(q, "q"), max_results or 20)
    return await _ask(catalogue, reply, ProviderId.OPEN_LIBRARY, query)


@_external("/external/openlibrary-author", answer=AuthorList)
async def open_library_author(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    author: FromQuery[str | None] = None,
) -> Response[Any]:
    """List an author's works as Open Library has them."""
    name = parameters.required(author, "author")
    found = await catalogue.ask_one(ProviderId.OPEN_LIBRARY, AuthorWorksQuery(name))
    data = assemble(found.books, query=name)
    person = found.authors[0].author if found.authors else None
    about = KnownAuthor(
        name=person.name if person else name,
        open_library_key=person.open_library_id if person else None,
    )
    payload = AuthorList(author=about, works=legacy_works(data.books, data.works))
    return reply.bare(payload, provider="openlibrary", cached=False)


@_external("/external/isbndb")
async def isbndb(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    title: FromQuery[str | None] = None,
    author: FromQuery[str | None] = None,
) -> Response[Any]:
    """Search ISBNdb by title and author."""
    query = TitleAuthorQuery(parameters.required(title, "title"), parameters.text(author))
    return await _ask(catalogue, reply, ProviderId.ISBNDB, query)


@_external("/external/isbndb-editions", answer=EditionList)
async def isbndb_editions(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    title: FromQuery[str | None] = None,
    author: FromQuery[str | None] = None,
) -> Response[Any]:
    """List the editions of a work as ISBNdb has them."""
    query = EditionsQuery(
        parameters.required(title, "title"), parameters.required(author, "author")
    )
    found = await catalogue.ask_one(ProviderId.ISBNDB, query)
    editions = tuple(edition for record in found.books for edition in record.editions)
    return reply.bare(EditionList(editions=editions), provider="isbndb", cached=False)


@_external("/external/isbndb-isbn", 404, answer=NormalisedBook)
async def isbndb_isbn(
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    isbn: FromQuery[str | None] = None,
) -> Response[Any]:
    """Look an ISBN up at ISBNdb."""
    number = parameters.isbn(parameters.required(isbn, "isbn"))
    found = await catalogue.ask_one(ProviderId.ISBNDB, IsbnQuery(number))
    if not found.books:
        raise NotFound("ISBNdb does not know this ISBN", details={"isbn": number.canonical})
    data = assemble(found.books, query=number.canonical, isbn=number)
    payload = NormalisedBook(work=data.works[0], edition=data.editions[0], authors=data.authors)
    return reply.bare(payload, provider="isbndb", cached=False)


HANDLERS = (
    google,
    google_isbn,
    open_library,
    open_library_author,
    isbndb,
    isbndb_editions,
    isbndb_isbn,
)
