"""How a file separates its cells: found out from its first records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from itertools import islice

from msgspec import Struct

from bookstrack.imports.fields import header_key
from bookstrack.imports.refusal import Unreadable
from bookstrack.imports.tokens import Dialect, Record, records

CANDIDATES = (",", "\t", ";", "|")
_SAMPLE = 20
_SAMPLE_CHARACTERS = 262_144
_MOST_COLUMNS = 200
_DECLARATION = re.compile(r'\s*"?sep=(.)"?[ ,;\t|]*\n', re.I)
_SIGNS = r",;\t|\n"
# A pair of quotes that is not just an empty cell or an escaped quote before the closing one.
_DOUBLED = re.compile(
    rf'(?<=[^{_SIGNS}\\ ])""|(?<!\\)""(?=[^{_SIGNS} ])|\\""(?=[^{_SIGNS}])',
)
# A backslash and a quote that does not just close a cell ending in a backslash.
_ESCAPED = re.compile(rf'\\"(?=[^{_SIGNS}])')


class _Fit(Struct, frozen=True, order=True):
    """How well a delimiter fits; compared field by field."""

    has_known_header: bool
    consistency: float
    known_names: int
    cells: int


def find_dialect(text: str, *, known: Collection[str], delimiter: str | None = None) -> Dialect:
    """Return the dialect of a text; its delimiter is empty where none fits.

    ``known`` are header keys that speak for a delimiter; ``delimiter`` forces one.
    """
    declared = _DECLARATION.match(text)
    start = declared.end() if declared is not None else 0
    sign = delimiter or (declared[1] if declared is not None else None)
    escaped = '\\"' in text and bool(_ESCAPED.search(text)) and not _DOUBLED.search(text)
    if sign is None:
        fits = {one: _fit(text, Dialect(delimiter=one, start=start), known) for one in CANDIDATES}
        found = {one: fit for one, fit in fits.items() if fit is not None}
        sign = max(found, key=found.__getitem__) if found else ""
    return Dialect(delimiter=sign, escaped=escaped, start=start)


def _fit(text: str, dialect: Dialect, known: Collection[str]) -> _Fit | None:
    sample = first_records(text, dialect)
    if not sample or len(sample[0].cells) < 2:
        return None
    counts = Counter(len(record.cells) for record in sample)
    times, cells = max((times, cells) for cells, times in counts.items() if cells > 1)
    names = {header_key(cell) for cell in sample[0].cells[:_MOST_COLUMNS]}
    recognised = len(names.intersection(known))
    if recognised < 2 and times * 2 < len(sample):
        return None
    return _Fit(recognised >= 2, times / len(sample), recognised, cells)


def first_records(text: str, dialect: Dialect, *, at_most: int = _SAMPLE) -> list[Record]:
    """Return the first records; only those before a quote that does not close soon."""
    sample: list[Record] = []
    try:
        for record in islice(records(text[:_SAMPLE_CHARACTERS], dialect), at_most):
            sample.append(record)
    except Unreadable:
        return sample
    return sample
