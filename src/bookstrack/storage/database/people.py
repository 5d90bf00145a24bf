"""Facts about authors: what was looked up, when, and also that nothing was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from bookstrack.model.book import Author
from bookstrack.model.query import Person
from bookstrack.model.record import AuthorRecord
from bookstrack.normalise.titles import display_name, name_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database import values
from bookstrack.storage.database.engine import Dialect
from bookstrack.storage.database.shelf import author_of
from bookstrack.storage.database.sql import Lookup, Row, insert_id

_OWN_IDS = ("wikidata_id", "ol_id")
_LOOKED_UP = Lookup(
    select(t.authors).where(t.authors.c.enriched_at > bindparam("since")), t.authors.c.name_norm
)
_COLUMNS = tuple(column.name for column in t.authors.c)
_ALL = f"SELECT {', '.join(_COLUMNS)} FROM authors WHERE name_norm IN"  # noqa: S608 own names
LOOKED_UP: dict[Dialect, str] = {
    "sqlite": f"{_ALL} (SELECT value FROM json_each(?))",  # noqa: S608 own names
    "postgresql": f"{_ALL} (SELECT jsonb_array_elements_text(CAST(? AS jsonb)))",
}
"""Everybody of some names, given as one JSON list."""
_NAMED = Lookup(select(t.authors).order_by(t.authors.c.id), t.authors.c.name_norm)


def read_looked_up(connection: Connection, people: Sequence[Person], *, since: float) -> list[Row]:
    """Return the rows of people of these names who were looked up after a moment (epoch s)."""
    return list(_LOOKED_UP(connection, {name_key(person.name) for person in people}, since=since))


def few_looked_up(people: Sequence[Person]) -> str:
    """Return the names of people as ``LOOKED_UP`` takes them."""
    return msgspec.json.encode(sorted({name_key(person.name) for person in people})).decode()


def looked_up_row(values: tuple[Any, ...]) -> Row:
    """Return a row of ``LOOKED_UP``."""
    return dict(zip(_COLUMNS, values, strict=True))


def meant_people(people: Sequence[Person], looked_up: Iterable[Row]) -> dict[str, Author]:
    """Return, by asked name, those of the people found who are meant.

    Of several namesakes, one whose ids or birth year contradict those asked for is never meant;
    one with the asked id is, whoever else is known better.
    """
    rows: dict[str, list[Row]] = {}
    for row in looked_up:
        rows.setdefault(row["name_norm"], []).append(row)
    found: dict[str, Author] = {}
    for person in people:
        best = _meant(rows.get(name_key(person.name), []), person)
        if best is not None:
            found.setdefault(person.name, author_of(best, {}))
    return found


def _meant(namesakes: Sequence[Row], person: Person) -> Row | None:
    asked: Row = {
        "ol_id": person.open_library_id,
        "wikidata_id": person.wikidata_id,
        "birth_year": person.birth_year,
    }
    fitting = [row for row in namesakes if not values.contradicts(row, asked)]
    return max(
        fitting,
        key=lambda row: (
            sum(row[name] == asked[name] is not None for name in _OWN_IDS),
            *_how_known(row),
        ),
        default=None,
    )


def _how_known(row: Row) -> tuple[bool, int, int]:
    known = sum(value is not None for value in row.values())
    return row["wikidata_id"] is not None, known, -row["id"]


def save_facts(connection: Connection, found: Sequence[AuthorRecord], *, now: int) -> set[int]:
    """Remember the outcome of lookups; return the people whose facts changed.

    Facts replace what is stored. They go to everybody of the asked name whose birth year and ids
    do not contradict; where there is none, somebody gets a row of their own. Others of the name
    are left alone: it was not they who were looked up.
    """
    by_name: dict[str, list[Row]] = {}
    keys = {name_key(one.asked) for one in found} - {""}
    for row in _NAMED(connection, keys):
        by_name.setdefault(row["name_norm"], []).append(row)
    changed: set[int] = set()
    for one in found:
        key = name_key(one.asked)
        if key:
            changed |= _save(connection, one, by_name.setdefault(key, []), now=now)
    return changed


def _save(connection: Connection, one: AuthorRecord, people: list[Row], *, now: int) -> set[int]:
    author = one.author or Author(name=display_name(one.asked))
    facts = values.author_facts(author, one.facts)
    whom = {**facts, "ol_id": facts["ol_id"] or one.asked_id}
    meant = [row for row in people if not values.contradicts(row, whom)]
    if not meant:
        facts, meant = whom, [_insert(connection, one, author)]
        people += meant
    changed: set[int] = set()
    for row in meant:
        changes = values.merged_author(row, _free(connection, row, facts), fill=False)
        if changes:
            changed.add(row["id"])
        changes["enriched_at"] = now
        row.update(changes)
        person = update(t.authors).where(t.authors.c.id == row["id"])
        connection.execute(person.values(changes))
    return changed


def _insert(connection: Connection, one: AuthorRecord, author: Author) -> Row:
    key = name_key(one.asked)
    name = author.name if name_key(author.name) == key else display_name(one.asked)
    row = {"name": name, "name_norm": key, "gender": "Unknown"}
    number = insert_id(connection, t.authors, row)
    return {**dict.fromkeys(column.name for column in t.authors.c), **row, "id": number}


def _free(connection: Connection, row: Row, facts: Row) -> Row:
    """Leave out ids that another row has: one person under two names stays two rows.

    Otherwise the books of one spelling would show the other.
    """
    free = dict(facts)
    for name in _OWN_IDS:
        column = t.authors.c[name]
        if facts[name] is not None:
            owner = connection.execute(select(t.authors.c.id).where(column == facts[name])).scalar()
            if owner not in (None, row["id"]):
                free[name] = None
    return free
