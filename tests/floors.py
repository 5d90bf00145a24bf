"""Holds the floors of test coverage; run after the tests: ``python tests/floors.py``."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).parents[1]
BRANCHES = 85.0
"""Percent of all branches that the tests must take."""
WHOLE = (
    "src/bookstrack/model/isbn.py",
    "src/bookstrack/normalise/*.py",
    "src/bookstrack/web/parameters.py",
    "src/bookstrack/catalogue/matching.py",
)
"""Where every line and branch must be taken: ISBNs, normalisers, validators."""


def report(data: Path) -> dict[str, Any]:
    """Return coverage.py's JSON report of a data file, its paths relative to the checkout.

    Raises:
        NoDataError: the tests left no data.
    """
    coverage = Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(target))
        return json.loads(target.read_bytes())


def shortfalls(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each floor that does not hold."""
    share = branch_share(found)
    if share < BRANCHES:
        yield f"the tests take {share:.1f} % of all branches; the floor is {BRANCHES:g} %"
    files: Mapping[str, Any] = found["files"]
    for pattern in WHOLE:
        names = [name for name in files if Path(name).match(pattern)]
        if not names:
            yield f"{pattern}: the tests import no such file"
        for name in names:
            missed = gaps(files[name])
            if missed:
                yield f"{name} must be covered whole; missed: {missed}"


def branch_share(found: Mapping[str, Any]) -> float:
    """Return the percentage of branches taken."""
    totals = found["totals"]
    return 100.0 * totals["covered_branches"] / max(1, totals["num_branches"])


def gaps(file: Mapping[str, Any]) -> str:
    """Return the lines and branches of one file that were not taken, empty where all were."""
    lines = [str(line) for line in file["missing_lines"]]
    jumps = [f"{start}->{end}" for start, end in file["missing_branches"]]
    return ", ".join(lines + jumps)


def main(data: Path = ROOT / ".coverage") -> int:
    """Print the verdict; exit code 1 when a floor does not hold."""
    try:
        found = report(data)
    except NoDataError:
        print("coverage: no data; run the tests with --cov first")
        return 1
    problems = list(shortfalls(found))
    for problem in problems:
        print(f"coverage: {problem}")
    if not problems:
        print(f"coverage: {branch_share(found):.1f} % of branches, and every floor holds")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
