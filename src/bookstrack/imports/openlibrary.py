"""Reading logs of Open Library: keys and shelves; newer ones have titles, too."""

from __future__ import annotations

from bookstrack.imports.export import Format
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Layout

_COLUMNS = {
    Field.OPEN_LIBRARY_WORK: ("work id",),
    Field.OPEN_LIBRARY_EDITION: ("edition id",),
    Field.STATUS: ("bookshelf",),
    Field.TITLE: ("title",),
    Field.AUTHOR: ("author", "authors"),
    Field.ORIGINAL_YEAR: ("first publish year",),
    Field.RATING: ("my ratings", "my rating"),
}


def _fits(names: frozenset[str]) -> bool:
    return {"work id", "edition id", "bookshelf"} <= names


LAYOUT = Layout(format=Format.OPEN_LIBRARY, fits=_fits, columns=_COLUMNS)
