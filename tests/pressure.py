"""How busy the machine is: a time that is measured on a busy one says little of the server."""

from __future__ import annotations

import time
from pathlib import Path

_CPU = Path("/proc/pressure/cpu")


class Stopwatch:
    """Runs while the machine has a processor for everybody who wants one (Linux; else always)."""

    def __init__(self) -> None:
        self._begun, self._lacked = time.monotonic(), _lacked_s()

    @property
    def elapsed(self) -> float:
        """Return the seconds since the start, without those in which somebody waited."""
        return time.monotonic() - self._begun - (_lacked_s() - self._lacked)


def _lacked_s() -> float:
    try:
        some, _, _ = _CPU.read_text().partition("\n")
    except OSError:  # not Linux, or not told
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6
