"""CSV of our own: safe in spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest

from bookstrack.imports.writing import csv_bytes


def rows_of(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", '="978"'])
def test_no_cell_is_a_formula(cell: str) -> None:
    (header, (found, plain)) = rows_of(csv_bytes([cell, "b"], [[cell, "a=1"]]))
    assert (header[0], found, plain) == (f"'{cell}", f"'{cell}", "a=1")
