"""Which engines read text on photos here: the one we bring, and those plugged in."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from bookstrack.scans import rapid
from bookstrack.scans.ocr import Engine

GROUP = "bookstrack.ocr_engines"
"""The entry points by which other engines are plugged in: callables that return an ``Engine``."""

RAPID = "rapidocr"


def engines() -> dict[str, Callable[[], Engine]]:
    """Return how to make each engine that is installed here, by name; the default one first."""
    found: dict[str, Callable[[], Engine]] = {}
    if rapid.is_installed():
        found[RAPID] = rapid.RapidReader
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point.load())
    return found
