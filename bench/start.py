"""Section ``memory``: how long a start takes and what an idle server holds."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from bench.figures import Row
from bench.processes import fake_upstream, resident_mb, scheduled, server, server_core

_STARTS = 3
_SETTLE_S = 3.0
_SAMPLE = "/v1/search/isbn?isbn=9780261103344"


def memory() -> list[Row]:
    """Start on an empty folder with the sample catalogue, then again on the same folder."""
    fresh: list[Start] = []
    again: list[Start] = []
    idle = 0.0
    with fake_upstream() as upstream:
        environ = {**upstream, "BOOKSTRACK_SAMPLE_DATA": "true"}
        for _ in range(_STARTS):
            with tempfile.TemporaryDirectory() as name:
                for times in (fresh, again):
                    with server(
                        Path(name), environ=environ, first=_SAMPLE, core=server_core()
                    ) as ours:
                        busy_s, _ = scheduled(ours.process.pid)
                        times.append((ours.seconds_to_answer, busy_s))
                        time.sleep(_SETTLE_S if not idle else 0)
                        idle = max(idle, resident_mb(ours.process.pid))
    return [
        _start("start on an empty folder to first answer", fresh),
        _start("start on a known folder to first answer", again),
        Row(
            what="idle memory of all processes",
            ours=f"{idle:.0f} MB",
            bound="< 150 MB",
            ok=idle < 150,
        ),
    ]


Start = tuple[float, float]
"""Seconds until the first answer, and seconds of processor time spent by then."""


def _start(what: str, starts: list[Start]) -> Row:
    middle = median(seconds for seconds, _ in starts)
    busy = median(busy for _, busy in starts)
    return Row(
        what=what,
        ours=f"{middle:.2f} s",
        figure=f"{busy:.2f} s computing",
        bound="< 3 s",
        ok=middle < 3,
    )
