"""Copies what layer B now says to the Books table, in the transaction that changed it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.engine import Connection

from bookstrack.storage.database import tables as t
from bookstrack.storage.database.books_row import row_of
from bookstrack.storage.database.shelf import RowReader, Shelf, read_shelf, record_of
from bookstrack.storage.database.sql import Row, chunks, put

_MOST_OF_ONE_CALL = 500  # rows that follow a change of author facts


def refresh_editions(
    connection: Connection, *, editions: Collection[int], works: Collection[int], now: int
) -> None:
    """Rewrite the Books row of every ISBN-13 of these editions and of all editions of the works."""
    statement = select(t.editions.c.id, t.editions.c.work_id)
    of = RowReader(connection)
    found = {
        row["id"]: row["work_id"]
        for column, ids in ((t.editions.c.id, editions), (t.editions.c.work_id, works))
        for row in of(statement, column, ids)
    }
    for some in chunks(found):
        shelf = read_shelf(connection, {found[one] for one in some}, editions=some)
        put(connection, t.books, _rows(shelf, now), kept=("created_at",))


def refresh_authors(connection: Connection, authors: Collection[int], *, now: int) -> None:
    """Rewrite the Books rows of these people's books, at most 500 of them."""
    links = select(t.editions.c.id).join(
        t.work_authors, t.work_authors.c.work_id == t.editions.c.work_id
    )
    ids = RowReader(connection)(
        links.order_by(t.editions.c.id).limit(_MOST_OF_ONE_CALL),
        t.work_authors.c.author_id,
        authors,
    )
    editions = [row["id"] for row in ids][:_MOST_OF_ONE_CALL]
    refresh_editions(connection, editions=editions, works=(), now=now)


def _rows(shelf: Shelf, now: int) -> list[Row]:
    return [
        row_of(record, isbn13=isbn["isbn13"], now=now)
        for work, editions in shelf.editions.items()
        for edition in editions
        if shelf.isbns[edition["id"]]
        for record in (record_of(shelf, work, [edition]),)
        for isbn in shelf.isbns[edition["id"]]
    ]
