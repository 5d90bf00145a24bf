"""Imported books in the Books table: what of them is held, who made them, rows without ISBN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from bookstrack.clock import Clock
from bookstrack.model.book import Book
from bookstrack.model.record import BookRecord
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.books_row import COLUMNS as ROW
from bookstrack.storage.database.books_row import stored_of
from bookstrack.storage.database.catalogue import save_books
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.sql import Row, add, one_catalogue_writer, put

_T = TypeVar("_T")
COLUMNS = (
    "authors",
    "publication_year",
    "publisher",
    "page_count",
    "language",
    "categories",
    "description",
    "cover_url",
)
"""Columns whose emptiness is told."""

_AT_ONCE = 500
_EMPTY = frozenset({None, "", "[]", "null"})
_isbn = t.books.c.isbn
_BOOK = msgspec.json.Decoder(Book)


class Held(Struct, frozen=True, kw_only=True):
    """A row of the catalogue: since when (epoch seconds), and which columns are empty."""

    created_at: int
    empty: tuple[str, ...]


class Credits(Struct, frozen=True, kw_only=True):
    """What imports have said of books, by key: ``own`` this one, ``others`` those beside it."""

    own: Mapping[str, str]
    others: frozenset[str]


class Shelving(Struct, frozen=True):
    """The catalogue inside one transaction, during which nobody else writes it.

    ``now`` in epoch seconds. Whatever is raised undoes all of it.
    """

    connection: Connection
    now: float

    def held(self, keys: Sequence[str]) -> dict[str, Held]:
        """Return what there is under these keys, ISBN-13s or made ones."""
        return _held(self.connection, keys=keys)

    def credits(self, job_id: str, keys: Sequence[str], *, since: float) -> Credits:
        """Return what a job has said of books, and of which ones others have told since then."""
        credit = t.import_credits.c
        statement = select(credit.key, credit.job_id, credit.verdict).where(
            credit.key.in_(keys), (credit.job_id == job_id) | (credit.made_at >= since)
        )
        found = list(self.connection.execute(statement))
        return Credits(
            own={key: verdict for key, owner, verdict in found if owner == job_id},
            others=frozenset(key for key, owner, _ in found if owner != job_id),
        )

    def credit(self, job_id: str, verdicts: Mapping[str, str]) -> None:
        """Remember what a job says of books, so that it says the same again."""
        rows = [
            {"job_id": job_id, "key": key, "verdict": verdict, "made_at": self.now}
            for key, verdict in verdicts.items()
        ]
        add(self.connection, t.import_credits, rows)

    def record(self, isbn: str) -> BookRecord | None:
        """Return the book of an ISBN-13 with that one edition."""
        columns = [t.books.c[name] for name in ROW]
        row = self.connection.execute(select(*columns).where(_isbn == isbn)).first()
        return None if row is None else stored_of(isbn, tuple(row)).record

    def save(self, records: Sequence[BookRecord]) -> None:
        """Insert or update works with their editions."""
        if records:
            save_books(self.connection, records, now=int(self.now))

    def book(self, key: str) -> Book | None:
        """Return a book without ISBN."""
        column = t.books.c.canonical_metadata
        text = self.connection.execute(select(column).where(_isbn == key)).scalar_one_or_none()
        return None if text is None else _BOOK.decode(text)

    def put(self, books: Mapping[str, Book]) -> None:
        """Insert or replace the rows of books without ISBN, by their made keys."""
        _put(self.connection, rows=_rows(books, self.now))

    def move(self, moves: Mapping[str, str]) -> None:
        """Replace made keys by ISBNs that exist; what users keep of the books moves along."""
        _move(self.connection, moves=moves)


class ImportedBooks(Struct, frozen=True):
    """Reads and writes rows; every method is one transaction, and raises StorageUnavailable."""

    database: Database
    clock: Clock

    async def held(self, keys: Sequence[str]) -> dict[str, Held]:
        """Return what there is under these keys, ISBN-13s or made ones."""
        if not keys:
            return {}
        return await self.database.run("imports_held", partial(_held, keys=keys), writes=False)

    async def made_since(self, moment: int) -> list[str]:
        """Return the keys of rows made at or after this moment (epoch seconds)."""
        return await self.database.run(
            "imports_made_since", partial(_made_since, moment=moment), writes=False
        )

    async def write(self, work: Callable[[Shelving], _T]) -> _T:
        """Do work that is kept as a whole or not at all; it must not wait for anything else."""
        now = self.clock.time()

        def alone(connection: Connection) -> _T:
            one_catalogue_writer(connection)
            return work(Shelving(connection, now))

        return await self.database.run("imports_write", alone, writes=True)


def _held(connection: Connection, *, keys: Sequence[str]) -> dict[str, Held]:
    columns = [t.books.c[name] for name in COLUMNS]
    found: dict[str, Held] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        statement = select(_isbn, t.books.c.created_at, *columns).where(_isbn.in_(some))
        for row in connection.execute(statement).mappings():
            empty = tuple(name for name in COLUMNS if row[name] in _EMPTY)
            found[row["isbn"]] = Held(created_at=row["created_at"], empty=empty)
    return found


def _made_since(connection: Connection, *, moment: int) -> list[str]:
    return list(connection.execute(select(_isbn).where(t.books.c.created_at >= moment)).scalars())


def _rows(books: Mapping[str, Book], now: float) -> list[Row]:
    return [_row(key, book, int(now)) for key, book in books.items()]


def _row(key: str, book: Book, now: int) -> Row:
    return {
        "isbn": key,
        "title": book.title,
        "authors": _json(book.authors),
        "authors_detailed": None,
        "publication_year": book.publication_year,
        "publisher": book.publisher,
        "page_count": book.page_count,
        "language": book.language,
        "categories": _json(book.categories),
        "description": book.description,
        "cover_url": book.cover_url,
        "thumbnail_url": book.thumbnail_url,
        "canonical_metadata": _json(book),
        "created_at": now,
        "updated_at": now,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\\u0000", "")


def _put(connection: Connection, *, rows: list[Row]) -> None:
    put(connection, t.books, rows, kept=("created_at",))


def _move(connection: Connection, *, moves: Mapping[str, str]) -> None:
    """What a user has under both keys stays as it is under the ISBN."""
    shelf = t.user_library.c
    for made, isbn in moves.items():
        if connection.execute(select(_isbn).where(_isbn == isbn)).first() is None:
            continue
        owners = select(shelf.user_id).where(shelf.isbn == isbn).scalar_subquery()
        connection.execute(
            update(t.user_library)
            .where(shelf.isbn == made, shelf.user_id.not_in(owners))
            .values(isbn=isbn)
        )
        connection.execute(delete(t.books).where(_isbn == made))
