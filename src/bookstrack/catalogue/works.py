"""The work of a merged record: which source tells what (providers §7, "Merging")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast

from msgspec.structs import replace

from bookstrack.catalogue.editions import better_cover
from bookstrack.catalogue.filling import filled
from bookstrack.model.book import Work
from bookstrack.model.enums import DataProvider, ReviewStatus
from bookstrack.model.provider_names import dto_provider
from bookstrack.model.record import BookRecord
from bookstrack.normalise.genres import genres

_TITLE_TRUST = (DataProvider.OPEN_LIBRARY, DataProvider.GOOGLE_BOOKS, DataProvider.ISBNDB)
_TEXT_TRUST = (DataProvider.GOOGLE_BOOKS, DataProvider.ISBNDB, DataProvider.OPEN_LIBRARY)
_LAST_BRACKETS = re.compile(r"\(([^()]*)\)\s*$")
_SERIES = re.compile(r"#|\b(?:book|vol|volume|band|tome|series|saga)\b", re.I)
_LONGEST_DESCRIPTION = 5_000
_NEAR_TIE = 0.9
_YEAR, _LANGUAGE = "first_publication_year", "original_language"
_REVIEWED = (ReviewStatus.USER_EDITED, ReviewStatus.VERIFIED, ReviewStatus.NEEDS_REVIEW)
# Says nothing about who supplied a value.
_BOOKKEEPING = frozenset(
    {"synthetic", "primary_provider", "contributors", "review_status", "isbndb_quality"}
)


def source_of(record: BookRecord) -> DataProvider | None:
    """Return who stands behind a record; for our own tables, who they had it from."""
    return dto_provider(record.provider) or record.work.primary_provider


def title_first(records: Sequence[BookRecord]) -> list[BookRecord]:
    """Return the records in order of trust in their title; one that a reader edited leads."""
    return sorted(records, key=_title_rank)


def united_work(records: Sequence[BookRecord]) -> tuple[Work, frozenset[str]]:
    """Return one work out of records in ``title_first`` order, and its weak fields."""
    best = records[0].work
    united = best
    for record in records[1:]:
        united = filled(united, record.work, keep=("author_names", "last_isbndb_sync"))
    year, year_is_weak = _year(records)
    language, language_is_weak = _language(records)
    chosen: dict[str, object] = {
        _YEAR: year,
        _LANGUAGE: language,
        "description": _description(records),
        "cover_image_url": better_cover((source_of(r), r.work.cover_image_url) for r in records),
    }
    if best.review_status is ReviewStatus.USER_EDITED:
        chosen = {name: getattr(best, name) or value for name, value in chosen.items()}
    weak = {
        name for name, is_weak in ((_YEAR, year_is_weak), (_LANGUAGE, language_is_weak)) if is_weak
    }
    work = replace(
        united,
        **chosen,
        subject_tags=genres(united.subject_tags),
        synthetic=all(record.work.synthetic for record in records),
        review_status=min((r.work.review_status for r in records), key=_REVIEWED.index),
        last_isbndb_sync=max(r.work.last_isbndb_sync or "" for r in records) or None,
        google_books_volume_id=_first(
            united.google_books_volume_ids, united.google_books_volume_id
        ),
        goodreads_id=_first(united.goodreads_work_ids, united.goodreads_id),
    )
    return with_sources(work, records), frozenset(weak)


def with_sources(work: Work, records: Sequence[BookRecord]) -> Work:
    """Return the work with its providers: the title's first, then all with a kept value."""
    named = [source_of(records[0])]
    for record in records:
        if record is records[0] or record.editions or _has_kept_value(record.work, work):
            named += [source_of(record), *record.work.contributors]
    known = tuple(dict.fromkeys(provider for provider in named if provider))
    return replace(work, primary_provider=_first(known, None), contributors=known)


def _title_rank(record: BookRecord) -> tuple[bool, int, bool, int]:
    edited = record.work.review_status is ReviewStatus.USER_EDITED
    title = record.work.title
    return not edited, _rank(record, _TITLE_TRUST), _names_series(title), len(title)


def _names_series(title: str) -> bool:
    last = _LAST_BRACKETS.search(title)
    return last is not None and _SERIES.search(last[1]) is not None


def _rank(record: BookRecord, trust: Sequence[DataProvider]) -> int:
    source = source_of(record)
    return trust.index(source) if source in trust else len(trust)


def _year(records: Sequence[BookRecord]) -> tuple[int | None, bool]:
    """Return the year of a source that knows the work, else the earliest of the editions."""
    for record in records:
        if record.work.first_publication_year is not None and _YEAR not in record.weak:
            return record.work.first_publication_year, False
    years = [record.work.first_publication_year for record in records]
    years += [edition.publication_year for record in records for edition in record.editions]
    earliest = min((year for year in years if year is not None), default=None)
    return earliest, earliest is not None


def _language(records: Sequence[BookRecord]) -> tuple[str | None, bool]:
    known = [record for record in records if record.work.original_language]
    strong = [record for record in known if _LANGUAGE not in record.weak]
    chosen = next(iter(strong or known), None)
    return (chosen.work.original_language if chosen else None), bool(known and not strong)


def _description(records: Sequence[BookRecord]) -> str | None:
    """Return the longest description of bearable length; near ties go by trust."""
    told = sorted(
        (record for record in records if record.work.description),
        key=lambda record: _rank(record, _TEXT_TRUST),
    )
    texts = [record.work.description or "" for record in told]
    bearable = [text for text in texts if len(text) <= _LONGEST_DESCRIPTION] or texts
    longest = max(map(len, bearable), default=0)
    return next((text for text in bearable if len(text) >= _NEAR_TIE * longest), None)


def _has_kept_value(told: Work, kept: Work) -> bool:
    return any(
        _overlap(getattr(told, name), getattr(kept, name))
        for name in Work.__struct_fields__
        if name not in _BOOKKEEPING
    )


def _overlap(told: object, kept: object) -> bool:
    if isinstance(told, tuple) and isinstance(kept, tuple):
        return any(value in kept for value in cast("tuple[object, ...]", told))
    return told is not None and told == kept


def _first(values: Iterable[str], otherwise: str | None) -> str | None:
    return next(iter(values), otherwise)
