"""Catalogues written by Calibre; the reader chose the columns."""

from __future__ import annotations

import re

from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells, Layout

_COLUMNS = {
    Field.TITLE: ("title",),
    Field.AUTHOR: ("authors",),
    Field.AUTHOR_SORTED: ("author sort",),
    Field.ISBN: ("isbn",),
    Field.IDENTIFIERS: ("identifiers",),
    Field.RATING: ("rating",),
    Field.DATE_ADDED: ("timestamp",),
    Field.DESCRIPTION: ("comments",),
    Field.SHELVES: ("tags",),
    Field.SERIES: ("series",),
    Field.SERIES_NUMBER: ("series index",),
    Field.LANGUAGE: ("languages",),
    Field.PUBLISHER: ("publisher",),
    Field.YEAR: ("pubdate",),
    Field.CALIBRE_ID: ("uuid",),
}
_SCHEMES = {
    "goodreads": Field.GOODREADS_ID,
    "google": Field.GOOGLE_BOOKS_ID,
    "asin": Field.ASIN,
    "mobi-asin": Field.ASIN,
    "amazon": Field.ASIN,
    "openlibrary": Field.OPEN_LIBRARY_ID,
    "olid": Field.OPEN_LIBRARY_ID,
    "librarything": Field.LIBRARYTHING_WORK,
    "oclc": Field.OCLC,
}
_UNKNOWN_YEAR = re.compile(r"0?101\b")


def _fits(names: frozenset[str]) -> bool:
    return "authors" in names and not names.isdisjoint({"uuid", "author sort", "title sort"})


def _adapt(cells: Cells) -> SkipReason | None:
    for pair in cells.pop(Field.IDENTIFIERS, "").split(","):
        scheme, _, value = pair.strip().partition(":")
        scheme, value = scheme.casefold(), value.strip()
        if scheme == "isbn":
            cells.setdefault(Field.ISBN, value)
        elif value and (field := _SCHEMES.get(scheme) or _shop(scheme)) is not None:
            cells.setdefault(field, value)
    if _UNKNOWN_YEAR.match(cells.get(Field.YEAR, "")):
        del cells[Field.YEAR]
    if Field.SERIES not in cells:
        cells.pop(Field.SERIES_NUMBER, None)  # is 1.0 for every book
    if Field.AUTHOR in cells:
        _separate_names(cells)
    return None


def _shop(scheme: str) -> Field | None:
    """Return the field of ``amazon_de`` and its like."""
    return Field.ASIN if scheme.startswith("amazon_") else None


def _separate_names(cells: Cells) -> None:
    """Write several names with semicolons; inside a name ``|`` stands for a comma."""
    names = cells[Field.AUTHOR]
    if "|" in names or " & " in names:
        separated = re.split(r"\s&\s", names)
        cells[Field.AUTHOR] = "; ".join(name.replace("|", ",") for name in separated)


LAYOUT = Layout(format=Format.CALIBRE, fits=_fits, columns=_COLUMNS, adapt=_adapt)
