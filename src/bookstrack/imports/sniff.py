"""Which service a header comes from, and where its columns are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bookstrack.imports import (
    bookwyrm,
    calibre,
    generic,
    goodreads,
    hardcover,
    librarything,
    openlibrary,
    openreads,
    storygraph,
)
from bookstrack.imports.export import Format
from bookstrack.imports.fields import NUMBERS_OF_BOOKS, Field, header_key
from bookstrack.imports.layout import Layout
from bookstrack.imports.mapping import Mapping as ColumnMapping

LAYOUTS: Final = (
    goodreads.LAYOUT,
    storygraph.LAYOUT,
    librarything.LAYOUT,
    calibre.LAYOUT,
    bookwyrm.LAYOUT,
    hardcover.LAYOUT,
    openlibrary.LAYOUT,
    openreads.LAYOUT,
    generic.LAYOUT,
)
"""Every format; the first whose signature fits a header wins, the last fits any."""

NAMES_OF_BOOKS: Final = frozenset(
    name
    for layout in LAYOUTS
    for field in (Field.TITLE, Field.AUTHOR, *NUMBERS_OF_BOOKS)
    for name in layout.columns.get(field, ())
)
"""The header keys of columns that say which book a row is about."""

KNOWN_NAMES: Final = frozenset(
    name for layout in LAYOUTS for names in layout.columns.values() for name in names
)
"""The header keys that any format knows."""


def layout_of(header: Iterable[str]) -> Layout:
    """Return the layout that a header belongs to."""
    names = frozenset(map(header_key, header))
    return next(layout for layout in LAYOUTS if layout.fits(names))


def layout_named(name: Format) -> Layout:
    """Return the layout of a format."""
    return next(layout for layout in LAYOUTS if layout.format is name)


def places(layout: Layout, header: Sequence[str]) -> dict[Field, int]:
    """Return where the fields of a layout are; each column is used once."""
    at: dict[str, int] = {}
    for place, name in enumerate(header):
        at.setdefault(header_key(name), place)
    found: dict[Field, int] = {}
    for field, names in layout.columns.items():
        free = [at[name] for name in names if name in at and at[name] not in found.values()]
        if free:
            found[field] = free[0]
    return found


def spare_places(header: Sequence[str], at: Mapping[Field, int]) -> dict[Field, tuple[int, ...]]:
    """Return where columns of the same names as those of the fields stand once more."""
    keys = [header_key(name) for name in header]
    spares = {
        field: tuple(other for other in range(place + 1, len(keys)) if keys[other] == keys[place])
        for field, place in at.items()
    }
    return {field: others for field, others in spares.items() if others}


def mapped_places(mapping: ColumnMapping, header: Sequence[str]) -> dict[Field, int]:
    """Return where the fields of a given mapping are; the first column of a field counts."""
    fields = {header_key(name): field for name, field in mapping.columns.items()}
    found: dict[Field, int] = {}
    for place, name in enumerate(header):
        field = fields.get(header_key(name))
        if field is not None:
            found.setdefault(field, place)
    return found
