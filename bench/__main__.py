"""``python -m bench [warm] [restart] [cold] [memory] [jobs] [imports] [listeners]``: measure."""

from __future__ import annotations

import os
from argparse import ArgumentParser

from bench.cold import cold
from bench.figures import table
from bench.imports import imports
from bench.jobs import jobs
from bench.listeners import listeners
from bench.processes import pin_self
from bench.start import memory
from bench.warm import restart, warm

_SECTIONS = {
    "warm": warm,
    "restart": restart,
    "cold": cold,
    "memory": memory,
    "jobs": jobs,
    "imports": imports,
    "listeners": listeners,
}


def main() -> None:
    """Print one table; missed bounds are shown, not an error."""
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(_SECTIONS))
    chosen = parser.parse_args().sections or list(_SECTIONS)
    if unknown := set(chosen) - set(_SECTIONS):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    pin_self()
    before = os.getloadavg()[0]
    rows = [row for name in chosen for row in _SECTIONS[name]()]
    print(table(rows))
    print(f"\nLoad of the machine (1 minute): {before:.1f} before, {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
