"""Exports of Goodreads, old header and new."""

from __future__ import annotations

from bookstrack.imports.export import Format
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Layout, NameStyle

_COLUMNS = {
    Field.GOODREADS_ID: ("book id",),
    Field.TITLE: ("title",),
    Field.AUTHOR: ("author",),
    Field.AUTHOR_SORTED: ("author l f",),
    Field.CONTRIBUTORS: ("additional authors",),
    Field.ISBN: ("isbn",),
    Field.ISBN13: ("isbn13",),
    Field.RATING: ("my rating",),
    Field.PUBLISHER: ("publisher",),
    Field.FORMAT: ("binding",),
    Field.PAGES: ("number of pages",),
    Field.YEAR: ("year published",),
    Field.ORIGINAL_YEAR: ("original publication year",),
    Field.DATE_FINISHED: ("date read",),
    Field.DATE_ADDED: ("date added",),
    Field.SHELVES: ("bookshelves",),
    Field.STATUS: ("exclusive shelf",),
    Field.REVIEW: ("my review",),
    Field.NOTES: ("private notes",),
}


def _fits(names: frozenset[str]) -> bool:
    return "exclusive shelf" in names and not names.isdisjoint({"book id", "my rating"})


# An additional author may as well be a translator or a narrator: they stay contributors.
LAYOUT = Layout(format=Format.GOODREADS, fits=_fits, columns=_COLUMNS, names=NameStyle.WHOLE)
