"""Our own catalogue of books, as the rest of the program uses it.

A record is written to the normalised tables and, in the same transaction, to the Books rows of
its ISBNs (data-model §2.5), so that readers of either never see different things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from bookstrack.clock import Clock
from bookstrack.model.book import Author
from bookstrack.model.query import Person
from bookstrack.model.record import AuthorRecord, BookRecord, Findings
from bookstrack.storage.database import people, search
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.batch import Changes
from bookstrack.storage.database.books_row import COLUMNS, Stored, stored_of
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.layer_b import save_records
from bookstrack.storage.database.refresh import (
    edition_record,
    read_texts,
    refresh_authors,
    refresh_editions,
)
from bookstrack.storage.database.search import Condition, find_works
from bookstrack.storage.database.shelf import MISPRINT, read_shelf
from bookstrack.storage.database.sql import Lookup, Row, one_catalogue_writer

_T = TypeVar("_T")
_FIND_ISBN = f'SELECT {", ".join(COLUMNS)} FROM "Books" WHERE isbn = ?'  # noqa: S608 own names
_AT_ONCE = 500  # records whose identities are looked up together
_MOST_WORKS = 500
_MOST_ALIKE = 20
_FEW = 5  # people looked for in the event loop
_MOST_NAMESAKES = 200
# PostgreSQL stores every character but this one; a lone backslash before it means the escape.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_RECORD = msgspec.json.Decoder(BookRecord)
_BOOKS = Lookup(select(t.books.c.isbn), t.books.c.isbn)


class CatalogueStore:
    """Reads and writes books and people; every method is one transaction.

    Each raises ``StorageUnavailable`` when the database cannot be reached. Records that are read
    have ``provider`` ``catalog`` and keep the ``primary_provider`` of their work.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find_isbn(self, isbn13: str) -> Stored | None:
        """Return the book of this ISBN-13 with that one edition."""
        row = await self._database.first("find_isbn", _FIND_ISBN, isbn13)
        return None if row is None else stored_of(isbn13, row)

    async def known_isbns(self, isbns: Sequence[str]) -> frozenset[str]:
        """Return those of these ISBN-13s that have a row."""
        return await self._read("known_isbns", lambda c: _known_isbns(c, isbns))

    async def titled(self, title: str) -> Findings:
        """Return the works whose titles are equal to this one, those best known first."""
        found = search.entitled(title)
        return await self._works("titled", found, title=title, limit=_MOST_ALIKE)

    async def find_misprint(self, number: str) -> Stored | None:
        """Return the book that prints this number, whose check digit is wrong."""
        return await self._read("find_misprint", lambda c: _find_misprint(c, number))

    async def save(self, records: Sequence[BookRecord]) -> tuple[str, ...]:
        """Insert or update books, all or none; return the ISBN-13s whose rows were rewritten.

        These are more than the records': what one edition tells may show in its work's others.
        """
        if not records:
            return ()
        now = int(self._clock.time())
        return await self._write("save", lambda c: save_books(c, records, now=now))

    async def search(self, text: str, *, limit: int, offset: int = 0) -> Findings:
        """Return one page of the works with every word of the text in title or authors."""
        found = search.anywhere(text)
        return await self._works("search", found, title=text, limit=limit, offset=offset)

    async def search_title_author(
        self, *, title: str, author: str, limit: int, offset: int = 0
    ) -> Findings:
        """Return one page of the works whose title, and one of whose authors, hold these words."""
        found = search.titled(title, author=author)
        return await self._works(
            "search_title_author", found, title=title, limit=limit, offset=offset
        )

    async def works_of(self, name: str) -> Findings:
        """Return the works of the people of this name, those with most editions first."""
        return await self._works("works_of", search.written_by(name), title="", limit=None)

    async def editions_of(self, *, title: str, author: str) -> Findings:
        """Return the works with this title and author, with all their editions."""
        found = search.titled(title, author=author)
        return await self._works("editions_of", found, title=title, limit=_MOST_WORKS)

    async def author_facts(
        self, asked: Sequence[Person | str], *, younger_than_s: float
    ) -> dict[str, Author]:
        """Return, by asked name, people looked up lately; an author without facts is in it too.

        Namesakes, whose ids or birth year contradict those asked for, are not returned.
        """
        since = self._clock.time() - younger_than_s
        whom = [Person(one) if isinstance(one, str) else one for one in asked]
        if len(whom) <= _FEW:  # and so it costs less than the way to a thread
            found = await self._few_people(whom, since=since)
        else:
            found = await self._read(
                "author_facts", lambda c: people.read_looked_up(c, whom, since=since)
            )
        return people.meant_people(whom, found)

    async def _few_people(self, whom: Sequence[Person], *, since: float) -> list[Row]:
        statement = people.LOOKED_UP[self._database.dialect]
        names = people.few_looked_up(whom)
        rows = await self._database.rows("author_facts", statement, names, most=_MOST_NAMESAKES)
        found = map(people.looked_up_row, rows)
        return [row for row in found if row["enriched_at"] and row["enriched_at"] > since]

    async def save_author_facts(self, authors: Sequence[AuthorRecord]) -> tuple[str, ...]:
        """Remember lookups, also those that found nobody, and show the facts in the books.

        Returns the ISBN-13s whose rows were rewritten.
        """
        if not authors:
            return ()
        now = int(self._clock.time())
        return await self._write("save_author_facts", lambda c: _save_facts(c, authors, now=now))

    async def count(self) -> int:
        """Return how many works there are."""
        return await self._read("count", _count)

    async def _works(
        self,
        operation: str,
        conditions: list[Condition],
        *,
        title: str,
        limit: int | None,
        offset: int = 0,
    ) -> Findings:
        books, total = await self._read(
            operation,
            lambda c: find_works(c, conditions, title=title, limit=limit, offset=offset),
        )
        return Findings(books=books, total=total)

    async def _read(self, operation: str, work: Callable[[Connection], _T]) -> _T:
        return await self._database.run(operation, work, writes=False)

    async def _write(self, operation: str, work: Callable[[Connection], _T]) -> _T:
        def alone(connection: Connection) -> _T:
            one_catalogue_writer(connection)
            return work(connection)

        return await self._database.run(operation, alone, writes=True)


def _storable(record: BookRecord) -> BookRecord:
    text = msgspec.json.encode(record)
    return _RECORD.decode(_NUL.sub(rb"\1", text)) if b"\\u0000" in text else record


def save_books(
    connection: Connection, records: Sequence[BookRecord], *, now: int
) -> tuple[str, ...]:
    """Insert or update books as part of a transaction that holds the writer's lock."""
    changes = Changes()
    clean = [_storable(record) for record in records]
    for start in range(0, len(clean), _AT_ONCE):
        some = save_records(connection, clean[start : start + _AT_ONCE], now=now)
        changes.editions |= some.editions
        changes.works |= some.works
        changes.authors |= some.authors
    written = refresh_editions(connection, editions=changes.editions, works=changes.works, now=now)
    written += refresh_authors(connection, changes.authors, now=now)
    return tuple(dict.fromkeys(written))


def _save_facts(
    connection: Connection, authors: Sequence[AuthorRecord], *, now: int
) -> tuple[str, ...]:
    changed = people.save_facts(connection, authors, now=now)
    return tuple(dict.fromkeys(refresh_authors(connection, changed, now=now)))


def _known_isbns(connection: Connection, isbns: Sequence[str]) -> frozenset[str]:
    return frozenset(row["isbn"] for row in _BOOKS(connection, isbns))


def _find_misprint(connection: Connection, number: str) -> Stored | None:
    statement = select(t.external_ids.c.entity_id).where(
        t.external_ids.c.entity_type == "edition",
        t.external_ids.c.provider == MISPRINT,
        t.external_ids.c.external_id == number,
    )
    edition = connection.execute(statement).scalar()
    if edition is None:
        return None
    owner = select(t.editions.c.work_id).where(t.editions.c.id == edition)
    work = connection.execute(owner).scalar_one()
    shelf = read_shelf(connection, [work], editions=[edition])
    row = shelf.editions[work][0]
    record = edition_record(shelf, work, row, read_texts(connection, [work]))
    return Stored(record=record, updated_at=float(row["updated_at"]))


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(t.works)).scalar_one()
