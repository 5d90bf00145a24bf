"""Copies what layer B now says to the Books table, in the transaction that changed it."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct, structs
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from bookstrack.model.record import BookRecord
from bookstrack.normalise.volumes import names_volume
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.books_row import row_of
from bookstrack.storage.database.shelf import Shelf, read_shelf, record_of
from bookstrack.storage.database.sql import Lookup, Row, chunks, put

_MOST_OF_ONE_CALL = 500  # rows that follow a change of author facts

_TEXTS = Lookup(
    select(
        t.editions.c.work_id,
        func.count(t.editions.c.description.distinct()).label("descriptions"),
        func.count(t.editions.c.subtitle).label("subtitles"),
    ).group_by(t.editions.c.work_id),
    t.editions.c.work_id,
)
_THESE = Lookup(select(t.editions.c.id, t.editions.c.work_id), t.editions.c.id)
_ALL_OF = Lookup(select(t.editions.c.id, t.editions.c.work_id), t.editions.c.work_id)
_BY = Lookup(
    select(t.editions.c.id)
    .join(t.work_authors, t.work_authors.c.work_id == t.editions.c.work_id)
    .order_by(t.editions.c.id)
    .limit(_MOST_OF_ONE_CALL),
    t.work_authors.c.author_id,
)


class Texts(Struct, frozen=True):
    """Works whose editions tell different things of themselves."""

    described: frozenset[int]
    subtitled: frozenset[int]


def read_texts(connection: Connection, works: Collection[int]) -> Texts:
    """Return which of these works have editions with descriptions, and subtitles, of their own."""
    rows = list(_TEXTS(connection, works))
    return Texts(
        frozenset(row["work_id"] for row in rows if row["descriptions"] > 1),
        frozenset(row["work_id"] for row in rows if row["subtitles"]),
    )


def edition_record(shelf: Shelf, work: int, edition: Row, texts: Texts) -> BookRecord:
    """Return a work with one edition, and no text that belongs to another one.

    The volumes of a set may be one work; each has its own description and number.
    """
    record = record_of(shelf, work, [edition])
    own = edition["description"]
    if work in texts.described and own and own != record.work.description:
        record = structs.replace(record, work=structs.replace(record.work, description=own))
    is_foreign = work in texts.subtitled and edition["subtitle"] is None
    if is_foreign and names_volume(record.subtitle):
        record = structs.replace(record, subtitle=None)
    return record


def refresh_editions(
    connection: Connection, *, editions: Collection[int], works: Collection[int], now: int
) -> list[str]:
    """Rewrite the Books row of every ISBN-13 of these editions and of all editions of the works.

    Returns these numbers.
    """
    found = {
        row["id"]: row["work_id"]
        for these, ids in ((_THESE, editions), (_ALL_OF, works))
        for row in these(connection, ids)
    }
    written: list[str] = []
    for some in chunks(found):
        owners = {found[one] for one in some}
        shelf = read_shelf(connection, owners, editions=some)
        rows = _rows(shelf, read_texts(connection, owners), now)
        put(connection, t.books, rows, kept=("created_at",))
        written += [row["isbn"] for row in rows]
    return written


def refresh_authors(connection: Connection, authors: Collection[int], *, now: int) -> list[str]:
    """Rewrite the Books rows of these people's books, at most 500; return their ISBN-13s."""
    editions = [row["id"] for row in _BY(connection, authors)][:_MOST_OF_ONE_CALL]
    return refresh_editions(connection, editions=editions, works=(), now=now)


def _rows(shelf: Shelf, texts: Texts, now: int) -> list[Row]:
    return [
        row_of(record, isbn13=isbn["isbn13"], now=now)
        for work, editions in shelf.editions.items()
        for edition in editions
        if shelf.isbns[edition["id"]]
        for record in (edition_record(shelf, work, edition, texts),)
        for isbn in shelf.isbns[edition["id"]]
    ]
