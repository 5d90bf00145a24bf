"""Any other table: columns recognised by common names."""

from __future__ import annotations

from bookstrack.imports.dates import ranges
from bookstrack.imports.export import Format, SkipReason
from bookstrack.imports.fields import GENERIC_NAMES, Field
from bookstrack.imports.layout import Cells, Layout
from bookstrack.imports.statuses import status_of

_YES = frozenset({"yes", "y", "true", "1", "x", "✓", "✔", "ja", "oui", "si", "sí"})
_NO = frozenset({"no", "n", "false", "0", "-", "nein", "non"})


def _fits(names: frozenset[str]) -> bool:
    del names
    return True


def _adapt(cells: Cells) -> SkipReason | None:
    """Read "finished: yes" and "read: abandoned" as a status, a range of dates as both its ends."""
    finished = cells.get(Field.DATE_FINISHED)
    if finished is None:
        return None
    answer = finished.casefold()
    if answer in _YES or answer in _NO:
        del cells[Field.DATE_FINISHED]
        if answer in _YES:
            cells.setdefault(Field.STATUS, "finished")
    elif status_of(finished).is_known:
        cells.setdefault(Field.STATUS, cells.pop(Field.DATE_FINISHED))
    else:
        _spread_range(cells, finished)
    return None


def _spread_range(cells: Cells, finished: str) -> None:
    times = ranges(finished)
    if len(times) < 2 and not any(started for started, _ in times):
        return
    started, end = times[-1]
    if started:
        cells.setdefault(Field.DATE_STARTED, started)
    if end:
        cells[Field.DATE_FINISHED] = end
    else:
        del cells[Field.DATE_FINISHED]


LAYOUT = Layout(format=Format.GENERIC, fits=_fits, columns=GENERIC_NAMES, adapt=_adapt)
