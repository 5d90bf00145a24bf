"""Takes records into the normalised catalogue (layer B), one after the other (data-model §5).

``save_records`` is the one way in; what it changed has to be copied to the Books table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct, field
from sqlalchemy import update
from sqlalchemy.engine import Connection

from bookstrack.model.book import Author, Edition
from bookstrack.model.enums import ReviewStatus
from bookstrack.model.isbn import isbn_list
from bookstrack.model.record import BookRecord, PersonFacts
from bookstrack.normalise.genres import genres
from bookstrack.normalise.titles import title_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database import values
from bookstrack.storage.database.known import (
    Known,
    edition_keys,
    isbns_of,
    people_of,
    read_known,
    remember_author,
    work_key,
)
from bookstrack.storage.database.pending import Pending
from bookstrack.storage.database.shelf import MISPRINT
from bookstrack.storage.database.sql import Row, insert_id
from bookstrack.storage.database.unite import (
    link_authors,
    move_editions,
    unite_editions,
    unite_works,
)

_DOUBT = 0.5  # confidence of a work's field that was read off an edition


class Changes(Struct):
    """What the Books table has to be told: editions, whole works, and people."""

    editions: set[int] = field(default_factory=set[int])
    works: set[int] = field(default_factory=set[int])
    authors: set[int] = field(default_factory=set[int])


def save_records(connection: Connection, records: Sequence[BookRecord], *, now: int) -> Changes:
    """Insert or update everything these records tell; the caller holds the writer's lock."""
    writer = _Writer(connection, read_known(connection, records), now)
    for record in records:
        writer.take_in(record)
    writer.pending.write(connection)
    return writer.changes


class _Writer:
    """The state of one batch."""

    def __init__(self, connection: Connection, known: Known, now: int) -> None:
        self.connection = connection
        self.known = known
        self.now = now
        self.pending = Pending()
        self.changes = Changes()

    def take_in(self, record: BookRecord) -> None:
        """Insert or update one work with its people and editions."""
        shared = self._works_of_editions(record)
        found = self._find_work(record, shared)
        work = self._insert_work(record) if found is None else found
        row = self.known.shelf.works[work]
        before = dict(row)
        self._gather(work, record, shared)
        self._people(work, record)
        editions = [
            self._edition(work, record, edition, is_first=position == 0)
            for position, edition in enumerate(record.editions)
        ]
        self._work_ids(work, record, editions)
        self._tags(work, record)
        self._rating(work, record)
        self._update_work(work, record, before, is_new=found is None)

    # --- works ----------------------------------------------------------------------------------

    def _works_of_editions(self, record: BookRecord) -> list[int]:
        ids = (
            self.known.editions.get(key)
            for edition in record.editions
            for key in edition_keys(edition)
        )
        rows = (self.known.edition_rows[edition] for edition in ids if edition is not None)
        return list(dict.fromkeys(row["work_id"] for row in rows))

    def _find_work(self, record: BookRecord, shared: list[int]) -> int | None:
        key = work_key(record)
        if key and key in self.known.works:
            return self.known.works[key]
        same_title = self.known.titles.get(title_key(record.work.title), [])
        by_title = (work for work in sorted(same_title) if self._has_same_people(work, record))
        candidates = (*shared, *by_title)
        return next((w for w in candidates if not (key and self.known.is_confirmed(w))), None)

    def _has_same_people(self, work: int, record: BookRecord) -> bool:
        ours, theirs = {key for key, _author in people_of(record)}, self.known.author_keys(work)
        if ours or theirs:
            return not ours.isdisjoint(theirs)
        has_isbn = any(map(isbns_of, record.editions)) or any(
            self.known.shelf.isbns[row["id"]] for row in self.known.shelf.editions[work]
        )
        return not has_isbn

    def _insert_work(self, record: BookRecord) -> int:
        row: Row = {**values.work_columns(record), "created_at": self.now, "updated_at": self.now}
        row["quality"] = _quality(
            bool([isbn for edition in record.editions for isbn in isbns_of(edition)]),
            bool(row["cover_url"] or any(one.cover_image_url for one in record.editions)),
            row["description"],
        )
        work = insert_id(self.connection, t.works, row)
        self.known.shelf.works[work] = {"id": work, **row}
        self.known.titles.setdefault(row["title_norm"], []).append(work)
        return work

    def _gather(self, work: int, record: BookRecord, shared: list[int]) -> None:
        """Bring the record's editions, and works that prove to be this one, together."""
        for other in shared:
            if other == work:
                continue
            if self.known.is_confirmed(other):
                self._move_editions(work, record, other)
                if not work_key(record) or self.known.shelf.editions[other]:
                    continue
            if other in self.known.shelf.works:
                self.changes.works.discard(other)
                self.changes.works.add(work)
                unite_works(self.connection, self.known, self.pending, keep=work, drop=other)

    def _move_editions(self, work: int, record: BookRecord, other: int) -> None:
        """Follow Open Library when it now counts editions of one confirmed work to another."""
        is_edited = self.known.shelf.works[other]["review_status"] == ReviewStatus.USER_EDITED
        if not work_key(record) or is_edited:
            return
        keys = (key for edition in record.editions for key in edition_keys(edition))
        ids = {self.known.editions[key] for key in keys if key in self.known.editions}
        moved = [one for one in ids if self.known.edition_rows[one]["work_id"] == other]
        move_editions(self.connection, self.known, moved, to=work)

    def _update_work(self, work: int, record: BookRecord, before: Row, *, is_new: bool) -> None:
        row, weak = self.known.shelf.works[work], self.known.shelf.weak[work]
        if not is_new:
            row.update(values.merged_work(row, record, weak=weak))
            self._rate(work, row)
        self._remember_origin(work, record, before, is_new=is_new)
        changes = {name: value for name, value in row.items() if value != before[name]}
        if changes:
            self.changes.works.add(work)
            row["updated_at"] = changes["updated_at"] = self.now
            self.connection.execute(update(t.works).where(t.works.c.id == work).values(changes))

    def _rate(self, work: int, row: Row) -> None:
        editions = self.known.shelf.editions[work]
        row["quality"] = _quality(
            any(self.known.shelf.isbns[one["id"]] for one in editions),
            bool(row["cover_url"] or any(one["cover_url"] for one in editions)),
            row["description"],
        )

    def _remember_origin(self, work: int, record: BookRecord, before: Row, *, is_new: bool) -> None:
        row, weak = self.known.shelf.works[work], self.known.shelf.weak[work]
        offered = values.work_columns(record)
        for name, column in values.WORK_FIELDS.items():
            is_taken = offered[column] is not None and row[column] == offered[column]
            if not is_taken or not (is_new or before[column] != row[column] or name in weak):
                continue
            is_weak = name in record.weak
            if is_weak != (name in weak):
                (weak.add if is_weak else weak.discard)(name)
                self.changes.works.add(work)
            self.pending.provenance[work, name] = {
                "entity_type": "work",
                "entity_id": work,
                "field": name,
                "provider": (record.work.primary_provider or record.provider).value,
                "fetched_at": self.now,
                "confidence": _DOUBT if is_weak else 1.0,
            }

    def _work_ids(self, work: int, record: BookRecord, editions: list[int]) -> None:
        entity = ("work", work)
        for provider, number in _ids_of_work(record):
            if self._add_id(entity, provider, number):
                self.changes.works.add(work)
        if (key := work_key(record)) is not None:
            self.known.works.setdefault(key, work)
        printed = isbn_list([n for one in record.editions for n in one.isbns])[1]
        bearer = ("edition", editions[0]) if editions else entity
        for number in (*record.misprints, *printed):
            self._add_id(bearer, MISPRINT, number)

    def _add_id(self, entity: tuple[str, int], provider: str, number: str) -> bool:
        rows = self.known.shelf.ids[entity]
        if any(r["provider"] == provider and r["external_id"] == number for r in rows):
            return False
        rows.append({"provider": provider, "external_id": number})
        self.pending.ids.setdefault((entity[0], provider, number), entity[1])
        return True

    def _tags(self, work: int, record: BookRecord) -> None:
        known = {row["name"] for row in self.known.shelf.subjects[work]}
        raw = _raw_spellings(record.raw_subjects)
        for name in record.work.subject_tags:
            if name not in known:
                self.known.shelf.subjects[work].append({"name": name, "raw": raw.get(name)})
                self.pending.tags.setdefault((work, name), raw.get(name))
                self.changes.works.add(work)

    def _rating(self, work: int, record: BookRecord) -> None:
        old, new = self.known.shelf.ratings.get(work), record.rating
        source = (record.work.primary_provider or record.provider).value
        if new is None or (old and old["source"] != source and old["count"] > new.count):
            return
        row = {"work_id": work, "average": new.average, "count": new.count, "source": source}
        if row != old:
            self.known.shelf.ratings[work] = self.pending.ratings[work] = row
            self.changes.works.add(work)

    # --- people ---------------------------------------------------------------------------------

    def _people(self, work: int, record: BookRecord) -> None:
        """Set a work's authors; a shorter list, or one that counts for less, adds only facts."""
        current, people = self.known.shelf.authors[work], people_of(record)
        is_extended = values.is_only_extended(self.known.shelf.works[work], record)
        if current and (is_extended or len(people) < len(current)):
            people = [pair for pair in people if pair[0] in {row["name_norm"] for row in current}]
            self._persons(work, record, people)
            return
        chosen = self._persons(work, record, people)
        if chosen and chosen != [row["id"] for row in current]:
            self.known.shelf.authors[work] = [self.known.authors[one] for one in chosen]
            link_authors(self.connection, work, chosen)
            self.changes.works.add(work)

    def _persons(
        self, work: int, record: BookRecord, people: list[tuple[str, Author]]
    ) -> list[int]:
        found = (
            self._person(work, key, author, record.people.get(author.name, PersonFacts()))
            for key, author in people
        )
        return list(dict.fromkeys(found))

    def _person(self, work: int, key: str, author: Author, facts: PersonFacts) -> int:
        row = values.author_columns(key, author, facts)
        person = self._find_person(work, row)
        if person is None:
            person = insert_id(self.connection, t.authors, row)
            remember_author(self.known, {"id": person, "enriched_at": None, **row})
        else:
            self._extend_person(person, values.author_facts(author, facts))
        for provider, number in _ids_of_author(author):
            if self._add_id(("author", person), provider, number):
                self.changes.authors.add(person)
        return person

    def _find_person(self, work: int, row: Row) -> int | None:
        for provider, column in (("wikidata", "wikidata_id"), ("openlibrary", "ol_id")):
            if row[column] and (provider, row[column]) in self.known.people:
                return self.known.people[provider, row[column]]
        names = self.known.names.get(row["name_norm"], [])
        ours = {one["id"] for one in self.known.shelf.authors[work]}
        for person in names:
            if person in ours or not values.contradicts(self.known.authors[person], row):
                return person
        return None

    def _extend_person(self, person: int, facts: Row) -> None:
        row = self.known.authors[person]
        for provider, column in (("wikidata", "wikidata_id"), ("openlibrary", "ol_id")):
            if self.known.people.get((provider, facts[column]), person) != person:
                facts[column] = None  # belongs to somebody else of this work
        changes = values.merged_author(row, facts, fill=True)
        if changes:
            row.update(changes)
            for provider, column in (("wikidata", "wikidata_id"), ("openlibrary", "ol_id")):
                if row[column]:
                    self.known.people[provider, row[column]] = person
            self.connection.execute(
                update(t.authors).where(t.authors.c.id == person).values(changes)
            )
            self.changes.authors.add(person)

    # --- editions -------------------------------------------------------------------------------

    def _edition(self, work: int, record: BookRecord, edition: Edition, *, is_first: bool) -> int:
        columns = values.edition_columns(
            edition, thumbnail=record.thumbnail_url if is_first else None
        )
        found = self._find_editions(work, record, edition, columns)
        if found:
            number = found[0]
            for other in found[1:]:
                self.changes.editions.discard(other)
                unite_editions(self.connection, self.known, self.pending, keep=number, drop=other)
            self._update_edition(number, columns)
        else:
            number = self._insert_edition(work, columns)
        self.changes.editions.add(number)
        self._numbers(number, edition)
        for key in edition_keys(edition):
            self.known.editions[key] = number
        for provider, external in _ids_of_edition(edition):
            self._add_id(("edition", number), provider, external)
        return number

    def _find_editions(
        self, work: int, record: BookRecord, edition: Edition, columns: Row
    ) -> list[int]:
        """Return every stored edition that is this one, the survivor first."""
        keys = edition_keys(edition)
        found = {self.known.editions[key] for key in keys if key in self.known.editions}
        rows = [self.known.edition_rows[one] for one in found]
        if not rows:
            same = (
                row
                for row in self.known.shelf.editions[work]
                if self._is_same_print(record, edition, columns, row)
            )
            rows = [row for row in (next(same, None),) if row is not None]
        rows.sort(key=lambda row: (row["work_id"] == work, values.completeness(row), -row["id"]))
        return [row["id"] for row in reversed(rows)]

    def _is_same_print(self, record: BookRecord, edition: Edition, columns: Row, row: Row) -> bool:
        """Compare what is printed, where one side has no ISBN to tell."""
        sides = (bool(isbns_of(edition)), bool(self.known.shelf.isbns[row["id"]]))
        ours, theirs = (_imprint(one, record.work.title) for one in (columns, row))
        return not all(sides) and ours == theirs and (any(ours[1:]) or not any(sides))

    def _insert_edition(self, work: int, columns: Row) -> int:
        row = {"work_id": work, **columns, "created_at": self.now, "updated_at": self.now}
        number = insert_id(self.connection, t.editions, row)
        self.known.edition_rows[number] = {"id": number, **row}
        self.known.shelf.editions[work].append(self.known.edition_rows[number])
        return number

    def _update_edition(self, number: int, columns: Row) -> None:
        row = self.known.edition_rows[number]
        owner = self.known.shelf.works[row["work_id"]]
        is_edited = owner["review_status"] == ReviewStatus.USER_EDITED
        merged = values.merged_edition(row, columns, fill=is_edited)
        changes = {name: value for name, value in merged.items() if value != row[name]}
        if changes:
            changes["updated_at"] = self.now
            row.update(changes)
            self.connection.execute(
                update(t.editions).where(t.editions.c.id == number).values(changes)
            )

    def _numbers(self, number: int, edition: Edition) -> None:
        rows = self.known.shelf.isbns[number]
        known = {row["isbn13"] for row in rows}
        for isbn in isbns_of(edition):
            if isbn.isbn13 and isbn.isbn13 not in known:
                row = {
                    "isbn13": isbn.isbn13,
                    "isbn10": isbn.isbn10,
                    "edition_id": number,
                    "is_primary": int(not any(one["is_primary"] for one in rows)),
                }
                rows.append(row)
                self.pending.isbns[isbn.isbn13] = row


def _quality(has_isbn: bool, has_cover: bool, description: str | None) -> float:
    """Return the data quality of data-model §6.7 for one work, 0 to 1."""
    return round(0.4 * has_isbn + 0.4 * has_cover + 0.2 * (len(description or "") > 100), 1)


def _imprint(columns: Row, title: str) -> tuple[str, str, int | None]:
    year: int | None = columns["publication_year"]
    if year is None and (columns["publication_date"] or "")[:4].isdecimal():
        year = int(columns["publication_date"][:4])
    publisher: str = columns["publisher"] or ""
    return title_key(columns["title"] or title), publisher.casefold(), year


@lru_cache(maxsize=4096)
def _tags_of(raw: str) -> tuple[str, ...]:
    return genres((raw,))


def _raw_spellings(raw_subjects: Sequence[str]) -> dict[str, str]:
    """Return for each canonical tag the first raw subject that means it."""
    spellings: dict[str, str] = {}
    for raw in raw_subjects:
        for tag in _tags_of(raw):
            spellings.setdefault(tag, raw)
    return spellings


def _ids_of_work(record: BookRecord) -> Iterator[tuple[str, str]]:
    work = record.work
    yield from _named("openlibrary", work.open_library_work_id, work.open_library_id)
    yield from _named("isbndb", work.isbndb_id)
    yield from _named("google-books", work.google_books_volume_id, *work.google_books_volume_ids)
    yield from _named("goodreads", work.goodreads_id, *work.goodreads_work_ids)
    yield from _named("amazon", *work.amazon_asins)
    yield from _named("librarything", *work.librarything_ids)


def _ids_of_edition(edition: Edition) -> Iterator[tuple[str, str]]:
    yield from _named("openlibrary", edition.open_library_edition_id, edition.open_library_id)
    yield from _named("isbndb", edition.isbndb_id)
    volumes = (edition.google_books_volume_id, *edition.google_books_volume_ids)
    yield from _named("google-books", *volumes)
    yield from _named("goodreads", edition.goodreads_id)
    yield from _named("amazon", *edition.amazon_asins)
    yield from _named("librarything", *edition.librarything_ids)


def _ids_of_author(author: Author) -> Iterator[tuple[str, str]]:
    yield from _named("isbndb", author.isbndb_id)
    yield from _named("google-books", author.google_books_id)
    yield from _named("goodreads", author.goodreads_id)


def _named(provider: str, *numbers: str | None) -> Iterator[tuple[str, str]]:
    return ((provider, number) for number in numbers if number)
