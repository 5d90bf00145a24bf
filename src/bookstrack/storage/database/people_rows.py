"""Writes the authors of a work; who is the same person: data-model §5."""

from __future__ import annotations

from sqlalchemy import update

from bookstrack.model.book import Author
from bookstrack.model.record import BookRecord, PersonFacts
from bookstrack.storage.database import tables as t
from bookstrack.storage.database import values
from bookstrack.storage.database.batch import Batch
from bookstrack.storage.database.known import people_of, remember_author
from bookstrack.storage.database.provider_ids import author_ids
from bookstrack.storage.database.sql import Row, insert_id

_IDS = (("wikidata", "wikidata_id"), ("openlibrary", "ol_id"))


def write_people(batch: Batch, work: int, record: BookRecord) -> None:
    """Set a work's authors; a shorter list, or one that counts for less, adds only facts."""
    current, people = batch.known.shelf.authors[work], people_of(record)
    is_extended = values.is_only_extended(batch.known.shelf.works[work], record)
    if current and (is_extended or len(people) < len(current)):
        people = [pair for pair in people if pair[0] in {row["name_norm"] for row in current}]
        _persons(batch, work, record, people)
        return
    chosen = _persons(batch, work, record, people)
    if chosen and chosen != [row["id"] for row in current]:
        batch.known.shelf.authors[work] = [batch.known.authors[one] for one in chosen]
        batch.pending.authors[work] = chosen
        batch.changes.works.add(work)


def _persons(
    batch: Batch, work: int, record: BookRecord, people: list[tuple[str, Author]]
) -> list[int]:
    found = (
        _person(batch, work, key, author, record.people.get(author.name, PersonFacts()))
        for key, author in people
    )
    return list(dict.fromkeys(found))


def _person(batch: Batch, work: int, key: str, author: Author, facts: PersonFacts) -> int:
    row = values.author_columns(key, author, facts)
    person = _find_person(batch, work, row)
    if person is None:
        person = insert_id(batch.connection, t.authors, row)
        remember_author(batch.known, {"id": person, "enriched_at": None, **row})
    else:
        _extend_person(batch, person, values.author_facts(author, facts))
    for provider, number in author_ids(author):
        if batch.add_id(("author", person), provider, number):
            batch.changes.authors.add(person)
    return person


def _find_person(batch: Batch, work: int, row: Row) -> int | None:
    for provider, column in _IDS:
        if row[column] and (provider, row[column]) in batch.known.people:
            return batch.known.people[provider, row[column]]
    names = batch.known.names.get(row["name_norm"], [])
    ours = {one["id"] for one in batch.known.shelf.authors[work]}
    for person in names:
        if person in ours or not values.contradicts(batch.known.authors[person], row):
            return person
    return None


def _extend_person(batch: Batch, person: int, facts: Row) -> None:
    row = batch.known.authors[person]
    if values.contradicts(row, facts):
        return  # somebody of the same name
    for provider, column in _IDS:
        if batch.known.people.get((provider, facts[column]), person) != person:
            facts[column] = None  # belongs to somebody else of this work
    changes = values.merged_author(row, facts, fill=True)
    if changes:
        row.update(changes)
        for provider, column in _IDS:
            if row[column]:
                batch.known.people[provider, row[column]] = person
        batch.connection.execute(update(t.authors).where(t.authors.c.id == person).values(changes))
        batch.changes.authors.add(person)
