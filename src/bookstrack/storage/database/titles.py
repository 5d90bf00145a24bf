"""The titles and authors of our own works as one list, for indexes that are kept in memory."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Any

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from bookstrack.storage.database import tables as t
from bookstrack.storage.database.engine import Database

_AT_ONCE = 500
_MOST_OTHERS = 8


class Titled(Struct, frozen=True, kw_only=True):
    """A work by its name; ``isbn13`` is that of one of its editions.

    ``others`` are titles of editions that are not the work's: translations above all.
    """

    work_id: int
    title: str
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    isbn13: str | None = None
    others: tuple[str, ...] = ()


class TitleList:
    """Reads the list; every method raises ``StorageUnavailable`` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stamp(self) -> tuple[int, int]:
        """Return what changes with the list: how many works there are, and the newest change."""
        return await self._database.run("titles_stamp", _stamp, writes=False)

    async def best_known(self, most: int) -> list[Titled]:
        """Return up to so many works, those with most editions first."""
        return await self._database.run("titles", lambda c: _titles(c, most), writes=False)


def _stamp(connection: Connection) -> tuple[int, int]:
    count, newest = connection.execute(
        select(func.count(), func.coalesce(func.max(t.works.c.updated_at), 0)).select_from(t.works)
    ).one()
    return int(count), int(newest)


def _titles(connection: Connection, most: int) -> list[Titled]:
    columns = (t.works.c.id, t.works.c.title, t.works.c.subtitle)
    ranked = select(*columns).order_by(
        func.coalesce(t.works.c.edition_count, 0).desc(), t.works.c.id
    )
    rows = connection.execute(ranked.limit(most)).all()
    found: list[Titled] = []
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        ids = [row.id for row in some]
        names, numbers = _names(connection, ids), _numbers(connection, ids)
        others = _others(connection, ids)
        found += [
            Titled(
                work_id=row.id,
                title=row.title,
                subtitle=row.subtitle,
                authors=tuple(names[row.id]),
                isbn13=numbers.get(row.id),
                others=tuple(others[row.id][:_MOST_OTHERS]),
            )
            for row in some
        ]
    return found


def _names(connection: Connection, works: list[int]) -> defaultdict[int, list[str]]:
    statement: Any = (
        select(t.work_authors.c.work_id, t.authors.c.name)
        .join_from(t.work_authors, t.authors)
        .where(t.work_authors.c.work_id.in_(works))
        .order_by(t.work_authors.c.work_id, t.work_authors.c.position)
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.work_id].append(row.name)
    return found


def _others(connection: Connection, works: list[int]) -> defaultdict[int, list[str]]:
    statement: Any = (
        select(t.editions.c.work_id, func.min(t.editions.c.title).label("title"))
        .join_from(t.editions, t.works)
        .where(t.editions.c.work_id.in_(works), t.editions.c.title_norm != t.works.c.title_norm)
        .group_by(t.editions.c.work_id, t.editions.c.title_norm)
        .order_by(t.editions.c.work_id, func.count().desc())
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.work_id].append(row.title)
    return found


def _numbers(connection: Connection, works: list[int]) -> dict[int, str]:
    statement: Any = (
        select(t.editions.c.work_id, func.min(t.isbns.c.isbn13).label("isbn13"))
        .join_from(t.editions, t.isbns)
        .where(t.editions.c.work_id.in_(works))
        .group_by(t.editions.c.work_id)
    )
    return {row.work_id: row.isbn13 for row in connection.execute(statement)}
