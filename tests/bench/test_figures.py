"""The bench's arithmetic; that its modules load; speed itself is not asserted."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "__init__")


@pytest.fixture(scope="module")
def figures():
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("bench.figures")
    sys.path.remove(str(ROOT))


def test_percentile_is_a_value_that_was_measured(figures):
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    shares = (0.0, 0.2, 0.21, 0.5, 0.99, 1.0)
    assert [figures.percentile(values, share) for share in shares] == [1, 1, 2, 3, 5, 5]
    with pytest.raises(ValueError, match="no values"):
        figures.percentile([], 0.5)


def test_the_ratio_is_taken_round_by_round(figures):
    # A slow second round slows both sides; the ratio of the two medians would be 1.5.
    assert figures.median_ratio([(50.0, 100.0), (5.0, 10.0), (30.0, 20.0)]) == 0.5


def test_the_table_is_aligned_and_names_what_was_missed(figures):
    rows = [
        figures.Row(what="a", ours="1", bound="> 2", ok=False),
        figures.Row(what="longer", ours="10 ms"),
    ]
    assert figures.table(rows).splitlines() == [
        "| what   | ours  | compared with | figure | bound |        |",
        "|--------|-------|---------------|--------|-------|--------|",
        "| a      | 1     |               |        | > 2   | MISSED |",
        "| longer | 10 ms |               |        |       |        |",
    ]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    tree = ast.parse((ROOT / "bench" / f"{name}.py").read_text())
    assert ast.get_docstring(tree)
