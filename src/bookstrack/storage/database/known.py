"""What the database already knows about the works, editions and people of a batch.

Read in a dozen queries before a batch is written, then kept up to date while it is, so that
telling who is who costs no query per record (data-model §5).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from msgspec import Struct, field
from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.engine import Connection

from bookstrack.model.book import Author, Edition
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord
from bookstrack.normalise.titles import name_key, title_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.shelf import Shelf, read_shelf
from bookstrack.storage.database.sql import Lookup, Row

Key = tuple[str, str]
_NOBODY = frozenset({"", "unknown author"})

_OWNERS = Lookup(select(t.editions.c.id, t.editions.c.work_id), t.editions.c.id)
_ISBNS = Lookup(select(t.isbns), t.isbns.c.isbn13)
_IDS = Lookup(
    select(t.external_ids).where(
        t.external_ids.c.entity_type == bindparam("kind"),
        t.external_ids.c.provider == bindparam("provider"),
    ),
    t.external_ids.c.external_id,
)
_NAMED = Lookup(select(t.authors), t.authors.c.name_norm)
_BY_OL = Lookup(select(t.authors), t.authors.c.ol_id)
_BY_WIKIDATA = Lookup(select(t.authors), t.authors.c.wikidata_id)
_BY_SOMEBODY = select(t.work_authors.c.work_id).where(t.work_authors.c.work_id == t.works.c.id)
_BY_ONE_OF = _BY_SOMEBODY.join_from(t.work_authors, t.authors).where(
    t.authors.c.name_norm.in_(bindparam("names", expanding=True))
)
_TITLED = Lookup(
    select(t.works.c.id).where(or_(exists(_BY_ONE_OF), ~exists(_BY_SOMEBODY))),
    t.works.c.title_norm,
)


class Known(Struct, kw_only=True):
    """Entities by what identifies them, and their rows.

    ``editions`` leads from keys ``("isbn", isbn13)``, ``("google-books", id)`` and
    ``("openlibrary", id)`` to edition ids; ``works`` from Open Library work ids, ``titles`` from
    title keys to work ids; ``names`` from name keys, and ``people`` from keys ``("openlibrary",
    id)`` and ``("wikidata", id)``, to author ids.
    """

    shelf: Shelf
    editions: dict[Key, int] = field(default_factory=dict[Key, int])
    edition_rows: dict[int, Row] = field(default_factory=dict[int, Row])
    works: dict[str, int] = field(default_factory=dict[str, int])
    titles: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    authors: dict[int, Row] = field(default_factory=dict[int, Row])
    names: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    people: dict[Key, int] = field(default_factory=dict[Key, int])

    def is_confirmed(self, work: int) -> bool:
        """Tell whether Open Library knows this work."""
        return any(row["provider"] == "openlibrary" for row in self.shelf.ids["work", work])

    def author_keys(self, work: int) -> set[str]:
        """Return the name keys of a work's authors."""
        return {row["name_norm"] for row in self.shelf.authors[work]}


def isbns_of(edition: Edition) -> tuple[Isbn, ...]:
    """Return the identities of an edition's valid numbers, its primary one first."""
    texts = (edition.isbn, *edition.isbns)
    found = [isbn for isbn in map(_isbn, texts) if isbn is not None and isbn.is_valid]
    return tuple({isbn.isbn13: isbn for isbn in reversed(found)}.values())[::-1]


@lru_cache(maxsize=4096)  # a batch asks for each number half a dozen times
def _isbn(text: str | None) -> Isbn | None:
    return Isbn.find(text)


def edition_keys(edition: Edition) -> tuple[Key, ...]:
    """Return everything that identifies an edition."""
    volumes = dict.fromkeys((edition.google_books_volume_id, *edition.google_books_volume_ids))
    openlibrary = edition.open_library_edition_id or edition.open_library_id
    return (
        *(("isbn", isbn.canonical) for isbn in isbns_of(edition)),
        *(("google-books", volume) for volume in volumes if volume),
        *((("openlibrary", openlibrary),) if openlibrary else ()),
    )


def work_key(record: BookRecord) -> str | None:
    """Return the Open Library id of a record's work."""
    return record.work.open_library_work_id or record.work.open_library_id


def people_of(record: BookRecord) -> list[tuple[str, Author]]:
    """Return a record's authors with their name keys; placeholders are no people."""
    keyed = ((name_key(author.name), author) for author in record.authors)
    return [(key, author) for key, author in keyed if key not in _NOBODY]


def read_known(connection: Connection, records: Sequence[BookRecord]) -> Known:
    """Look up everything that these records may be about."""
    editions = _edition_ids(connection, records)
    works = _work_ids(connection, records)
    titled = _titled(connection, records)
    owners = _OWNERS(connection, editions.values())
    touched = {row["work_id"] for row in owners} | set(works.values()) | titled
    known = Known(shelf=read_shelf(connection, touched), editions=editions, works=works)
    for row in chain.from_iterable(known.shelf.editions.values()):
        known.edition_rows[row["id"]] = row
    for work in titled:
        known.titles.setdefault(known.shelf.works[work]["title_norm"], []).append(work)
    for row in chain(_people(connection, records), *known.shelf.authors.values()):
        remember_author(known, row)
    return known


def remember_author(known: Known, row: Row) -> None:
    """Make a person findable by name and ids."""
    if row["id"] not in known.authors:
        known.authors[row["id"]] = row
        known.names.setdefault(row["name_norm"], []).append(row["id"])
        for provider, column in (("openlibrary", "ol_id"), ("wikidata", "wikidata_id")):
            if row[column]:
                known.people[provider, row[column]] = row["id"]


def _edition_ids(connection: Connection, records: Sequence[BookRecord]) -> dict[Key, int]:
    keys = {key for one in records for edition in one.editions for key in edition_keys(edition)}
    numbers = [number for provider, number in keys if provider == "isbn"]
    found = {("isbn", row["isbn13"]): row["edition_id"] for row in _ISBNS(connection, numbers)}
    for provider in ("google-books", "openlibrary"):
        ids = [number for name, number in keys if name == provider]
        for row in _IDS(connection, ids, kind="edition", provider=provider):
            found[provider, row["external_id"]] = row["entity_id"]
    return found


def _work_ids(connection: Connection, records: Sequence[BookRecord]) -> dict[str, int]:
    keys = {key for record in records if (key := work_key(record))}
    return {
        row["external_id"]: row["entity_id"]
        for row in _IDS(connection, keys, kind="work", provider="openlibrary")
    }


def _titled(connection: Connection, records: Sequence[BookRecord]) -> set[int]:
    """Return the works that bear one of the titles and are by one of the people, or by nobody."""
    titles = {title_key(record.work.title) for record in records}
    names = {key for record in records for key, _author in people_of(record)}
    return {row["id"] for row in _TITLED(connection, titles, names=list(names))}


def _people(connection: Connection, records: Sequence[BookRecord]) -> list[Row]:
    people = [pair for record in records for pair in people_of(record)]
    wikidata = {facts.wikidata_id for record in records for facts in record.people.values()}
    by_key = _NAMED(connection, {key for key, _author in people})
    by_ol = _BY_OL(connection, {author.open_library_id for _key, author in people} - {None})
    by_wikidata = _BY_WIKIDATA(connection, wikidata - {None})
    return sorted(chain(by_key, by_ol, by_wikidata), key=lambda row: row["id"])
