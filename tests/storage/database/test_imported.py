"""Imported books in the Books table: what is held of them, and made keys that are replaced."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from bookstrack.model.book import Book
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.imported import COLUMNS, ImportedBooks

MADE, OTHER, ISBN = "bt:0123456789abcdef0123", "bt:aaaaaaaaaaaaaaaaaaaa", "9781644100370"
BOOK = Book(title="A Title", authors=("An Author",), author="An Author", page_count=7)


@pytest.fixture
def imported(database, clock) -> ImportedBooks:
    return ImportedBooks(database, clock)


async def owned(database):
    async with database.connect() as connection:
        rows = await connection.execute(select(t.user_library.c.user_id, t.user_library.c.isbn))
        return sorted(tuple(row) for row in rows)


async def own(database, *pairs):
    async with database.begin() as connection:
        for user, isbn in pairs:
            await connection.execute(
                text('INSERT INTO "UserLibrary" (user_id, isbn, status) VALUES (:u, :i, :s)'),
                {"u": user, "i": isbn, "s": "reading"},
            )


async def test_what_is_held_and_what_of_it_is_empty(imported, clock):
    assert await imported.held([]) == {}
    await imported.put([(MADE, BOOK)])
    held = await imported.held([MADE, OTHER])
    assert list(held) == [MADE]
    assert held[MADE].created_at == int(clock.time())
    assert set(held[MADE].empty) == set(COLUMNS) - {"authors", "page_count"}


async def test_putting_again_keeps_when_it_came(imported, clock):
    await imported.put([(MADE, BOOK)])
    since = int(clock.time())
    await clock.advance(60)
    await imported.put([(MADE, BOOK), (MADE, BOOK)])
    assert (await imported.held([MADE]))[MADE].created_at == since
    assert await imported.made_since(since) == [MADE]
    assert await imported.made_since(since + 1) == []


async def test_a_made_key_gives_way_to_an_isbn_with_what_users_keep(imported, database):
    await imported.put([(MADE, BOOK), (ISBN, BOOK)])
    await own(database, ("ann", MADE), ("bo", MADE), ("bo", ISBN))
    await imported.move([(MADE, ISBN)])
    assert MADE not in await imported.held([MADE])
    assert await owned(database) == [("ann", ISBN), ("bo", ISBN)]
    await imported.move([(MADE, ISBN)])
    assert await owned(database) == [("ann", ISBN), ("bo", ISBN)]


async def test_nothing_moves_to_an_isbn_that_is_not_there(imported, database):
    await imported.put([(MADE, BOOK)])
    await own(database, ("ann", MADE))
    await imported.move([(MADE, ISBN)])
    assert await owned(database) == [("ann", MADE)]
