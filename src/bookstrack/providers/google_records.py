"""Google Books volumes as they come over the wire, and what they mean in our types.

A volume is an edition; its work is inferred from it (providers §2). Leaf fields are ``object``
because real answers vary: one odd value must not cost the whole answer.
"""

from __future__ import annotations

import re

from msgspec import Struct, structs

from bookstrack.model.book import Edition, Work
from bookstrack.model.enums import DataProvider, EditionFormat
from bookstrack.model.isbn import Isbn, isbn_list
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.dates import parse_date, parse_year
from bookstrack.normalise.formats import edition_format
from bookstrack.normalise.genres import genres
from bookstrack.normalise.images import cover_url
from bookstrack.normalise.languages import language_code
from bookstrack.normalise.markup import plain_text
from bookstrack.normalise.numbers import page_count
from bookstrack.providers import reading

UNPROVEN = 0.6
"""Confidence in the only hit of an ISBN search when it names no ISBN at all (quirk 7)."""

_PROVIDER = DataProvider.GOOGLE_BOOKS
_SIZES = ("extraLarge", "large", "medium", "small", "thumbnail", "smallThumbnail")
_BINDING = re.compile(r"\b(?:mass[ -]market|hardcover|hardback|paperback|softcover)\b", re.I)


class VolumeInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """What Google knows about one volume."""

    title: object = None
    subtitle: object = None
    authors: object = None
    publisher: object = None
    published_date: object = None
    description: object = None
    industry_identifiers: object = None
    page_count: object = None
    printed_page_count: object = None
    print_type: object = None
    categories: object = None
    average_rating: object = None
    ratings_count: object = None
    image_links: object = None
    language: object = None


class Volume(Struct, frozen=True, kw_only=True, rename="camel"):
    """One volume, as searches list it and as ``/volumes/{id}`` answers."""

    id: object = None
    volume_info: VolumeInfo | None = None
    sale_info: object = None


class Volumes(Struct, frozen=True, kw_only=True):
    """A page of hits; ``items`` is missing when there are none (quirk 1)."""

    items: tuple[Volume | None, ...] | None = None


def records_from_volumes(
    volumes: Volumes, this_year: int, *, asked: Isbn | None = None
) -> tuple[BookRecord, ...]:
    """Map hits in their order; magazines and volumes without title are left out.

    ``asked`` becomes the primary ISBN of the editions that carry it.
    """
    found = (record_from_volume(item, this_year, asked=asked) for item in volumes.items or ())
    return tuple(record for record in found if record is not None)


def records_for_isbn(volumes: Volumes, isbn: Isbn, *, this_year: int) -> tuple[BookRecord, ...]:
    """Return the hits that carry this ISBN, those with a cover first.

    Google's ``isbn:`` is a search and may answer with other books (quirk 7). A single hit that
    names no ISBN is believed with confidence ``UNPROVEN``.
    """
    records = records_from_volumes(volumes, this_year, asked=isbn)
    proven = [record for record in records if isbn.isbn13 in record.editions[0].isbns]
    if proven:
        return tuple(sorted(proven, key=lambda record: record.work.cover_image_url is None))
    if len(volumes.items or ()) == len(records) == 1:
        [only] = records
        if not only.editions[0].isbns and not only.misprints:
            return (structs.replace(only, confidence=UNPROVEN),)
    return ()


def record_from_volume(
    volume: Volume | None, this_year: int, *, asked: Isbn | None = None
) -> BookRecord | None:
    """Map one volume; ``None`` for magazines and where there is no title."""
    info = volume.volume_info if volume is not None else None
    title = reading.text(info.title) if info is not None else None
    if volume is None or info is None or title is None:
        return None
    if reading.text(info.print_type) == "MAGAZINE":
        return None
    edition, misprints = _edition(volume, info, title=title, this_year=this_year, asked=asked)
    subjects = reading.texts(info.categories)
    return BookRecord(
        provider=ProviderId.GOOGLE,
        work=_work(edition, title=title, subjects=subjects),
        editions=(edition,),
        authors=reading.named(reading.texts(info.authors)),
        subtitle=reading.text(info.subtitle),
        thumbnail_url=_cover(info, ("thumbnail", "smallThumbnail")),
        rating=reading.rating(info.average_rating, info.ratings_count),
        raw_subjects=subjects,
        misprints=misprints,
        weak=frozenset({"first_publication_year", "original_language"}),
    )


def _work(edition: Edition, *, title: str, subjects: tuple[str, ...]) -> Work:
    return Work(
        title=title,
        subject_tags=genres(subjects),
        original_language=edition.language,
        first_publication_year=edition.publication_year,
        description=edition.edition_description,
        cover_image_url=edition.cover_image_url,
        synthetic=True,
        primary_provider=_PROVIDER,
        contributors=(_PROVIDER,),
        google_books_volume_id=edition.google_books_volume_id,
        google_books_volume_ids=edition.google_books_volume_ids,
    )


def _edition(
    volume: Volume, info: VolumeInfo, *, title: str, this_year: int, asked: Isbn | None
) -> tuple[Edition, tuple[str, ...]]:
    isbns, misprints = _isbns(info, asked)
    volume_id = reading.text(volume.id)
    published = reading.date_value(info.published_date)
    edition = Edition(
        isbn=next(iter(isbns), None),
        isbns=isbns,
        title=title,
        publisher=reading.publisher(info.publisher),
        publication_date=parse_date(published, this_year=this_year),
        publication_year=parse_year(published, this_year=this_year),
        page_count=page_count(info.printed_page_count) or page_count(info.page_count),
        format=_format(volume, info),
        cover_image_url=_cover(info, _SIZES),
        edition_description=plain_text(reading.prose(info.description)),
        language=language_code(reading.text(info.language)),
        primary_provider=_PROVIDER,
        contributors=(_PROVIDER,),
        google_books_volume_id=volume_id,
        google_books_volume_ids=(volume_id,) if volume_id else (),
    )
    return edition, misprints


def _isbns(info: VolumeInfo, asked: Isbn | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    identifiers = map(reading.members, reading.elements(info.industry_identifiers))
    numbers = [
        number
        for entry in identifiers
        if entry.get("type") in ("ISBN_10", "ISBN_13")
        and (number := reading.text(entry.get("identifier")))
    ]
    return isbn_list(reading.with_first(numbers, asked))


def _cover(info: VolumeInfo, sizes: tuple[str, ...]) -> str | None:
    """Return the first picture there is, without the painted corner (quirks 2 and 3)."""
    links = reading.members(info.image_links)
    addresses = (reading.text(links.get(size)) for size in sizes)
    flat = (cover_url(address) for address in addresses)
    return next((address for address in flat if address), None)


def _format(volume: Volume, info: VolumeInfo) -> EditionFormat:
    if reading.members(volume.sale_info).get("isEbook") is True:
        return EditionFormat.EBOOK
    words = (reading.prose(part) for part in (info.title, info.subtitle, info.description))
    return edition_format(*(" ".join(_BINDING.findall(text)) for text in words if text))
