"""What Open Library knows about authors, and which of several a name means; pure."""

from __future__ import annotations

import re

from bookstrack.model.book import Author
from bookstrack.model.record import PersonFacts
from bookstrack.normalise.titles import display_name, name_key
from bookstrack.providers import reading
from bookstrack.providers.open_library_records import Basis, bare_key, year_in
from bookstrack.providers.open_library_wire import AuthorDocument, AuthorHit, AuthorHits

_WIKIDATA_ID = re.compile(r"Q[1-9]\d*")


def author_from_document(document: AuthorDocument, basis: Basis) -> tuple[Author, PersonFacts]:
    """Map an author record; years out of free text (quirk 11)."""
    wikidata = reading.text(reading.members(document.remote_ids).get("wikidata")) or ""
    name = reading.text(document.name) or reading.text(document.personal_name) or ""
    author = Author(
        name=display_name(name) or reading.NO_NAME,
        birth_year=year_in(document.birth_date, basis),
        death_year=year_in(document.death_date, basis),
        open_library_id=bare_key(document.key, "A"),
    )
    facts = PersonFacts(
        wikidata_id=wikidata if _WIKIDATA_ID.fullmatch(wikidata) else None,
        birth_date=reading.text(document.birth_date),
    )
    return author, facts


def author_document(hit: AuthorHit) -> AuthorDocument:
    """Return a hit of the author search as a record."""
    return AuthorDocument(
        key=hit.key, name=hit.name, birth_date=hit.birth_date, death_date=hit.death_date
    )


def choose_author(hits: AuthorHits, name: str) -> AuthorHit | None:
    """Return whom a name means: the same name, else the same further name, else all its words.

    Among equals the one with most works, not the first (providers §9).
    """
    asked = _compact(name)
    words = set(name_key(name).split())

    def closeness(hit: AuthorHit) -> int:
        own = reading.text(hit.name) or ""
        if _compact(own) == asked:
            return 3
        if asked in map(_compact, reading.texts(hit.alternate_names)):
            return 2
        return 1 if words and words <= set(name_key(own).split()) else 0

    known = [hit for hit in hits.docs or () if hit is not None and bare_key(hit.key, "A")]
    ranked = [(closeness(hit), reading.whole(hit.work_count) or 0, hit) for hit in known]
    close = [entry for entry in ranked if entry[0]]
    return max(close, key=lambda entry: entry[:2])[2] if close else None


def _compact(name: str) -> str:
    return name_key(name).replace(" ", "")
