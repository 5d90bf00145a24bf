"""One file in every encoding, with every delimiter and line end, gives the same books."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest

from bookstrack.imports.export import Export
from imports.samples import fates, read
from imports.writers import as_csv


@pytest.fixture(params=["goodreads-24col-769rows.csv", "openreads.csv", "hardcover.csv"])
def text(fixtures_dir: Path, request: pytest.FixtureRequest) -> str:
    return (fixtures_dir / "imports" / request.param).read_bytes().decode()


def same(one: Export, other: Export) -> bool:
    return (one.books, one.warnings, fates(one)) == (other.books, other.warnings, fates(other))


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_unicode(text: str, mark: bytes, encoding: str) -> None:
    export = read(mark + text.encode(encoding))
    assert same(export, read(text))
    assert (export.encoding, export.repaired_bytes) == (encoding, 0)


def test_windows_1252(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    fitting = [row for row in rows if all(map(fits_windows, row))]
    written = as_csv(fitting).decode()
    export = read(written.encode("cp1252"))
    assert same(export, read(written))
    assert export.encoding == "windows-1252"


def fits_windows(cell: str) -> bool:
    try:
        cell.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(text: str, delimiter: str, end: str) -> None:
    rows = [
        [cell.replace("\r\n", "\n").replace("\n", end) for cell in row]
        for row in csv.reader(io.StringIO(text, newline=""))
    ]
    export = read(as_csv(rows, delimiter=delimiter, end=end))
    assert same(export, read(text))
    assert export.delimiter == delimiter


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_everywhere(text: str, end: str) -> None:
    assert same(read(text.replace("\r\n", "\n").replace("\n", end)), read(text))
