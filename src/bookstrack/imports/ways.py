"""What the rows of one file have in common, decided by looking at whole columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct, field

from bookstrack.imports.dates import DateOrder, column_order, is_ambiguous
from bookstrack.imports.export import ReadingStatus
from bookstrack.imports.fields import DATES, Field
from bookstrack.imports.layout import Cells, Layout, NameStyle
from bookstrack.imports.mapping import Mapping as ColumnMapping
from bookstrack.imports.people import is_surname_first
from bookstrack.imports.ratings import column_scale

_DATED = (*DATES, Field.YEAR)
_FEWEST_NAMES = 5


class Ways(Struct, frozen=True, kw_only=True):
    """How cells of one file are to be read.

    ``scale`` is the highest rating; ``orders`` are those of the date columns. ``statuses`` are
    words explained from outside. With ``status_from_shelves`` a tag may say the status, as no
    column does. ``today`` is ``None`` where nobody looks for dates in the future. ``is_guessed``
    tells that some date could be read either way and nothing decided. ``names`` is how the
    column of authors is written.
    """

    layout: Layout
    names: NameStyle = NameStyle.FREE
    scale: int = 5
    orders: Mapping[Field, DateOrder] = field(default_factory=dict[Field, DateOrder])
    is_guessed: bool = False
    statuses: Mapping[str, ReadingStatus | None] = field(
        default_factory=dict[str, ReadingStatus | None]
    )
    status_from_shelves: bool = False
    today: date | None = None


def decided(
    layout: Layout,
    rows: Sequence[Cells],
    *,
    mapping: ColumnMapping | None = None,
    today: date | None = None,
) -> Ways:
    """Return how to read the rows of one file."""
    orders, is_guessed = _orders(rows, mapping.date_order if mapping is not None else None)
    given_scale = mapping.rating_scale if mapping is not None else None
    return Ways(
        layout=layout,
        names=_name_style(layout, _column(rows, Field.AUTHOR)),
        scale=given_scale or column_scale(_column(rows, Field.RATING)),
        orders=orders,
        is_guessed=is_guessed,
        statuses=mapping.status_words() if mapping is not None else {},
        status_from_shelves=not any(Field.STATUS in row for row in rows),
        today=today,
    )


def _column(rows: Sequence[Cells], field: Field) -> list[str]:
    return [row[field] for row in rows if field in row]


def _name_style(layout: Layout, cells: Sequence[str]) -> NameStyle:
    """Return the format's style; a free column of mostly "Last, First" is sorted throughout."""
    if layout.names is not NameStyle.FREE or len(cells) < _FEWEST_NAMES:
        return layout.names
    pairs = [cell.split(",") for cell in cells if cell.count(",") == 1]
    turned = sum(is_surname_first(last.strip(), first.strip()) for last, first in pairs)
    is_sorted = turned * 2 >= len(cells) and turned * 10 >= len(pairs) * 7
    return NameStyle.SORTED if is_sorted else layout.names


def _orders(rows: Sequence[Cells], given: DateOrder | None) -> tuple[dict[Field, DateOrder], bool]:
    """Decide every date column by itself, else by its neighbours, else month first."""
    if given is not None:
        return dict.fromkeys(_DATED, given), False
    columns = {field: cells for field in _DATED if (cells := _column(rows, field))}
    proven = {field: column_order(cells) for field, cells in columns.items()}
    certain = [order for order in proven.values() if order is not None]
    fallback = certain[0] if certain else DateOrder.MONTH_FIRST
    doubtful = [field for field, order in proven.items() if order is None]
    is_guessed = not certain and any(any(map(is_ambiguous, columns[one])) for one in doubtful)
    return {field: order or fallback for field, order in proven.items()}, is_guessed
