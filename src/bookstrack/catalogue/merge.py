"""Several sources, one book; and lists in which each work stands once (providers §7, §8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bookstrack.catalogue.editions import edition_completeness, isbn_classes, unite_editions
from bookstrack.catalogue.flat import carries
from bookstrack.catalogue.matching import (
    asked_names,
    authors_match,
    known_names,
    main_title_key,
    titles_match,
)
from bookstrack.catalogue.people import united_authors, united_people
from bookstrack.catalogue.works import source_of, title_first, united_work, with_sources
from bookstrack.model.book import Edition
from bookstrack.model.enums import DataProvider, EditionFormat, ReviewStatus
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, Rating
from bookstrack.normalise.volumes import is_same_volume

_EDITION_TRUST = (
    DataProvider.ISBNDB,
    DataProvider.GOOGLE_BOOKS,
    DataProvider.OPEN_LIBRARY,
    DataProvider.GEMINI,
)
_FORMAT_ORDER = (
    EditionFormat.HARDCOVER,
    EditionFormat.PAPERBACK,
    EditionFormat.MASS_MARKET,
    EditionFormat.EBOOK,
    EditionFormat.AUDIOBOOK,
)
_ENOUGH_RATINGS = 10


def merge(records: Sequence[BookRecord], *, isbn: Isbn | None = None) -> BookRecord:
    """Return one record of what several sources say about one book; at least one is needed.

    ``isbn`` is the number asked for: the edition that carries it becomes the primary one. What a
    reader edited is only ever added to. Records that did not prove to be the book count only
    where no other does.
    """
    proven = [record for record in records if record.confidence >= 1] or list(records)
    if len(proven) == 1:
        return _alone(proven[0], isbn)
    ordered = title_first(proven)
    best = ordered[0]
    authors = united_authors([record.authors for record in ordered], fixed=_is_edited(best))
    work, weak = united_work(ordered)
    return replace(
        best,
        work=work,
        weak=weak,
        editions=_united_editions(proven, isbn),
        authors=authors,
        people=united_people(authors, ordered),
        subtitle=_subtitle(ordered),
        thumbnail_url=next((r.thumbnail_url for r in ordered if r.thumbnail_url), None),
        rating=_rating(ordered),
        raw_subjects=_all(record.raw_subjects for record in ordered),
        misprints=_all(record.misprints for record in ordered),
        edition_count=max((r.edition_count for r in ordered if r.edition_count), default=None),
        confidence=max(record.confidence for record in ordered),
    )


def distinct(records: Sequence[BookRecord]) -> list[BookRecord]:
    """Return each work once, in order of first appearance, with what all its records say.

    Same Open Library work, or a shared ISBN, or equal title, the same volume and a common author.
    Titles that are only alike stay apart: in a list, hiding a book is worse than showing one twice.
    """
    groups: list[list[_Identified]] = []
    for record in map(_identified, records):
        group = next((g for g in groups if any(_is_same_work(record, r) for r in g)), None)
        if group is None:
            groups.append([record])
        else:
            group.append(record)
    members = [[found.record for found in group] for group in groups]
    return [merge(group) if len(group) > 1 else group[0] for group in members]


def edition_list(records: Sequence[BookRecord], *, title: str, author: str) -> list[Edition]:
    """Return the editions of a work, each once: by format, then quality, then newest first.

    Kept are editions with an ISBN whose title matches and whose authors, where known, include
    one that was asked for.
    """
    found = [
        edition
        for record in records
        if _is_by(record, author)
        for edition in record.editions
        if edition.isbns and _is_titled(edition, record, title)
    ]
    united = unite_editions(
        found, preferring=lambda e: (-e.isbndb_quality, -edition_completeness(e))
    )
    newest_first = sorted(united, key=lambda e: e.publication_date or "", reverse=True)
    return sorted(newest_first, key=lambda e: (_FORMAT_ORDER.index(e.format), -e.isbndb_quality))


def _alone(record: BookRecord, isbn: Isbn | None) -> BookRecord:
    editions = tuple(sorted(record.editions, key=lambda edition: not carries(edition, isbn)))
    return replace(record, work=with_sources(record.work, [record]), editions=editions)


def _united_editions(records: Sequence[BookRecord], isbn: Isbn | None) -> tuple[Edition, ...]:
    """Return all editions, the asked one first, then those with an ISBN and a cover."""
    sourced = [
        (_with_source(e, record), _is_edited(record)) for record in records for e in record.editions
    ]
    edited = {edition for edition, by_reader in sourced if by_reader}

    def preference(edition: Edition) -> tuple[bool, bool, int, int, int]:
        return (
            edition not in edited,
            not carries(edition, isbn),
            _trust(edition.primary_provider),
            -edition.isbndb_quality,
            -edition_completeness(edition),
        )

    editions = [edition for edition, _ in sourced]
    united = unite_editions(editions, preferring=preference, fixed=edited)
    return tuple(
        sorted(united, key=lambda e: (not carries(e, isbn), not e.isbns, not e.cover_image_url))
    )


def _is_edited(record: BookRecord) -> bool:
    return record.work.review_status is ReviewStatus.USER_EDITED


def _with_source(edition: Edition, record: BookRecord) -> Edition:
    source = edition.primary_provider or source_of(record)
    if source is None:
        return edition
    named = tuple(dict.fromkeys((source, *edition.contributors)))
    return replace(edition, primary_provider=source, contributors=named)


def _trust(provider: DataProvider | None) -> int:
    known = provider in _EDITION_TRUST
    return _EDITION_TRUST.index(provider) if provider and known else len(_EDITION_TRUST)


def _subtitle(ordered: Sequence[BookRecord]) -> str | None:
    """Return the subtitle that goes with the chosen title."""
    title = main_title_key(ordered[0].work.title)
    fitting = (r.subtitle for r in ordered if main_title_key(r.work.title) == title)
    return next(filter(None, fitting), None)


def _rating(ordered: Sequence[BookRecord]) -> Rating | None:
    """Return Google's rating where enough readers gave one, else Open Library's."""
    rated = [(source_of(record), record.rating) for record in ordered if record.rating]
    for source, rating in rated:
        if source is DataProvider.GOOGLE_BOOKS and rating.count >= _ENOUGH_RATINGS:
            return rating
    return rated[0][1] if rated else None


def _all(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))


class _Identified(Struct, frozen=True):
    """A record with what tells whether it is another's work, worked out once."""

    record: BookRecord
    isbns: frozenset[str]
    title: str
    names: tuple[str, ...]


def _identified(record: BookRecord) -> _Identified:
    isbns = (number for edition in record.editions for number in isbn_classes(edition))
    title = main_title_key(record.work.title)
    return _Identified(record, frozenset(isbns), title, tuple(known_names(record)))


def _is_same_work(one: _Identified, other: _Identified) -> bool:
    own_id = one.record.work.open_library_work_id
    other_id = other.record.work.open_library_work_id
    if own_id and other_id:
        return own_id == other_id
    if not one.isbns.isdisjoint(other.isbns):
        return True
    is_titled_alike = one.title == other.title and is_same_volume(
        one.record.subtitle, other.record.subtitle
    )
    return is_titled_alike and _have_common_author(one, other)


def _have_common_author(one: _Identified, other: _Identified) -> bool:
    """Tell whether two books are by one person; those of nobody only where no ISBN parts them."""
    if not one.names and not other.names:
        return not one.isbns and not other.isbns
    return any(authors_match(name, theirs) for name in one.names for theirs in other.names)


def _is_by(record: BookRecord, author: str) -> bool:
    known = known_names(record)
    return not known or any(
        authors_match(asked, name) for asked in asked_names(author) for name in known
    )


def _is_titled(edition: Edition, record: BookRecord, title: str) -> bool:
    return titles_match(record.work.title, title) or titles_match(edition.title or "", title)
