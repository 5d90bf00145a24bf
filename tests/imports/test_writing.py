"""CSV of our own: safe in spreadsheets, and read again without loss."""

from __future__ import annotations

import csv
import io

import pytest

from bookstrack.imports.writing import csv_bytes, errors_csv
from imports.samples import fates, read


def rows_of(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", '="978"'])
def test_no_cell_is_a_formula(cell: str) -> None:
    (header, (found, plain)) = rows_of(csv_bytes([cell, "b"], [[cell, "a=1"]]))
    assert (header[0], found, plain) == (f"'{cell}", f"'{cell}", "a=1")


FAILING = (
    "Title,Author,ISBN,Colour\n"
    "Good,Ann Other,9780306406157,red\n"
    ',=Evil(),9780306406158,"blue, green"\n'
    'A,B,C,D,"=e",9780306406158,x\n'
    ',Bo Eng,"=""9780306406159""",-\n'
)


def test_failed_rows_as_they_were() -> None:
    export = read(FAILING)
    assert fates(export) == {
        2: "book",
        3: "error: invalid_isbn",
        4: "error: column_count",
        5: "error: invalid_isbn",
    }
    header, *rows = rows_of(errors_csv(export))
    assert header == ["Title", "Author", "ISBN", "Colour", "", "", "", "row", "error_code", "error"]
    assert rows[0][:4] == ["", "'=Evil()", "9780306406158", "blue, green"]
    assert rows[0][-3:-1] == ["3", "invalid_isbn"]
    assert rows[1][:7] == ["A", "B", "C", "D", "'=e", "9780306406158", "x"]
    assert rows[2][2:4] == ['\'="9780306406159"', "'-"]


def test_reading_them_again_fails_for_the_same_reasons() -> None:
    export = read(FAILING)
    again = read(errors_csv(export))
    assert again.header == export.header
    assert [error.code for error in again.errors] == [error.code for error in export.errors]
    assert [error.isbn for error in again.errors] == [error.isbn for error in export.errors]
    assert again.columns == export.columns


def test_put_right_they_are_books() -> None:
    export = read(FAILING)
    put_right = errors_csv(export).replace(b"9780306406158", b"9780306406157")
    assert fates(read(put_right))[2] == "book"


def test_skipped_rows_are_among_them() -> None:
    text = "title,deleted,readings,book_format\nA,true,,\nB,false,,\n"
    _, row = rows_of(errors_csv(read(text)))
    assert row[:2] == ["A", "true"]
    assert row[-3:-1] == ["2", "deleted"]


def test_without_a_header_columns_get_names() -> None:
    known = "Dune,Frank Herbert,9780441013593\nEmma,Jane Austen,9780141439587\n"
    export = read(f"{known},Jane Austen,9780141439588\n")
    header, _ = rows_of(errors_csv(export))
    assert header[:3] == ["title", "author", "isbn"]
    again = read(errors_csv(export))
    assert [error.code for error in again.errors] == ["invalid_isbn"]


def test_nothing_failed() -> None:
    assert rows_of(errors_csv(read("Title,Author\nA,B C\n"))) == [
        ["Title", "Author", "row", "error_code", "error"]
    ]
