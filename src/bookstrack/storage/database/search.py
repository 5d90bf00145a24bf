"""Finds works in the catalogue by words of their titles and their authors' names.

Every word has to occur; title keys are compared, so case, accents and punctuation do not matter
and every script works. The offline full-text index is another matter.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.engine import Connection

from bookstrack.model.record import BookRecord
from bookstrack.normalise.titles import name_key, title_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.shelf import read_shelf, whole_record

Condition = ColumnElement[bool]


def anywhere(text: str) -> list[Condition]:
    """Return what finds works whose title or authors hold every word of a text."""
    return [or_(_named(word), _by(_holds(word))) for word in title_key(text).split()]


def titled(title: str, *, author: str) -> list[Condition]:
    """Return what finds works with these words in the title, by one person with these names."""
    words = [_named(word) for word in title_key(title).split()]
    names = [_holds(word) for word in name_key(author).split()]
    return [*words, _by(*names)] if names else words


def entitled(title: str) -> list[Condition]:
    """Return what finds works of exactly this title."""
    key = title_key(title)
    return [t.works.c.title_norm == key] if key else []


def written_by(name: str) -> list[Condition]:
    """Return what finds the works of the people of this name."""
    key = name_key(name)
    return [_by(t.authors.c.name_norm == key)] if key else []


def find_works(
    connection: Connection,
    conditions: list[Condition],
    *,
    title: str,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[tuple[BookRecord, ...], int]:
    """Return one page of the works that meet all conditions, best first, and how many there are.

    Exact titles come first, then titles that begin so; then the number of editions and of
    ratings decides. No condition finds nothing.
    """
    if not conditions:
        return (), 0
    wanted = select(t.works.c.id).where(*conditions)
    total = connection.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
    page = connection.execute(_ranked(wanted, title_key(title)).limit(limit).offset(offset))
    found = list(page.scalars())
    shelf = read_shelf(connection, found)
    words = set(title_key(title).split())
    return tuple(_asked_first(whole_record(shelf, work), words) for work in found), total


def _asked_first(record: BookRecord, words: set[str]) -> BookRecord:
    """Return a record whose first edition is one that bears the title asked for.

    A translation is found by its own title, while its work has that of the original.
    """
    if words <= set(title_key(record.work.title).split()):
        return record
    editions = sorted(
        record.editions,
        key=lambda edition: not words <= set(title_key(edition.title or "").split()),
    )
    return replace(record, editions=tuple(editions))


def _ranked(wanted: Select[int], key: str) -> Select[int]:
    rank = case(
        (t.works.c.title_norm == key, 0),
        (_printed(t.editions.c.title_norm == key), 0),
        (t.works.c.title_norm.startswith(key, autoescape=True), 1),
        else_=2,
    )
    own = select(func.count()).where(t.editions.c.work_id == t.works.c.id).scalar_subquery()
    editions = func.coalesce(t.works.c.edition_count, own)
    rated = wanted.outerjoin(t.ratings, t.ratings.c.work_id == t.works.c.id)
    readers = func.coalesce(t.ratings.c.count, 0)
    return rated.order_by(rank, editions.desc(), readers.desc(), t.works.c.id)


def _named(word: str) -> Condition:
    """Works with a word in their own title or in that of one of their editions."""
    return or_(
        t.works.c.title_norm.contains(word, autoescape=True),
        _printed(t.editions.c.title_norm.contains(word, autoescape=True)),
    )


def _printed(condition: Condition) -> Condition:
    return t.works.c.id.in_(select(t.editions.c.work_id).where(condition))


def _holds(word: str) -> Condition:
    return t.authors.c.name_norm.contains(word, autoescape=True)


def _by(*conditions: Condition) -> Condition:
    people: Select[Any] = select(t.work_authors.c.work_id).join(t.authors).where(*conditions)
    return t.works.c.id.in_(people)
