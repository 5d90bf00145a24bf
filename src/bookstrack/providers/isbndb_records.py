"""ISBNdb books as they come over the wire, and what they mean in our types (providers §4).

A book is an edition; its work is inferred from it. Leaf fields are ``object`` because real answers
vary: one odd value must not cost the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from msgspec import Struct, structs

from bookstrack.model.book import Edition, Work
from bookstrack.model.enums import DataProvider
from bookstrack.model.isbn import Isbn, isbn_list
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.dates import parse_date, parse_year
from bookstrack.normalise.formats import edition_format, is_book_binding
from bookstrack.normalise.genres import genres
from bookstrack.normalise.images import cover_url
from bookstrack.normalise.languages import language_code
from bookstrack.normalise.markup import plain_text
from bookstrack.normalise.numbers import page_count
from bookstrack.normalise.titles import display_name, name_key, title_key
from bookstrack.providers import reading

_PROVIDER = DataProvider.ISBNDB
_LONG_SYNOPSIS = 50


class IsbndbBook(Struct, frozen=True, kw_only=True):
    """One book; ``image_original`` is not read, it expires after two hours (quirk 9)."""

    title: object = None
    title_long: object = None
    isbn: object = None
    isbn10: object = None
    isbn13: object = None
    binding: object = None
    format: object = None
    publisher: object = None
    language: object = None
    date_published: object = None
    publish_date: object = None
    pages: object = None
    image: object = None
    synopsis: object = None
    synopsys: object = None
    overview: object = None
    authors: object = None
    subjects: object = None


class BookAnswer(Struct, frozen=True, kw_only=True):
    """``/book/{isbn}``."""

    book: IsbndbBook | None = None


class BookList(Struct, frozen=True, kw_only=True):
    """Every list of books: under ``books`` or ``data``, by path (quirk 1)."""

    books: tuple[IsbndbBook | None, ...] | None = None
    data: tuple[IsbndbBook | None, ...] | None = None
    total: object = None
    author: object = None
    name: object = None

    @property
    def listed(self) -> tuple[IsbndbBook, ...]:
        """Return the books, under whichever key they came."""
        return tuple(book for book in self.books or self.data or () if book is not None)


class Moment(Struct, frozen=True, kw_only=True):
    """When an answer was read: the current year, and the contract's timestamp."""

    this_year: int
    synced: str


def records_from_list(
    answer: BookList, moment: Moment, *, names: Iterable[str] = ()
) -> tuple[BookRecord, ...]:
    """Map a list in its order, without what is no book where there are others (§6.4).

    ``names`` are authors asked for; with the other books' authors they tell how to join a name
    that came in two pieces (quirk 6).
    """
    known = _known_names(answer.listed, names)
    listed = [book for book in answer.listed if is_book_binding(_binding(book))] or answer.listed
    found = (record_from_book(book, moment, known=known) for book in listed)
    return tuple(record for record in found if record is not None)


def record_from_book(
    book: IsbndbBook,
    moment: Moment,
    *,
    asked: Isbn | None = None,
    known: frozenset[str] = frozenset(),
) -> BookRecord | None:
    """Map one book; ``None`` where it has no title. ``known`` holds keys of authors' names."""
    title = reading.text(book.title) or reading.text(book.title_long)
    if title is None:
        return None
    edition, misprints = _edition(book, moment, title=title, asked=asked)
    subjects = reading.texts(book.subjects)
    return BookRecord(
        provider=ProviderId.ISBNDB,
        work=Work(
            title=title,
            subject_tags=genres(subjects),
            original_language=edition.language,
            first_publication_year=edition.publication_year,
            description=edition.edition_description,
            cover_image_url=edition.cover_image_url,
            synthetic=True,
            primary_provider=_PROVIDER,
            contributors=(_PROVIDER,),
            isbndb_id=edition.isbndb_id,
            last_isbndb_sync=moment.synced,
            isbndb_quality=edition.isbndb_quality,
        ),
        editions=(edition,),
        authors=reading.named(author_names(book.authors, known)),
        raw_subjects=subjects,
        misprints=misprints,
        weak=frozenset({"first_publication_year", "original_language"}),
    )


def _edition(
    book: IsbndbBook, moment: Moment, *, title: str, asked: Isbn | None
) -> tuple[Edition, tuple[str, ...]]:
    numbers = [text for n in (book.isbn13, book.isbn10, book.isbn) if (text := reading.text(n))]
    isbns, misprints = isbn_list(reading.with_first(numbers, asked))
    published = reading.date_value(book.date_published) or reading.date_value(book.publish_date)
    edition = Edition(
        isbn=next(iter(isbns), None),
        isbns=isbns,
        title=title,
        publisher=reading.publisher(book.publisher),
        publication_date=parse_date(published, this_year=moment.this_year),
        publication_year=parse_year(published, this_year=moment.this_year),
        page_count=page_count(book.pages),
        format=edition_format(reading.text(book.binding), reading.text(book.format)),
        cover_image_url=cover_url(reading.text(book.image)),
        edition_title=_long_title(book, title),
        edition_description=description(book),
        language=_language(book.language),
        primary_provider=_PROVIDER,
        contributors=(_PROVIDER,),
        isbndb_id=next(iter(isbns), None),
        last_isbndb_sync=moment.synced,
        isbndb_quality=isbndb_quality(book),
    )
    return edition, misprints


def isbndb_quality(book: IsbndbBook) -> int:
    """Return how complete a book is, 50 to 100 (data-model §6.7)."""
    score = 50
    score += 20 if cover_url(reading.text(book.image)) else 0
    score += 10 if len(description(book) or "") > _LONG_SYNOPSIS else 0
    parts = (
        page_count(book.pages),
        reading.publisher(book.publisher),
        reading.texts(book.subjects),
        reading.texts(book.authors),
    )
    return score + 5 * sum(1 for part in parts if part)


def description(book: IsbndbBook) -> str | None:
    """Return the first description there is, as plain text (quirk 3)."""
    found = (plain_text(reading.prose(t)) for t in (book.synopsis, book.synopsys, book.overview))
    return next((text for text in found if text), None)


def author_names(authors: object, known: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the authors' names, one text each.

    Two entries are one person where their join is a known name: ``["Green", "Simon"]``.
    """
    names = [
        part
        for entry in reading.texts(authors)
        for part in map(str.strip, entry.split(";"))
        if part
    ]
    if len(names) == 2:
        joins = (f"{names[1]} {names[0]}", f"{names[0]} {names[1]}")
        whole = next((join for join in joins if name_key(join) in known), None)
        return (whole,) if whole is not None else tuple(names)
    return tuple(names)


def by_work(records: Sequence[BookRecord]) -> tuple[BookRecord, ...]:
    """Put editions of equal title together as one work, which keeps its earliest year."""
    works: dict[str, list[BookRecord]] = {}
    for record in records:
        works.setdefault(title_key(record.work.title), []).append(record)
    return tuple(_one_work(group) for group in works.values())


def _one_work(group: list[BookRecord]) -> BookRecord:
    best = max(group, key=lambda record: record.work.isbndb_quality)
    years = [year for record in group if (year := record.work.first_publication_year)]
    others = tuple(edition for r in group if r is not best for edition in r.editions)
    return structs.replace(
        best,
        work=structs.replace(best.work, first_publication_year=min(years, default=None)),
        editions=best.editions + others,
        misprints=tuple(dict.fromkeys(number for r in group for number in r.misprints)),
        edition_count=len(group),
    )


def author_shown(answer: BookList, asked: str) -> str:
    """Return the author a list belongs to; the echo is still percent-encoded (quirk 10)."""
    echo = reading.text(answer.author) or reading.text(answer.name)
    return display_name(unquote(echo) if echo else asked) or asked


def _known_names(books: Iterable[IsbndbBook], names: Iterable[str]) -> frozenset[str]:
    shown = [*names, *(name for book in books for name in author_names(book.authors))]
    keys = (name_key(name) for name in shown)
    return frozenset(key for key in keys if " " in key)


def _binding(book: IsbndbBook) -> str | None:
    return reading.text(book.binding) or reading.text(book.format)


def _long_title(book: IsbndbBook, title: str) -> str | None:
    """Return ``title_long`` where it says more than another spelling (quirk 8)."""
    long_title = reading.text(book.title_long)
    same = long_title is None or title_key(long_title) == title_key(title)
    return None if same else long_title


def _language(value: object) -> str | None:
    """Return the code of ``en_US``, ``English`` or ``ger German`` (quirk 7)."""
    name = reading.text(value)
    return language_code(name.split()[0]) if name else None
