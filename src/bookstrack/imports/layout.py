"""How one service's export is laid out: its columns, and what is special about its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

from bookstrack.imports.export import Format, ReadingStatus, SkipReason
from bookstrack.imports.fields import Field

Cells = dict[Field, str]
"""The cells of one row that hold something, trimmed and out of their spreadsheet armour."""

Adapt = Callable[[Cells], SkipReason | None]
"""Rewrites one service's cells in place into those every row rule knows; a reason skips the row."""


class NameStyle(StrEnum):
    """How a cell of names is written.

    ``FREE``: not known, told cell by cell. ``LISTED``: first names first, a comma separates.
    ``SORTED``: "Last, First". ``WHOLE``: one name, whatever is in it.
    """

    FREE = "free"
    LISTED = "listed"
    SORTED = "sorted"
    WHOLE = "whole"


def as_it_is(cells: Cells) -> SkipReason | None:
    """Take the cells as they are."""
    del cells


class Layout(Struct, frozen=True, kw_only=True):
    """One format. ``fits`` looks at the header keys; ``columns`` lists keys, best first.

    ``padded_isbn`` tells whether nine digits may be an ISBN that lost its zero. ``unquoted``
    says that a tab-separated file of this format has ordinary quotes. ``default_status`` is that
    of a row with no sign of another.
    """

    format: Format
    fits: Callable[[frozenset[str]], bool]
    columns: Mapping[Field, tuple[str, ...]]
    adapt: Adapt = as_it_is
    names: NameStyle = NameStyle.FREE
    default_status: ReadingStatus | None = None
    padded_isbn: bool = True
    unquoted: bool = False
