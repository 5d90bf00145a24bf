"""What Open Library answers mean in our types (providers §3); pure.

Every answer is brought into one pair of forms, the work as a search hit (``WorkHit``) and its
editions as records (``EditionDocument``), and mapped from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from msgspec import Struct, structs

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import DataProvider
from bookstrack.model.isbn import Isbn, isbn_list
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.dates import parse_date, parse_year
from bookstrack.normalise.formats import edition_format
from bookstrack.normalise.genres import genres
from bookstrack.normalise.languages import language_code
from bookstrack.normalise.markup import plain_text, without_footnotes
from bookstrack.normalise.numbers import page_count
from bookstrack.normalise.titles import display_name
from bookstrack.providers import reading
from bookstrack.providers.open_library_wire import (
    BookData,
    Document,
    EditionDocument,
    EditionHit,
    WorkDocument,
    WorkHit,
    WorkHits,
)

_PROVIDER = DataProvider.OPEN_LIBRARY
_COVER_ID = re.compile(r"/b/id/(\d+)-")
_PATHS = {"W": "works", "M": "books", "A": "authors"}


class Basis(Struct, frozen=True, kw_only=True):
    """What mapping needs to know: the year for plausible dates, and the https base of covers."""

    this_year: int
    covers: str


def bare_key(value: object, kind: str = "WMA") -> str | None:
    """Return ``OL…W`` from any spelling of a key: bare, path, URL or ``{"key": path}``.

    ``kind`` names the letters that are accepted: Works, editions (M), Authors.
    """
    spelled = reading.text(reading.members(value).get("key", value)) or ""
    found = re.search(rf"(?<![A-Za-z0-9])OL\d{{1,18}}[{kind}](?![A-Za-z0-9])", spelled)
    return found.group() if found else None


def document_path(key: str) -> str:
    """Return the path of a record by its bare key."""
    return f"/{_PATHS[key[-1]]}/{key}.json"


def is_deleted(document: Document) -> bool:
    """Tell whether a record only says that it was deleted (quirk 5)."""
    return _type_of(document) == "/type/delete"


def redirect_target(document: Document) -> str | None:
    """Return the bare key a redirect document leads to, or ``None`` for any other record."""
    return bare_key(document.location) if _type_of(document) == "/type/redirect" else None


def author_keys(authors: object) -> tuple[str, ...]:
    """Return the keys of ``{author: {key}}``, ``{author: path}``, ``{key}`` and plain strings."""
    found = (
        bare_key(reading.members(entry).get("author", entry), "A")
        for entry in reading.elements(authors)
    )
    return tuple(dict.fromkeys(key for key in found if key))


def records_from_hits(hits: WorkHits, basis: Basis) -> tuple[BookRecord, ...]:
    """Map a search page in its order; works without title are left out."""
    found = (book_record(hit, editions_of(hit), basis) for hit in hits.docs or () if hit)
    return tuple(record for record in found if record is not None)


def book_record(
    hit: WorkHit,
    printed: Sequence[EditionDocument],
    basis: Basis,
    *,
    asked: Isbn | None = None,
    about: WorkDocument | None = None,
) -> BookRecord | None:
    """Map one work with editions of it; ``None`` where there is no title.

    ``about`` is the work's own record, which has the description. ``asked`` becomes the primary
    ISBN of the edition that carries it.
    """
    title = reading.text(hit.title)
    if title is None:
        return None
    mapped = [edition_record(document, basis, asked=asked) for document in printed]
    editions = tuple(edition for edition, _ in mapped)
    subjects = _together([hit.subject, about.subjects if about else None])
    covers = [hit.cover_i, about.covers if about else None, *(e.covers for e in printed)]
    language, year = _only_language(hit), year_in(hit.first_publish_year, basis)
    years = [edition.publication_year for edition in editions if edition.publication_year]
    work = Work(
        title=title,
        subject_tags=genres(subjects),
        original_language=language,
        first_publication_year=year or min(years, default=None),
        description=_description(about.description) if about else None,
        cover_image_url=_cover(covers, basis),
        synthetic=bare_key(hit.key, "W") is None,
        primary_provider=_PROVIDER,
        contributors=(_PROVIDER,),
    )
    return BookRecord(
        provider=ProviderId.OPEN_LIBRARY,
        work=_with_ids(work, hit, printed),
        editions=editions,
        authors=_authors(hit),
        subtitle=reading.text(hit.subtitle) or (reading.text(about.subtitle) if about else None),
        thumbnail_url=_cover(covers, basis, size="M"),
        rating=reading.rating(hit.ratings_average, hit.ratings_count),
        raw_subjects=subjects,
        misprints=tuple(dict.fromkeys(number for _, numbers in mapped for number in numbers)),
        edition_count=reading.whole(hit.edition_count),
        weak=_weak(hit, language=language, year=year),
    )


def _weak(hit: WorkHit, *, language: str | None, year: int | None) -> frozenset[str]:
    """Name what is only inferred from editions; a hit without key is such an inference itself."""
    weak = {"original_language"} if language else set[str]()
    if year is None or bare_key(hit.key, "W") is None:
        weak.add("first_publication_year")
    return frozenset(weak)


def edition_record(
    document: EditionDocument, basis: Basis, *, asked: Isbn | None = None
) -> tuple[Edition, tuple[str, ...]]:
    """Map one edition; returns it with its misprinted numbers."""
    numbers = [*reading.texts(document.isbn_13), *reading.texts(document.isbn_10)]
    isbns, misprints = isbn_list(reading.with_first(numbers, asked))
    identifiers = reading.members(document.identifiers)
    published = reading.date_value(_first(document.publish_date))
    key = bare_key(document.key, "M")
    google = reading.texts(identifiers.get("google"))
    edition = Edition(
        isbn=next(iter(isbns), None),
        isbns=isbns,
        title=edition_title(document),
        publisher=reading.publisher(document.publishers),
        publication_date=parse_date(published, this_year=basis.this_year),
        publication_year=parse_year(published, this_year=basis.this_year),
        page_count=page_count(document.number_of_pages) or page_count(document.pagination),
        format=edition_format(reading.text(document.physical_format)),
        cover_image_url=_cover([document.covers], basis),
        edition_title=reading.text(document.edition_name),
        edition_description=_description(document.description),
        language=next(iter(_languages(document.languages)), None),
        primary_provider=_PROVIDER,
        contributors=(_PROVIDER,),
        open_library_id=key,
        open_library_edition_id=key,
        google_books_volume_id=next(iter(google), None),
        goodreads_id=reading.first_text(identifiers.get("goodreads")),
        amazon_asins=reading.texts(identifiers.get("amazon")),
        google_books_volume_ids=google,
        librarything_ids=reading.texts(identifiers.get("librarything")),
    )
    return edition, misprints


def edition_title(document: EditionDocument) -> str | None:
    """Return an edition's title with its prefix ("The ", in old records apart)."""
    prefix, title = reading.text(document.title_prefix), reading.text(document.title)
    return " ".join(part for part in (prefix, title) if part) or None


def editions_of(hit: WorkHit) -> tuple[EditionDocument, ...]:
    """Return the editions in a hit's sub-list, or one that stands for the work.

    The lists of the work itself belong to an edition only where there is exactly one (quirk 2).
    """
    listed = hit.editions.docs or () if hit.editions is not None else ()
    found = tuple(_as_document(edition, hit) for edition in listed if edition is not None)
    if found:
        return found
    alone = EditionHit(title=hit.title, cover_i=hit.cover_i)
    if reading.whole(hit.edition_count) == 1:
        alone = EditionHit(
            key=_first(hit.edition_key),
            title=hit.title,
            isbn=hit.isbn,
            publisher=hit.publisher,
            publish_date=hit.publish_date,
            language=hit.language,
            cover_i=hit.cover_i,
        )
    return (_as_document(alone, hit),)


def _as_document(edition: EditionHit, hit: WorkHit) -> EditionDocument:
    return EditionDocument(
        key=edition.key,
        title=edition.title,
        isbn_13=edition.isbn,
        publishers=edition.publisher,
        publish_date=edition.publish_date,
        number_of_pages=hit.number_of_pages_median,
        languages=edition.language,
        covers=edition.cover_i,
    )


def carries(document: EditionDocument, isbn: Isbn) -> bool:
    """Tell whether an edition's own numbers contain an ISBN, in either notation."""
    numbers = [*reading.texts(document.isbn_13), *reading.texts(document.isbn_10)]
    return isbn.canonical in isbn_list(numbers)[0]


def hit_from_work(work: WorkDocument) -> WorkHit:
    """Return a work record as the search would list it; authors by key only."""
    return WorkHit(
        key=work.key,
        title=work.title,
        subtitle=work.subtitle,
        author_key=list(author_keys(work.authors)),
        first_publish_year=work.first_publish_date,
        cover_i=work.covers,
        subject=work.subjects,
    )


def hit_from_edition(edition: EditionDocument) -> WorkHit:
    """Return the work inferred from an edition that belongs to none (quirk 6)."""
    people = reading.elements(edition.authors)
    return WorkHit(
        title=edition_title(edition),
        subtitle=edition.subtitle,
        author_name=[reading.members(person).get("name") for person in people],
        author_key=[reading.members(person).get("url", person) for person in people],
        first_publish_year=_first(edition.publish_date),
        cover_i=edition.covers,
        language=list(_languages(edition.languages)),
        subject=edition.subjects,
    )


def edition_from_data(data: BookData, isbn: Isbn) -> EditionDocument:
    """Return a ``jscmd=data`` record, which was found by this ISBN, in edition form (quirk 13)."""
    identifiers = reading.members(data.identifiers)
    cover = _COVER_ID.search(reading.text(reading.members(data.cover).get("large")) or "")
    return EditionDocument(
        key=data.key,
        title=data.title,
        subtitle=data.subtitle,
        authors=data.authors,
        isbn_13=[isbn.canonical, *reading.texts(identifiers.get("isbn_13"))],
        isbn_10=identifiers.get("isbn_10"),
        publishers=_names(data.publishers),
        publish_date=data.publish_date,
        number_of_pages=data.number_of_pages,
        pagination=data.pagination,
        covers=int(cover[1]) if cover else None,
        subjects=_names(data.subjects),
        identifiers=data.identifiers,
    )


def _type_of(document: Document) -> str | None:
    return reading.text(reading.members(document.type).get("key", document.type))


def _authors(hit: WorkHit) -> tuple[Author, ...]:
    pairs = zip_longest(reading.elements(hit.author_name), reading.elements(hit.author_key))
    people = ((display_name(reading.text(name) or ""), bare_key(key, "A")) for name, key in pairs)
    return reading.authors(Author(name=name, open_library_id=key) for name, key in people if name)


def _with_ids(work: Work, hit: WorkHit, printed: Sequence[EditionDocument]) -> Work:
    def ids(of_work: object, scheme: str) -> tuple[str, ...]:
        of_editions = (reading.members(document.identifiers).get(scheme) for document in printed)
        return _together([of_work, *of_editions])

    key = bare_key(hit.key, "W")
    goodreads, google = ids(hit.id_goodreads, "goodreads"), ids(hit.id_google, "google")
    return structs.replace(
        work,
        open_library_id=key,
        open_library_work_id=key,
        goodreads_id=next(iter(goodreads), None),
        goodreads_work_ids=goodreads,
        amazon_asins=ids(hit.id_amazon, "amazon"),
        librarything_ids=ids(hit.id_librarything, "librarything"),
        google_books_volume_id=next(iter(google), None),
        google_books_volume_ids=google,
    )


def _together(lists: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for values in lists for text in reading.texts(values)))


def _names(value: object) -> list[object]:
    return [reading.members(entry).get("name", entry) for entry in reading.elements(value)]


def _first(value: object) -> object:
    return next(iter(reading.elements(value)), None)


def year_in(value: object, basis: Basis) -> int | None:
    """Return the year in a free text or number."""
    return parse_year(reading.date_value(value), this_year=basis.this_year)


def _languages(value: object) -> tuple[str, ...]:
    spelled = (reading.members(entry).get("key", entry) for entry in reading.elements(value))
    codes = (language_code(reading.text(code)) for code in spelled)
    return tuple(dict.fromkeys(code for code in codes if code))


def _only_language(hit: WorkHit) -> str | None:
    """Return a work's language only where there is no other: the list names translations too."""
    languages = _languages(hit.language)
    return languages[0] if len(languages) == 1 else None


def _description(value: object) -> str | None:
    text = reading.prose(value)
    return plain_text(without_footnotes(text)) if text else None


def _cover(lists: Iterable[object], basis: Basis, *, size: str = "L") -> str | None:
    """Return the address of the first real picture; -1 and null stand for none (quirk 8)."""
    numbers = (reading.whole(entry) for values in lists for entry in reading.elements(values))
    found = next((number for number in numbers if number), None)
    return f"{basis.covers}/b/id/{found}-{size}.jpg" if found else None
