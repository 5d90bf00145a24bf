"""What the bench of imports compares with, and that it does without the shared fixtures."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = (
    b"Title,Author,ISBN\n"
    b"One,Ann Author,9780306406157\nOne again,Ann Author,9781644100370\n"
    b"Two,Bo Berg,\nTwo,Bo Berg and Cy Dee,\nThree,,\n,,12\n"
)


@pytest.fixture
def imports(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    yield importlib.import_module("bench.imports")
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        del sys.modules[name]


def test_a_book_is_looked_up_once(imports):
    assert imports.distinct_lookups(FILE) == 4


def test_without_fixtures_a_row_says_so(imports, monkeypatch, tmp_path):
    monkeypatch.setenv("BOOKSTRACK_FIXTURES", str(tmp_path))
    (row,) = imports.genuine()
    assert "skipped" in row.ours
    assert row.ok is None
