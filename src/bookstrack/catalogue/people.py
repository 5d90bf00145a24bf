"""Authors told by several sources: which names are one person, and who made the book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from bookstrack.catalogue.filling import filled
from bookstrack.catalogue.matching import NOBODY, authors_match
from bookstrack.model.book import Author
from bookstrack.model.enums import AuthorGender
from bookstrack.model.record import BookRecord, PersonFacts
from bookstrack.normalise.titles import display_name, name_key

UNKNOWN_AUTHOR = "Unknown Author"
"""Display name of the author of a book whose sources name none."""


def distinct_authors(authors: Iterable[Author]) -> tuple[Author, ...]:
    """Return each normalised name once, in order of first appearance, with all that is known."""
    known: dict[str, Author] = {}
    for author in authors:
        key = name_key(author.name)
        known[key] = with_facts_of(known[key], author) if key in known else author
    return tuple(known.values())


def with_facts_of(author: Author, other: Author) -> Author:
    """Return an author with what it lacks from another description of the same person."""
    both = filled(author, other)
    if author.gender is AuthorGender.UNKNOWN:
        return structs.replace(both, gender=other.gender)
    return both


def united_authors(lists: Sequence[Sequence[Author]], *, fixed: bool = False) -> tuple[Author, ...]:
    """Return the longest list that agrees with the others, with the facts of all.

    Lists come in order of trust; the first one stays where ``fixed``, and wins a tie.
    """
    named = [known for authors in lists if (known := _somebody(authors))]
    if not named:
        return tuple(lists[0][:1]) if lists else ()
    chosen = named[0] if fixed else max(named, key=lambda one: (_agreement(one, named), len(one)))
    others = [author for authors in named for author in authors]
    return distinct_authors(_with_all_facts(author, others) for author in chosen)


def united_people(
    authors: Sequence[Author], records: Sequence[BookRecord]
) -> dict[str, PersonFacts]:
    """Return what the records know about these authors, under the names used here."""
    known: dict[str, PersonFacts] = {}
    for author in authors:
        key = name_key(author.name)
        for record in records:
            for name, facts in record.people.items():
                if name_key(name) == key or authors_match(name, author.name):
                    known[author.name] = filled(known.get(author.name, facts), facts)
    return known


def _somebody(authors: Sequence[Author]) -> tuple[Author, ...]:
    return distinct_authors(
        structs.replace(author, name=display_name(author.name))
        for author in authors
        if name_key(author.name) not in NOBODY
    )


def _agreement(one: Sequence[Author], lists: Sequence[Sequence[Author]]) -> int:
    """Return with how many lists this one shares a person."""
    return sum(
        any(authors_match(mine.name, theirs.name) for mine in one for theirs in other)
        for other in lists
    )


def _with_all_facts(author: Author, others: Sequence[Author]) -> Author:
    for other in others:
        if authors_match(author.name, other.name):
            author = with_facts_of(author, other)
    return author
