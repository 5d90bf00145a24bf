"""Imported books in the Books table: what is held of them, and made keys that are replaced."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from bookstrack.model.book import Book
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.imported import COLUMNS, ImportedBooks
from stored_jobs import DAY_S, NOW, ended, new_job

MADE, OTHER, ISBN = "bt:0123456789abcdef0123", "bt:aaaaaaaaaaaaaaaaaaaa", "9781644100370"
BOOK = Book(title="A Title", authors=("An Author",), author="An Author", page_count=7)


@pytest.fixture
def imported(database, clock) -> ImportedBooks:
    return ImportedBooks(database, clock)


@pytest.fixture
def put(imported):
    return lambda books: imported.write(lambda shelving: shelving.put(books))


@pytest.fixture
def move(imported):
    return lambda moves: imported.write(lambda shelving: shelving.move(moves))


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


async def test_what_is_held_and_what_of_it_is_empty(imported, put, clock):
    assert await imported.held([]) == {}
    await put({MADE: BOOK})
    held = await imported.held([MADE, OTHER])
    assert list(held) == [MADE]
    assert held[MADE].created_at == int(clock.time())
    assert set(held[MADE].empty) == set(COLUMNS) - {"authors", "page_count"}


async def test_putting_again_keeps_when_it_came(imported, put, clock):
    await put({MADE: BOOK})
    since = int(clock.time())
    await clock.advance(60)
    await put({MADE: BOOK})
    assert (await imported.held([MADE]))[MADE].created_at == since
    assert await imported.made_since(since) == [MADE]
    assert await imported.made_since(since + 1) == []


async def test_a_made_key_gives_way_to_an_isbn_with_what_users_keep(imported, put, move, database):
    await put({MADE: BOOK, ISBN: BOOK})
    await own(database, ("ann", MADE), ("bo", MADE), ("bo", ISBN))
    await move({MADE: ISBN})
    assert MADE not in await imported.held([MADE])
    assert await owned(database) == [("ann", ISBN), ("bo", ISBN)]
    await move({MADE: ISBN})
    assert await owned(database) == [("ann", ISBN), ("bo", ISBN)]


async def test_nothing_moves_to_an_isbn_that_is_not_there(put, move, database):
    await put({MADE: BOOK})
    await own(database, ("ann", MADE))
    await move({MADE: ISBN})
    assert await owned(database) == [("ann", MADE)]


async def test_a_book_without_isbn_is_read_as_it_was_put(imported, put):
    await put({MADE: BOOK})
    assert await imported.write(lambda shelving: shelving.book(MADE)) == BOOK
    assert await imported.write(lambda shelving: shelving.book(OTHER)) is None


async def test_what_is_raised_undoes_everything(imported, put):
    def both(shelving):
        shelving.put({MADE: BOOK})
        assert shelving.held([MADE])
        raise LookupError("not after all")

    with pytest.raises(LookupError, match="not after all"):
        await imported.write(both)
    assert await imported.held([MADE]) == {}


async def test_credits_are_told_apart_by_job_and_go_with_it(imported, jobs, clock):
    for job_id in ("a", "b"):
        await jobs.create(new_job(job_id, fingerprint=job_id), now=NOW, idempotency_ttl_s=60)
    since = clock.time()

    async def known(job_id, since):
        return await imported.write(lambda s: s.credits(job_id, [MADE, OTHER], since=since))

    await imported.write(lambda s: s.credit("a", {MADE: "created"}))
    await clock.advance(10)
    await imported.write(lambda s: s.credit("a", {MADE: "updated", OTHER: "updated"}))
    found = await known("a", since)
    assert (found.own, found.others) == ({MADE: "created", OTHER: "updated"}, frozenset())
    found = await known("b", since)
    assert (found.own, found.others) == ({}, {MADE, OTHER})
    assert (await known("b", since + 5)).others == {OTHER}
    assert (await known("a", since + 60)).own == {MADE: "created", OTHER: "updated"}
    await jobs.finish("a", owner=None, now=NOW, event=ended())
    await jobs.sweep(now=NOW + DAY_S + 1, retention_s=DAY_S)
    assert (await known("b", since)).others == frozenset()
