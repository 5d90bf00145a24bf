"""The coverage floors notice what lies below them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("floors", Path(__file__).parent / "floors.py")
assert _spec is not None
assert _spec.loader is not None
floors = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(floors)

NAMES = (
    "src/bookstrack/model/isbn.py",
    "src/bookstrack/normalise/dates.py",
    "src/bookstrack/web/parameters.py",
    "src/bookstrack/catalogue/matching.py",
)


def found(*, covered: int = 85, **changes: object) -> dict[str, object]:
    whole: dict[str, object] = {"missing_lines": [], "missing_branches": []}
    files = {name: dict(whole) for name in NAMES}
    files[NAMES[0]] |= changes
    return {"totals": {"covered_branches": covered, "num_branches": 100}, "files": files}


def test_all_is_well_at_the_floor():
    assert list(floors.shortfalls(found())) == []


def test_too_few_branches():
    assert list(floors.shortfalls(found(covered=84))) == [
        "the tests take 84.0 % of all branches; the floor is 85 %"
    ]


def test_a_gap_in_a_file_that_must_be_whole():
    gap = found(missing_lines=[7], missing_branches=[[9, 12]])
    assert list(floors.shortfalls(gap)) == [
        "src/bookstrack/model/isbn.py must be covered whole; missed: 7, 9->12"
    ]


def test_a_file_that_is_not_there():
    gone = found()
    del gone["files"]["src/bookstrack/web/parameters.py"]
    assert list(floors.shortfalls(gone)) == [
        "src/bookstrack/web/parameters.py: the tests import no such file"
    ]


def test_no_data(tmp_path, capsys):
    assert floors.main(tmp_path / ".coverage") == 1
    assert capsys.readouterr().out == "coverage: no data; run the tests with --cov first\n"
