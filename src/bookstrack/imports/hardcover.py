"""Exports of Hardcover."""

from __future__ import annotations

import re

from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells, Layout, NameStyle

_COLUMNS = {
    Field.TITLE: ("title",),
    Field.AUTHOR: ("author",),
    Field.SERIES: ("series",),
    Field.STATUS: ("status",),
    Field.HARDCOVER_BOOK: ("hardcover book id",),
    Field.HARDCOVER_EDITION: ("hardcover edition id",),
    Field.ISBN10: ("isbn 10",),
    Field.ISBN13: ("isbn 13",),
    Field.ASIN: ("asin",),
    Field.FORMAT: ("binding",),
    Field.MEDIA: ("media",),
    Field.LANGUAGE: ("language code",),
    Field.PAGES: ("pages",),
    Field.YEAR: ("publish date",),
    Field.PUBLISHER: ("publisher",),
    Field.SHELVES: ("tags",),
    Field.COLLECTIONS: ("lists",),
    Field.DATE_ADDED: ("date added",),
    Field.DATE_STARTED: ("date started",),
    Field.DATE_FINISHED: ("date finished",),
    Field.RATING: ("rating",),
    Field.REVIEW: ("review",),
    Field.NOTES: ("private notes",),
}
_FIRST_SERIES = re.compile(r"([^,;]*?)[\s,(]*#\s*(\d+(?:\.\d+)?(?:\s?[-–]\s?\d+(?:\.\d+)?)?)")

_LONGEST_SERIES = 300


def _fits(names: frozenset[str]) -> bool:
    return "hardcover book id" in names


def _adapt(cells: Cells) -> SkipReason | None:
    if cells.get(Field.STATUS, "").casefold() == "ignored":
        return SkipReason.IGNORED
    media = cells.pop(Field.MEDIA, None)
    if media:
        cells.setdefault(Field.FORMAT, media)
    lists = cells.pop(Field.COLLECTIONS, None)
    if lists:
        cells[Field.SHELVES] = ", ".join(filter(None, (cells.get(Field.SHELVES), lists)))
    numbered = _FIRST_SERIES.match(cells.get(Field.SERIES, "")[:_LONGEST_SERIES])
    if numbered is not None and numbered[1]:
        cells[Field.SERIES], cells[Field.SERIES_NUMBER] = numbered[1], numbered[2]
    return None


LAYOUT = Layout(
    format=Format.HARDCOVER, fits=_fits, columns=_COLUMNS, adapt=_adapt, names=NameStyle.LISTED
)
