"""Exports of BookWyrm."""

from __future__ import annotations

import re

from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells, Layout, NameStyle
from bookstrack.imports.statuses import status_of

_COLUMNS = {
    Field.TITLE: ("title",),
    Field.AUTHOR: ("author text",),
    Field.BOOKWYRM_ID: ("remote id",),
    Field.OPEN_LIBRARY_ID: ("openlibrary key",),
    Field.INVENTAIRE_ID: ("inventaire id",),
    Field.LIBRARYTHING_WORK: ("librarything key",),
    Field.GOODREADS_ID: ("goodreads key",),
    Field.ASIN: ("asin", "aasin"),
    Field.ISBN10: ("isbn 10",),
    Field.ISBN13: ("isbn 13",),
    Field.OCLC: ("oclc number",),
    Field.DATE_STARTED: ("start date",),
    Field.DATE_FINISHED: ("finish date",),
    Field.DATE_STOPPED: ("stopped date",),
    Field.DATE_ADDED: ("shelf date",),
    Field.RATING: ("rating",),
    Field.REVIEW_NAME: ("review name",),
    Field.REVIEW: ("review content",),
    Field.STATUS: ("shelf",),
    Field.SHELF_NAME: ("shelf name",),
}
_NUMBER = re.compile(r"-\d+$")


def _fits(names: frozenset[str]) -> bool:
    return {"author text", "remote id"} <= names


def _adapt(cells: Cells) -> SkipReason | None:
    shelf, name = cells.get(Field.STATUS, ""), cells.pop(Field.SHELF_NAME, "")
    if shelf and not status_of(shelf).is_known:
        cells[Field.STATUS] = name or _NUMBER.sub("", shelf)  # a shelf of the reader's own
    heading = cells.pop(Field.REVIEW_NAME, "")
    if heading:
        cells[Field.REVIEW] = "\n\n".join(filter(None, (heading, cells.get(Field.REVIEW))))
    return None


LAYOUT = Layout(
    format=Format.BOOKWYRM, fits=_fits, columns=_COLUMNS, adapt=_adapt, names=NameStyle.LISTED
)
