"""Reads the normalised catalogue (layer B) back into records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import (
    AuthorGender,
    CulturalRegion,
    DataProvider,
    EditionFormat,
    ReviewStatus,
)
from bookstrack.model.record import BookRecord, PersonFacts, ProviderId, Rating
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.sql import Lookup, Row

MISPRINT = "isbn-misprint"
Entity = tuple[str, int]
_PROVIDERS = msgspec.json.Decoder(tuple[DataProvider, ...])

_WORKS = Lookup(select(t.works), t.works.c.id)
_EDITIONS = Lookup(select(t.editions), t.editions.c.id)
_EDITIONS_OF = Lookup(select(t.editions), t.editions.c.work_id)
_ISBNS_OF = Lookup(select(t.isbns), t.isbns.c.edition_id)
_IDS_OF = Lookup(
    select(t.external_ids).where(t.external_ids.c.entity_type == bindparam("kind")),
    t.external_ids.c.entity_id,
)
_AUTHORS_OF = Lookup(
    select(t.work_authors.c.work_id, t.authors)
    .join_from(t.work_authors, t.authors)
    .order_by(t.work_authors.c.work_id, t.work_authors.c.position),
    t.work_authors.c.work_id,
)
_SUBJECTS_OF = Lookup(
    select(t.work_subjects.c.work_id, t.work_subjects.c.raw, t.subjects.c.name).join_from(
        t.work_subjects, t.subjects
    ),
    t.work_subjects.c.work_id,
)
_RATINGS_OF = Lookup(select(t.ratings), t.ratings.c.work_id)
_DOUBTFUL_OF = Lookup(
    select(t.field_provenance).where(
        t.field_provenance.c.entity_type == "work", t.field_provenance.c.confidence < 1
    ),
    t.field_provenance.c.entity_id,
)


def _lists() -> defaultdict[int, list[Row]]:
    return defaultdict(list)


class Shelf(Struct, kw_only=True):
    """The rows of some works, by the id of what they belong to."""

    works: dict[int, Row] = field(default_factory=dict[int, Row])
    editions: dict[int, list[Row]] = field(default_factory=_lists)
    authors: dict[int, list[Row]] = field(default_factory=_lists)
    subjects: dict[int, list[Row]] = field(default_factory=_lists)
    ratings: dict[int, Row] = field(default_factory=dict[int, Row])
    isbns: dict[int, list[Row]] = field(default_factory=_lists)
    ids: dict[Entity, list[Row]] = field(default_factory=lambda: defaultdict(list))
    weak: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))


def read_shelf(
    connection: Connection, works: Collection[int], *, editions: Collection[int] | None = None
) -> Shelf:
    """Read works with their authors, subjects, ratings and editions (all, or only those given)."""
    shelf = Shelf()
    for row in _WORKS(connection, works):
        shelf.works[row["id"]] = row
    some = (_EDITIONS, editions) if editions is not None else (_EDITIONS_OF, works)
    for row in some[0](connection, some[1]):
        shelf.editions[row["work_id"]].append(row)
    _read_links(connection, shelf)
    found = [row["id"] for rows in shelf.editions.values() for row in rows]
    people = {row["id"] for rows in shelf.authors.values() for row in rows}
    for row in _ISBNS_OF(connection, found):
        shelf.isbns[row["edition_id"]].append(row)
    for kind, ids in (("work", shelf.works), ("edition", found), ("author", people)):
        for row in _IDS_OF(connection, ids, kind=kind):
            shelf.ids[kind, row["entity_id"]].append(row)
    return shelf


def _read_links(connection: Connection, shelf: Shelf) -> None:
    for row in _AUTHORS_OF(connection, shelf.works):
        shelf.authors[row["work_id"]].append(row)
    for row in _SUBJECTS_OF(connection, shelf.works):
        shelf.subjects[row["work_id"]].append(row)
    for row in _RATINGS_OF(connection, shelf.works):
        shelf.ratings[row["work_id"]] = row
    for row in _DOUBTFUL_OF(connection, shelf.works):
        shelf.weak[row["entity_id"]].add(row["field"])


def whole_record(shelf: Shelf, work: int) -> BookRecord:
    """Return a work with all its editions, the best described one first."""
    return record_of(shelf, work, sorted(shelf.editions[work], key=lambda row: _rank(shelf, row)))


def _rank(shelf: Shelf, row: Row) -> tuple[bool, bool, int, int]:
    return not shelf.isbns[row["id"]], not row["cover_url"], -row["isbndb_quality"], row["id"]


def record_of(shelf: Shelf, work: int, editions: list[Row]) -> BookRecord:
    """Return a work with these of its editions, in this order."""
    row, people = shelf.works[work], shelf.authors[work]
    rating = shelf.ratings.get(work)
    entities: list[Entity] = [("work", work), *(("edition", one["id"]) for one in editions)]
    raw = (link["raw"] for link in shelf.subjects[work] if link["raw"])
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=_work(shelf, row),
        editions=tuple(_edition(shelf, one) for one in editions),
        authors=tuple(author_of(one, _ids(shelf, ("author", one["id"]))) for one in people),
        people={one["name"]: facts for one in people if (facts := _facts(one)) != PersonFacts()},
        subtitle=(editions[0]["subtitle"] if editions else None) or row["subtitle"],
        thumbnail_url=editions[0]["thumbnail_url"] if editions else None,
        rating=Rating(average=rating["average"], count=rating["count"]) if rating else None,
        raw_subjects=tuple(sorted(set(raw))),
        misprints=tuple(one for key in entities for one in _ids(shelf, key).get(MISPRINT, ())),
        edition_count=row["edition_count"],
        weak=frozenset(shelf.weak[work]),
    )


def _ids(shelf: Shelf, entity: Entity) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in shelf.ids[entity]:
        found[row["provider"]].append(row["external_id"])
    # Shorter first: of two Open Library ids the older one.
    return {name: tuple(sorted(ids, key=lambda i: (len(i), i))) for name, ids in found.items()}


def _first(ids: dict[str, tuple[str, ...]], provider: str) -> str | None:
    return next(iter(ids.get(provider, ())), None)


def _providers(row: Row) -> dict[str, Any]:
    primary = row["primary_provider"]
    return {
        "primary_provider": DataProvider(primary) if primary else None,
        "contributors": _PROVIDERS.decode(row["contributors"]) if row["contributors"] else (),
    }


def _work(shelf: Shelf, row: Row) -> Work:
    ids = _ids(shelf, ("work", row["id"]))
    openlibrary = _first(ids, "openlibrary")
    return Work(
        title=row["title"],
        subject_tags=tuple(sorted(link["name"] for link in shelf.subjects[row["id"]])),
        original_language=row["original_language"],
        first_publication_year=row["first_year"],
        description=row["description"],
        cover_image_url=row["cover_url"],
        synthetic=bool(row["synthetic"]),
        **_providers(row),
        open_library_id=openlibrary,
        open_library_work_id=openlibrary,
        isbndb_id=_first(ids, "isbndb"),
        google_books_volume_id=_first(ids, "google-books"),
        google_books_volume_ids=ids.get("google-books", ()),
        goodreads_id=_first(ids, "goodreads"),
        goodreads_work_ids=ids.get("goodreads", ()),
        amazon_asins=ids.get("amazon", ()),
        librarything_ids=ids.get("librarything", ()),
        last_isbndb_sync=row["last_isbndb_sync"],
        isbndb_quality=row["isbndb_quality"],
        review_status=ReviewStatus(row["review_status"]),
    )


def _edition(shelf: Shelf, row: Row) -> Edition:
    ids = _ids(shelf, ("edition", row["id"]))
    openlibrary = _first(ids, "openlibrary")
    isbns = isbn_forms(shelf.isbns[row["id"]])
    return Edition(
        isbn=isbns[0] if isbns else None,
        isbns=isbns,
        title=row["title"],
        publisher=row["publisher"],
        publication_date=row["publication_date"],
        publication_year=row["publication_year"],
        page_count=row["page_count"],
        format=EditionFormat(row["format"]),
        cover_image_url=row["cover_url"],
        edition_title=row["edition_title"],
        edition_description=row["description"],
        language=row["language"],
        **_providers(row),
        open_library_id=openlibrary,
        open_library_edition_id=openlibrary,
        isbndb_id=_first(ids, "isbndb"),
        google_books_volume_id=_first(ids, "google-books"),
        google_books_volume_ids=ids.get("google-books", ()),
        goodreads_id=_first(ids, "goodreads"),
        amazon_asins=ids.get("amazon", ()),
        librarything_ids=ids.get("librarything", ()),
        last_isbndb_sync=row["last_isbndb_sync"],
        isbndb_quality=row["isbndb_quality"],
    )


def isbn_forms(rows: list[Row]) -> tuple[str, ...]:
    """Return the numbers of one edition: its primary ISBN-13, the others, then the ISBN-10s."""
    ordered = sorted(rows, key=lambda row: (not row["is_primary"], row["isbn13"]))
    tens = (row["isbn10"] for row in ordered if row["isbn10"])
    return (*(row["isbn13"] for row in ordered), *tens)


def author_of(row: Row, ids: dict[str, tuple[str, ...]]) -> Author:
    """Return a person from a row of ``authors`` and their ids at providers."""
    return Author(
        name=row["name"],
        gender=AuthorGender(row["gender"]),
        cultural_region=CulturalRegion(row["cultural_region"]) if row["cultural_region"] else None,
        nationality=row["nationality"],
        birth_year=row["birth_year"],
        death_year=row["death_year"],
        open_library_id=row["ol_id"],
        isbndb_id=_first(ids, "isbndb"),
        google_books_id=_first(ids, "google-books"),
        goodreads_id=_first(ids, "goodreads"),
        book_count=row["book_count"],
    )


def _facts(row: Row) -> PersonFacts:
    return PersonFacts(wikidata_id=row["wikidata_id"], birth_date=row["birth_date"])
