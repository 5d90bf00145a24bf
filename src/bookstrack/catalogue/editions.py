"""Editions of several sources: which are one, and what the one looks like (data-model §5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import structs
from msgspec.structs import replace

from bookstrack.catalogue.filling import filled
from bookstrack.model.book import Edition
from bookstrack.model.enums import DataProvider, EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.normalise.titles import title_key

_COVER_PREFERENCE = {
    DataProvider.ISBNDB: 0,
    DataProvider.GOOGLE_BOOKS: 1,
    DataProvider.OPEN_LIBRARY: 2,
}
_LARGE_ZOOM = ("zoom=2", "zoom=3", "zoom=4", "zoom=6")
_UNRANKED = 3


def unite_editions(
    editions: Iterable[Edition],
    *,
    preferring: Callable[[Edition], Any],
    fixed: Collection[Edition] = (),
) -> list[Edition]:
    """Return each edition once, in order of first appearance.

    Of several descriptions of one, that with the lowest ``preferring`` key is kept and completed
    from the others. Two are one when they share an ISBN or a provider's id, or, where one has no
    ISBN, when title, publisher and year agree. No value of a ``fixed`` edition is replaced.
    """
    groups: list[list[Edition]] = []
    known: dict[str, list[Edition]] = {}
    for edition in editions:
        same = _groups_of(edition, known)
        group = same[0] if same else []
        if not same:
            groups.append(group)
        group.append(edition)
        for other in same[1:]:
            group += other
            groups.remove(other)
        for member in group if len(same) > 1 else (edition,):
            known.update(dict.fromkeys(_signs(member), group))
    return [_united(sorted(group, key=preferring), fixed) for group in groups]


def _groups_of(edition: Edition, known: Mapping[str, list[Edition]]) -> list[list[Edition]]:
    """Return the groups an edition belongs to, each once."""
    signs = _signs(edition)
    found = {id(known[sign]): known[sign] for sign in signs if sign in known}
    return [group for group in found.values() if _belongs(edition, group)]


def _signs(edition: Edition) -> list[str]:
    """Return everything by which an edition may be found to be another, as keys."""
    signs = [f"isbn:{number}" for number in isbn_classes(edition)]
    signs += [f"google:{number}" for number in _google_ids(edition)]
    if edition.open_library_edition_id:
        signs.append(f"openlibrary:{edition.open_library_edition_id}")
    described = _description(edition)
    return [*signs, "described:" + "|".join(described)] if all(described) else signs


def _belongs(edition: Edition, group: Sequence[Edition]) -> bool:
    if any(_shares_number(edition, member) for member in group):
        return True
    described = _description(edition)
    return any(_description(member) == described for member in group) and not any(
        _has_other_number(edition, member) for member in group
    )


def isbn_classes(edition: Edition) -> frozenset[str]:
    """Return the identities of an edition's ISBNs: ISBN-13s, or misprinted numbers as they are."""
    return frozenset(_canonical(number) for number in edition.isbns)


def edition_completeness(edition: Edition) -> int:
    """Return how many of an edition's fields have a value."""
    return sum(value not in (None, (), 0) for value in structs.astuple(edition))


def better_cover(covers: Iterable[tuple[DataProvider | None, str | None]]) -> str | None:
    """Return the likely largest cover: ISBNdb, Google large, Open Library ``-L``, thumbnails."""
    known = [(provider, url) for provider, url in covers if url]
    return min(known, key=_cover_rank)[1] if known else None


def _cover_rank(cover: tuple[DataProvider | None, str]) -> int:
    provider, url = cover
    if "books.google." in url:
        return 1 if any(zoom in url for zoom in _LARGE_ZOOM) else _UNRANKED + 1
    return _COVER_PREFERENCE.get(provider, _UNRANKED) if provider else _UNRANKED


@lru_cache(maxsize=8_192)
def _canonical(number: str) -> str:
    isbn = Isbn.find(number)
    return isbn.canonical if isbn else number


def _shares_number(one: Edition, other: Edition) -> bool:
    return (
        not isbn_classes(one).isdisjoint(isbn_classes(other))
        or not _google_ids(one).isdisjoint(_google_ids(other))
        or one.open_library_edition_id == other.open_library_edition_id is not None
    )


def _has_other_number(one: Edition, other: Edition) -> bool:
    """Tell whether two editions without a common number have numbers that tell them apart."""
    return bool(
        (one.isbns and other.isbns)
        or (one.open_library_edition_id and other.open_library_edition_id)
    )


def _google_ids(edition: Edition) -> set[str]:
    return {*edition.google_books_volume_ids, edition.google_books_volume_id or ""} - {""}


def _description(edition: Edition) -> tuple[str, str, str]:
    return (
        title_key(edition.title or ""),
        title_key(edition.publisher or ""),
        (edition.publication_date or "")[:4],
    )


def _united(group: Sequence[Edition], fixed: Collection[Edition]) -> Edition:
    best = group[0]
    if len(group) == 1:
        return best
    united = best
    for other in group[1:]:
        united = filled(united, other, keep=("format",))
    isbns = sorted(united.isbns, key=lambda number: (len(number) == 10, number != united.isbn))
    united = replace(united, isbn=next(iter(isbns), None), isbns=tuple(isbns))
    return united if best in fixed else replace(united, **_chosen(group))


def _chosen(group: Sequence[Edition]) -> dict[str, object]:
    """Return the values for which another source may be better than the preferred one."""
    date = most_precise([edition.publication_date for edition in group])
    covers = [(edition.primary_provider, edition.cover_image_url) for edition in group]
    years = [edition.publication_year for edition in group if edition.publication_year]
    return {
        "publication_date": date,
        "publication_year": int(date[:4]) if date else next(iter(years), None),
        "cover_image_url": better_cover(covers),
        "format": _format(group),
    }


def most_precise(dates: Sequence[str | None]) -> str | None:
    """Return the first date, or the longest one that says the same more exactly."""
    known = [date for date in dates if date]
    agreeing = [date for date in known if date.startswith(known[0])]
    return max(agreeing, key=len, default=None)


def _format(group: Sequence[Edition]) -> EditionFormat:
    """Return the best source's format; "Paperback" stands for unknown, except with ISBNdb."""
    if group[0].primary_provider is DataProvider.ISBNDB:
        return group[0].format
    named = (edition.format for edition in group if edition.format is not EditionFormat.PAPERBACK)
    return next(named, EditionFormat.PAPERBACK)
