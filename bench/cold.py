"""Section ``cold``: books that nobody has asked before, with slow providers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from bench.figures import Row, percentile
from bench.processes import Running, ask, fake_upstream, scheduled, server, server_core
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
        new = _asked(ours, range(_NEW))
        again = (number % _NEW + PEOPLE * (1 + number // _NEW) for number in range(_KNOWN))
        known = _asked(ours, again)
    return [
        *_rows("cold, author facts asked first", new, most=3.2),
        *_rows("cold, author facts known", known, most=1.2),
    ]


class Asked(Struct, frozen=True):
    """Milliseconds of every answer, how many had the author's facts, and mean times per answer."""

    times: list[float]
    complete: int
    busy_ms: float
    waited_ms: float


def _asked(ours: Running, numbers: Iterable[int]) -> Asked:
    before = scheduled(ours.process.pid)
    answers = [_ask(ours.port, number) for number in numbers]
    after = scheduled(ours.process.pid)
    busy_ms, waited_ms = ((b - a) * 1000 / len(answers) for a, b in zip(before, after, strict=True))
    return Asked([took for took, _ in answers], sum(has for _, has in answers), busy_ms, waited_ms)


def _ask(port: int, number: int) -> tuple[float, bool]:
    begun = time.perf_counter()
    answer = ask(port, f"/v1/search/isbn?isbn={generated_isbn(number)}")
    took = (time.perf_counter() - begun) * 1000
    if answer.status != 200:
        raise RuntimeError(f"a cold question failed: {answer.body.decode()}")
    author = answer.json()["data"]["authors"][0]
    asked_now = answer.headers["x-cache-source"] == "API"
    return took, asked_now and author["gender"] != "Unknown"


def _rows(what: str, asked: Asked, *, most: float) -> list[Row]:
    middle = percentile(asked.times, 0.5)
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
            ours=f"{asked.complete} of {len(asked.times)}",
            figure=f"slowest {max(asked.times):.0f} ms",
            bound="all",
            ok=asked.complete == len(asked.times),
        ),
        Row(
            what=f"{what}: processor time per answer",
            ours=f"{asked.busy_ms:.0f} ms",
            figure=f"waited for the core {asked.waited_ms:.0f} ms",
        ),
    ]
