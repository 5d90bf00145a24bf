"""Keys that other catalogues give to books."""

from __future__ import annotations

import re

from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells

_SCHEMES = {
    Field.GOODREADS_ID: "goodreads",
    Field.OPEN_LIBRARY_WORK: "openLibraryWork",
    Field.OPEN_LIBRARY_EDITION: "openLibraryEdition",
    Field.GOOGLE_BOOKS_ID: "googleBooks",
    Field.ASIN: "asin",
    Field.OCLC: "oclc",
    Field.LIBRARYTHING_BOOK: "libraryThingBook",
    Field.LIBRARYTHING_WORK: "libraryThingWork",
    Field.STORYGRAPH_UID: "storygraphUid",
    Field.HARDCOVER_BOOK: "hardcoverBook",
    Field.HARDCOVER_EDITION: "hardcoverEdition",
    Field.BOOKWYRM_ID: "bookwyrm",
    Field.INVENTAIRE_ID: "inventaire",
    Field.CALIBRE_ID: "calibre",
}
LOOKED_UP = (
    "openLibraryEdition",
    "openLibraryWork",
    "goodreads",
    "googleBooks",
    "asin",
    "oclc",
    "libraryThingWork",
    "hardcoverEdition",
    "hardcoverBook",
)
"""Schemes by which a book can be found when nothing else is known of it."""

OF_EDITIONS = (
    "goodreads",
    "openLibraryEdition",
    "googleBooks",
    "asin",
    "hardcoverEdition",
    "libraryThingBook",
    "storygraphUid",
    "bookwyrm",
    "calibre",
)
"""Schemes that number editions, so that rows of one number are about one book."""

_OPEN_LIBRARY = re.compile(r"\bOL\d{1,12}([WM])\b", re.I)
_LONGEST = 500


def external_ids(cells: Cells) -> dict[str, str]:
    """Return the keys of one row by scheme; what is no Open Library key is left out."""
    found = {
        scheme: cells[field][:_LONGEST] for field, scheme in _SCHEMES.items() if field in cells
    }
    for field in (Field.OPEN_LIBRARY_ID, Field.OPEN_LIBRARY_WORK, Field.OPEN_LIBRARY_EDITION):
        if field in cells:
            found.pop(_SCHEMES.get(field, ""), None)
    for field in (Field.OPEN_LIBRARY_WORK, Field.OPEN_LIBRARY_EDITION, Field.OPEN_LIBRARY_ID):
        key = _OPEN_LIBRARY.search(cells[field][:_LONGEST]) if field in cells else None
        if key is not None:
            kind = "openLibraryWork" if key[1] in "Ww" else "openLibraryEdition"
            found.setdefault(kind, key[0].upper())
    return found
