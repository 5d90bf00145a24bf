"""Exports of The StoryGraph."""

from __future__ import annotations

from bookstrack.imports.dates import ranges
from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.isbns import read_isbn
from bookstrack.imports.layout import Cells, Layout, NameStyle
from bookstrack.model.isbn import Isbn

_COLUMNS = {
    Field.TITLE: ("title",),
    Field.AUTHOR: ("authors",),
    Field.CONTRIBUTORS: ("contributors",),
    Field.ISBN: ("isbn uid",),
    Field.FORMAT: ("format",),
    Field.STATUS: ("read status",),
    Field.DATE_ADDED: ("date added",),
    Field.DATE_FINISHED: ("last date read",),
    Field.DATES_READ: ("dates read",),
    Field.RATING: ("star rating",),
    Field.REVIEW: ("review",),
    Field.SHELVES: ("tags",),
}


def _fits(names: frozenset[str]) -> bool:
    return {"read status", "isbn uid"} <= names


def _adapt(cells: Cells) -> SkipReason | None:
    uid = cells.get(Field.ISBN)
    if uid is not None:
        cells[Field.STORYGRAPH_UID] = uid
        if read_isbn(uid, padded=False) is None and not Isbn.printed(uid):
            del cells[Field.ISBN]  # an Amazon number or one of their own
        if uid.startswith("B0") and len(uid) == 10:
            cells[Field.ASIN] = uid
    _spread_dates(cells)
    return None


def _spread_dates(cells: Cells) -> None:
    """Take start and finish from the last of the times the book was read."""
    times = ranges(cells.pop(Field.DATES_READ, ""))
    if not times:
        return
    started, finished = max(times, key=lambda time: max(time))
    if started:
        cells[Field.DATE_STARTED] = started
    if finished:
        cells.setdefault(Field.DATE_FINISHED, finished)
    else:
        cells.pop(Field.DATE_FINISHED, None)  # that of an earlier time: now it is read again


LAYOUT = Layout(
    format=Format.STORYGRAPH,
    fits=_fits,
    columns=_COLUMNS,
    adapt=_adapt,
    names=NameStyle.LISTED,
    padded_isbn=False,
)
