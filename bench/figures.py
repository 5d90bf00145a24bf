"""The arithmetic of the bench and its table. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """One measured thing. ``ok`` None: there is no bound, the number is for information."""

    what: str
    ours: str
    other: str = ""
    figure: str = ""
    bound: str = ""
    ok: bool | None = None

    @property
    def verdict(self) -> str:
        """Return how the bound was met."""
        return {True: "ok", False: "MISSED", None: ""}[self.ok]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` (0-1) of all values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median of ours/theirs over rounds that were measured side by side."""
    return median(ours / theirs for ours, theirs in pairs)


_TITLES = ("what", "ours", "compared with", "figure", "bound", "")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as lines of a table in Markdown, columns aligned."""
    cells = [
        _TITLES,
        *((r.what, r.ours, r.other, r.figure, r.bound, r.verdict) for r in rows),
    ]
    widths = [max(3, *(len(line[n]) for line in cells)) for n in range(len(_TITLES))]
    lines = [_line(line, widths) for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f" {cell:<{width}} " for cell, width in zip(cells, widths, strict=True))
    return "|" + "|".join(padded) + "|"
