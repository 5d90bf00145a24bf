"""How the columns of a work, an edition and a person take in what a record says.

Nothing known is ever lost: a record replaces values, fills gaps, or only fills gaps where what
is stored counts for more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import AuthorGender, EditionFormat, ReviewStatus
from bookstrack.model.record import BookRecord, PersonFacts
from bookstrack.normalise.titles import title_key
from bookstrack.storage.database.sql import Row

_UNTITLED = frozenset({"Unknown", "Unknown Title"})
_STRINGS = msgspec.json.Decoder(tuple[str, ...])
# Fields of a work whose origin is remembered, and their columns.
WORK_FIELDS = {
    "title": "title",
    "subtitle": "subtitle",
    "original_language": "original_language",
    "first_publication_year": "first_year",
    "description": "description",
    "cover_image_url": "cover_url",
}


def work_columns(record: BookRecord) -> Row:
    """Return a new work's columns."""
    work = record.work
    return {
        "title": work.title,
        "title_norm": title_key(work.title),
        "subtitle": record.subtitle,
        "original_language": work.original_language,
        "first_year": work.first_publication_year,
        "description": work.description,
        "cover_url": work.cover_image_url,
        "synthetic": int(work.synthetic),
        **_providers(work),
        "edition_count": record.edition_count,
        "isbndb_quality": work.isbndb_quality,
        "review_status": work.review_status.value,
        "last_isbndb_sync": work.last_isbndb_sync,
    }


def is_only_extended(old: Row, record: BookRecord) -> bool:
    """Tell whether a stored work counts for more than this record.

    It does when a reader edited it, or when Open Library confirmed it and the record was only
    inferred from an edition.
    """
    by_reader = old["review_status"] == ReviewStatus.USER_EDITED
    return by_reader or (not old["synthetic"] and record.work.synthetic)


def merged_work(old: Row, record: BookRecord, *, weak: Collection[str]) -> Row:
    """Return a stored work's columns with the record taken in.

    ``weak`` names the stored fields that come from an edition; a strong value replaces them, and
    a weak one never replaces a strong one.
    """
    new, fill = work_columns(record), is_only_extended(old, record)
    merged = {
        column: _chosen(old[column], new[column], fill or (f in record.weak and f not in weak))
        for f, column in WORK_FIELDS.items()
    }
    if new["title"] in _UNTITLED:
        merged["title"] = old["title"]
    merged["title_norm"] = title_key(merged["title"])
    by_reader = ReviewStatus.USER_EDITED in (old["review_status"], new["review_status"])
    is_verified = ReviewStatus.VERIFIED in (old["review_status"], new["review_status"])
    status = ReviewStatus.VERIFIED if is_verified else ReviewStatus.NEEDS_REVIEW
    return {
        **merged,
        "synthetic": min(old["synthetic"], new["synthetic"]),
        "primary_provider": _chosen(old["primary_provider"], new["primary_provider"], fill),
        "contributors": _united(old, new, fill=fill),
        "edition_count": _chosen(old["edition_count"], new["edition_count"], False),
        "isbndb_quality": max(old["isbndb_quality"], new["isbndb_quality"]),
        "review_status": (ReviewStatus.USER_EDITED if by_reader else status).value,
        "last_isbndb_sync": _latest(old, new),
    }


def edition_columns(edition: Edition, *, thumbnail: str | None, subtitle: str | None) -> Row:
    """Return a new edition's columns."""
    return {
        "title": edition.title,
        "title_norm": title_key(edition.title) if edition.title else None,
        "subtitle": subtitle,
        "publisher": edition.publisher,
        "publication_date": edition.publication_date,
        "publication_year": edition.publication_year,
        "page_count": edition.page_count,
        "format": edition.format.value,
        "language": edition.language,
        "cover_url": edition.cover_image_url,
        "thumbnail_url": thumbnail,
        "edition_title": edition.edition_title,
        "description": edition.edition_description,
        **_providers(edition),
        "last_isbndb_sync": edition.last_isbndb_sync,
        "isbndb_quality": edition.isbndb_quality,
    }


def merged_edition(old: Row, new: Row, *, fill: bool = False) -> Row:
    """Return a stored edition's columns with those of another record of it taken in.

    ``fill`` lets the new ones only fill gaps, as does a higher ISBNdb quality of the old ones.
    """
    fill = fill or old["isbndb_quality"] > new["isbndb_quality"]
    merged = {name: _chosen(old[name], value, fill) for name, value in new.items()}
    if new["format"] == EditionFormat.PAPERBACK:  # which also stands for "unknown"
        merged["format"] = old["format"]
    if (old["publication_date"] or "").startswith(new["publication_date"] or ""):
        merged["publication_date"] = old["publication_date"]
    elif merged["publication_date"] != old["publication_date"]:
        merged["publication_year"] = new["publication_year"]
    merged["contributors"] = _united(old, new, fill=fill)
    merged["isbndb_quality"] = max(old["isbndb_quality"], new["isbndb_quality"])
    merged["last_isbndb_sync"] = _latest(old, new)
    return merged


def completeness(edition: Row) -> tuple[int, int]:
    """Return what decides which of two editions survives their union: quality, then fullness."""
    return edition["isbndb_quality"], sum(value is not None for value in edition.values())


def author_columns(key: str, author: Author, facts: PersonFacts) -> Row:
    """Return a new person's columns."""
    return {"name": author.name, "name_norm": key, **author_facts(author, facts)}


def author_facts(author: Author, facts: PersonFacts) -> Row:
    """Return what is known about a person, without the name."""
    return {
        "gender": author.gender.value,
        "nationality": author.nationality,
        "cultural_region": author.cultural_region.value if author.cultural_region else None,
        "birth_year": author.birth_year,
        "birth_date": facts.birth_date,
        "death_year": author.death_year,
        "wikidata_id": facts.wikidata_id,
        "ol_id": author.open_library_id,
        "book_count": author.book_count,
    }


def merged_author(old: Row, facts: Row, *, fill: bool) -> Row:
    """Return the changes of a stored person's facts; ``fill`` keeps what is there."""
    changes: Row = {}
    for name, value in facts.items():
        kept = None if old[name] == AuthorGender.UNKNOWN else old[name]
        offered = None if value == AuthorGender.UNKNOWN else value
        chosen = _chosen(kept, offered, fill)
        if chosen != kept:
            changes[name] = chosen
    return changes


def contradicts(person: Row, facts: Row) -> bool:
    """Tell whether two people of one name cannot be the same: birth years or ids differ."""
    return any(
        person[name] is not None and facts[name] is not None and person[name] != facts[name]
        for name in ("birth_year", "ol_id", "wikidata_id")
    )


def _providers(one: Work | Edition) -> Row:
    primary, names = one.primary_provider, [name.value for name in one.contributors]
    return {
        "primary_provider": primary.value if primary else None,
        "contributors": msgspec.json.encode(names).decode() if names else None,
    }


def _chosen(old: Any, new: Any, fill: bool) -> Any:
    if new is None:
        return old
    return old if fill and old is not None else new


def _united(old: Row, new: Row, *, fill: bool) -> str | None:
    cells = (old["contributors"], new["contributors"])
    first, second = cells if fill else reversed(cells)
    if not (first and second):
        return first or second
    names = dict.fromkeys((*_STRINGS.decode(first), *_STRINGS.decode(second)))
    return msgspec.json.encode(list(names)).decode()


def _latest(old: Row, new: Row) -> str | None:
    return max(old["last_isbndb_sync"] or "", new["last_isbndb_sync"] or "") or None
