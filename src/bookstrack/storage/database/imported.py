"""Imported books in the Books table: what of them is held, and rows of books without ISBN."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from bookstrack.clock import Clock
from bookstrack.model.book import Book
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.sql import Row, one_catalogue_writer, put

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


class Held(Struct, frozen=True, kw_only=True):
    """A row of the catalogue: since when (epoch seconds), and which columns are empty."""

    created_at: int
    empty: tuple[str, ...]


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

    async def put(self, books: Sequence[tuple[str, Book]]) -> None:
        """Insert or replace the rows of books without ISBN, by their made keys."""
        now = int(self.clock.time())
        rows = list({key: _row(key, book, now) for key, book in books}.values())
        if rows:
            await self._write("imports_put", partial(_put, rows=rows))

    async def move(self, moves: Sequence[tuple[str, str]]) -> None:
        """Replace made keys by ISBNs that exist; what users keep of the books moves along."""
        if moves:
            await self._write("imports_move", partial(_move, moves=moves))

    async def _write(self, operation: str, work: partial[None]) -> None:
        def alone(connection: Connection) -> None:
            one_catalogue_writer(connection)
            work(connection)

        await self.database.run(operation, alone, writes=True)


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


def _move(connection: Connection, *, moves: Sequence[tuple[str, str]]) -> None:
    """What a user has under both keys stays as it is under the ISBN."""
    shelf = t.user_library.c
    for made, isbn in moves:
        if connection.execute(select(_isbn).where(_isbn == isbn)).first() is None:
            continue
        owners = select(shelf.user_id).where(shelf.isbn == isbn).scalar_subquery()
        connection.execute(
            update(t.user_library)
            .where(shelf.isbn == made, shelf.user_id.not_in(owners))
            .values(isbn=isbn)
        )
        connection.execute(delete(t.books).where(_isbn == made))
