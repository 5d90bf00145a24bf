"""Section ``cold``: books that nobody has asked before, with slow providers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from bench.figures import Row, percentile
from bench.processes import ask, fake_upstream, server, server_core
from bookstrack.testing.generated import PEOPLE, generated_isbn

_DELAY_MS = 150
_NEW = 30
_KNOWN = 60


def cold() -> list[Row]:
    """Ask new books one after the other, by authors first unknown and then known."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=_DELAY_MS) as upstream,
        server(Path(folder), environ=upstream, core=server_core()) as ours,
    ):
        new = _ask_all(ours.port, range(_NEW))
        again = (number % _NEW + PEOPLE * (1 + number // _NEW) for number in range(_KNOWN))
        known = _ask_all(ours.port, again)
    return [
        *_rows("cold, author facts asked first", new, most=3.2),
        *_rows("cold, author facts known", known, most=1.2),
    ]


Answer = tuple[float, bool]
"""Milliseconds, and whether the answer has the facts about its author."""


def _ask_all(port: int, numbers: Iterable[int]) -> list[Answer]:
    return [_ask(port, number) for number in numbers]


def _ask(port: int, number: int) -> Answer:
    begun = time.perf_counter()
    answer = ask(port, f"/v1/search/isbn?isbn={generated_isbn(number)}")
    took = (time.perf_counter() - begun) * 1000
    author = answer.json()["data"]["authors"][0]
    asked_now = answer.headers["x-cache-source"] == "API"
    return took, asked_now and author["gender"] != "Unknown"


def _rows(what: str, answers: list[Answer], *, most: float) -> list[Row]:
    times = [took for took, _ in answers]
    complete = sum(has for _, has in answers)
    middle = percentile(times, 0.5)
    return [
        Row(
            what=f"{what}: median",
            ours=f"{middle:.0f} ms",
            other=f"providers {_DELAY_MS} ms",
            figure=f"{middle / _DELAY_MS:.2f}",
            bound=f"<= {most}",
            ok=middle / _DELAY_MS <= most,
        ),
        Row(
            what=f"{what}: answers that carry them",
            ours=f"{complete} of {len(answers)}",
            figure=f"slowest {max(times):.0f} ms",
            bound="all",
            ok=complete == len(answers),
        ),
    ]
