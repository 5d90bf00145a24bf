"""Turns the packaged sample catalogue into records, as if our own catalogue had told them.

The facts stand in ``catalogue.toml`` beside this file; its head explains the fields.
"""

from __future__ import annotations

from importlib.resources import files

import msgspec
from msgspec import Struct

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import AuthorGender, CulturalRegion, EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, ProviderId


class SampleAuthor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the table ``[authors]``."""

    name: str
    gender: AuthorGender
    nationality: str
    region: CulturalRegion
    born: int | None = None
    died: int | None = None
    open_library: str | None = None


class SampleEdition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a work's ``editions``; ``edition`` tells volumes of one title apart."""

    isbn: str
    publisher: str | None = None
    date: str | None = None
    pages: int | None = None
    format: EditionFormat = EditionFormat.PAPERBACK
    language: str | None = None
    title: str | None = None
    edition: str | None = None
    open_library: str | None = None


class SampleWork(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[work]]``; ``authors`` are keys of the authors' table."""

    title: str
    authors: tuple[str, ...]
    language: str
    year: int | None = None
    genres: tuple[str, ...]
    open_library: str | None = None
    description: str
    editions: tuple[SampleEdition, ...]


class SampleCatalogue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    authors: dict[str, SampleAuthor]
    work: tuple[SampleWork, ...]


def sample_catalogue() -> SampleCatalogue:
    """Read the packaged file."""
    text = files("bookstrack.sample").joinpath("catalogue.toml").read_bytes()
    return msgspec.toml.decode(text, type=SampleCatalogue)


def sample_records() -> tuple[BookRecord, ...]:
    """Return every work of the sample catalogue with its editions and authors."""
    catalogue = sample_catalogue()
    people = {key: _author(one) for key, one in catalogue.authors.items()}
    return tuple(_record(work, people) for work in catalogue.work)


def _record(work: SampleWork, people: dict[str, Author]) -> BookRecord:
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=Work(
            title=work.title,
            subject_tags=work.genres,
            original_language=work.language,
            first_publication_year=work.year,
            description=work.description,
            cover_image_url=_cover(work.editions[0].isbn),
            open_library_id=work.open_library,
            open_library_work_id=work.open_library,
        ),
        editions=tuple(_edition(edition, work) for edition in work.editions),
        authors=tuple(people[key] for key in work.authors),
    )


def _edition(edition: SampleEdition, work: SampleWork) -> Edition:
    return Edition(
        isbn=edition.isbn,
        isbns=Isbn.parse(edition.isbn).forms,
        title=edition.title or work.title,
        publisher=edition.publisher,
        publication_date=edition.date,
        publication_year=int(edition.date[:4]) if edition.date else None,
        page_count=edition.pages,
        format=edition.format,
        cover_image_url=_cover(edition.isbn),
        edition_title=edition.edition,
        language=edition.language or work.language,
        open_library_id=edition.open_library,
        open_library_edition_id=edition.open_library,
    )


def _author(author: SampleAuthor) -> Author:
    return Author(
        name=author.name,
        gender=author.gender,
        cultural_region=author.region,
        nationality=author.nationality,
        birth_year=author.born,
        death_year=author.died,
        open_library_id=author.open_library,
    )


def _cover(isbn13: str) -> str:
    # Open Library's documented address of a cover by ISBN
    # (https://openlibrary.org/dev/docs/api/covers). We only name it: nothing is fetched here,
    # and a client without network shows the book without its picture.
    return f"https://covers.openlibrary.org/b/isbn/{isbn13}-L.jpg"
