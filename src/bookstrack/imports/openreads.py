"""Exports of Openreads, of its first version, too, which knew one reading of a book."""

from __future__ import annotations

from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells, Layout

_COLUMNS = {
    Field.TITLE: ("title",),
    Field.SUBTITLE: ("subtitle",),
    Field.AUTHOR: ("author",),
    Field.DESCRIPTION: ("description",),
    Field.STATUS: ("status",),
    Field.DELETED: ("deleted",),
    Field.RATING: ("rating",),
    Field.PAGES: ("pages",),
    Field.YEAR: ("publication year",),
    Field.ISBN: ("isbn",),
    Field.OPEN_LIBRARY_ID: ("olid",),
    Field.SHELVES: ("tags",),
    Field.REVIEW: ("my review",),
    Field.NOTES: ("notes",),
    Field.FORMAT: ("book format", "book type"),
    Field.DATE_STARTED: ("start date",),
    Field.DATE_FINISHED: ("finish date",),
    Field.READINGS: ("readings",),
    Field.DATE_ADDED: ("date added",),
}

_MOST_READINGS = 500


def _fits(names: frozenset[str]) -> bool:
    return {"readings", "book format"} <= names or {"favourite", "deleted", "my review"} <= names


def _adapt(cells: Cells) -> SkipReason | None:
    if cells.pop(Field.DELETED, "").casefold() == "true":
        return SkipReason.DELETED
    listed = cells.pop(Field.READINGS, "").split(";", _MOST_READINGS)
    readings = [_reading(one) for one in listed if one.strip()]
    if readings:
        started, finished = max(readings, key=max)
        for field, date in ((Field.DATE_STARTED, started), (Field.DATE_FINISHED, finished)):
            if date:
                cells[field] = date
    return None


def _reading(text: str) -> tuple[str, str]:
    """Return start and finish of one reading; one that goes on has no finish."""
    started, finished, *_ = (*text.split("|"), "", "")
    return started.strip(), finished.strip()


LAYOUT = Layout(format=Format.OPENREADS, fits=_fits, columns=_COLUMNS, adapt=_adapt)
