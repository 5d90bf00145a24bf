"""The answer to a search in the default view, made of finished records (http-api §5.8)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bookstrack.catalogue.flat import flat_book, primary_edition
from bookstrack.catalogue.people import UNKNOWN_AUTHOR, distinct_authors
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book, Edition, SearchLinks, Work
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord
from bookstrack.normalise.images import cover_url, https_url
from bookstrack.normalise.titles import name_key

__all__ = ["assemble", "flat_book"]


def assemble(
    records: Sequence[BookRecord],
    *,
    query: str,
    total: int | None = None,
    isbn: Isbn | None = None,
) -> SearchData:
    """Return works, editions, authors and flat books of the records, in their order.

    ``editions[i]`` is the primary edition of ``works[i]``, further editions follow. ``total`` is
    the source's count of hits. With ``isbn`` the scalar keys of the first book are repeated.
    """
    authors = distinct_authors(author for record in records for author in _authors(record))
    shown = {name_key(author.name): author for author in authors}
    ready = [_presentable(record, shown) for record in records]
    books = tuple(flat_book(record, isbn=isbn) for record in ready)
    answer = SearchData(
        works=tuple(record.work for record in ready),
        editions=_paired_editions(ready, isbn),
        authors=authors,
        result_count=len(ready),
        total_results=max(total or 0, len(ready)),
        query=query,
        books=books,
        book=books[0] if books else None,
        author_names=books[0].authors if books else (),
    )
    return answer if isbn is None or not books else _with_scalars(answer, books[0])


def _authors(record: BookRecord) -> tuple[Author, ...]:
    named = tuple(author for author in record.authors if name_key(author.name))
    return named or (Author(name=UNKNOWN_AUTHOR),)


def _presentable(record: BookRecord, shown: dict[str, Author]) -> BookRecord:
    """Return a record with the answer's spelling of names, sound covers and search links."""
    authors = distinct_authors(shown[name_key(author.name)] for author in _authors(record))
    work = replace(
        record.work,
        author_names=tuple(author.name for author in authors),
        cover_image_url=cover_url(record.work.cover_image_url),
        search_links=_work_links(record.work),
    )
    editions = tuple(map(_presentable_edition, record.editions))
    thumbnail = cover_url(record.thumbnail_url)
    return replace(record, work=work, editions=editions, authors=authors, thumbnail_url=thumbnail)


def _presentable_edition(edition: Edition) -> Edition:
    date = edition.publication_date
    return replace(
        edition,
        publication_year=edition.publication_year or (int(date[:4]) if date else None),
        cover_image_url=cover_url(edition.cover_image_url),
        search_links=_edition_links(edition),
    )


def _paired_editions(records: Sequence[BookRecord], isbn: Isbn | None) -> tuple[Edition, ...]:
    primary = [primary_edition(record, isbn=isbn) for record in records]
    further = [
        edition
        for record, first in zip(records, primary, strict=True)
        for edition in record.editions
        if edition is not first
    ]
    return (*primary, *further)


def _work_links(work: Work) -> SearchLinks | None:
    volume = work.google_books_volume_id or next(iter(work.google_books_volume_ids), None)
    return _links(volume, "works", work.open_library_work_id, work.amazon_asins)


def _edition_links(edition: Edition) -> SearchLinks | None:
    volume = edition.google_books_volume_id or next(iter(edition.google_books_volume_ids), None)
    return _links(volume, "books", edition.open_library_edition_id, edition.amazon_asins)


def _links(
    volume: str | None, kind: str, olid: str | None, asins: Sequence[str]
) -> SearchLinks | None:
    links = SearchLinks(
        google_books=https_url(f"https://books.google.com/books?id={volume}") if volume else None,
        open_library=https_url(f"https://openlibrary.org/{kind}/{olid}") if olid else None,
        amazon=https_url(f"https://www.amazon.com/dp/{asins[0]}") if asins else None,
    )
    return None if links == SearchLinks() else links


def _with_scalars(answer: SearchData, book: Book) -> SearchData:
    return replace(
        answer,
        isbn=book.isbn,
        isbn13=book.isbn13,
        title=book.title,
        publisher=book.publisher,
        published_date=book.published_date,
        description=book.description,
        page_count=book.page_count,
        categories=book.categories,
        language=book.language,
        cover_url=book.cover_url,
        average_rating=book.average_rating,
        ratings_count=book.ratings_count,
    )
