"""The file of rejected rows: what a reader gets back, and what becomes of it when sent again."""

from __future__ import annotations

import csv
import io

import msgspec

from bookstrack.imports.export import Export
from bookstrack.model.job import Item, ItemState, Job, JobStatus, PipelineName
from bookstrack.pipelines.csv_inputs import inputs_of
from bookstrack.pipelines.csv_reading import ReadFile
from bookstrack.pipelines.csv_results import outcome_of
from bookstrack.pipelines.csv_rows import ImportOptions
from bookstrack.web.import_views import rejected_file
from imports.samples import fates, read

JOB = Job(
    id="j",
    pipeline=PipelineName.CSV_IMPORT,
    status=JobStatus.PROCESSING,
    total=4,
    token_expires_at=0.0,
    created_at=0.0,
    updated_at=0.0,
)


def rejected(export: Export) -> bytes:
    """Return the file of a job whose books have all been taken in."""
    read_file = ReadFile(export=export, parser="deterministic")
    inputs = inputs_of(b"", read_file, ImportOptions(), held={})
    items = [
        Item(index=index, state=ItemState.DONE, input=one, result=b"{}")
        for index, one in enumerate(inputs)
    ]
    outcome = outcome_of(JOB, items, now=0.0, dry_run=False)
    return rejected_file(msgspec.json.decode(outcome.results, type=dict[str, msgspec.Raw]))


def rows_of(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


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
    header, *rows = rows_of(rejected(export))
    assert header == ["Title", "Author", "ISBN", "Colour", "", "", "", "row", "error_code", "error"]
    assert rows[0][:4] == ["", "'=Evil()", "9780306406158", "blue, green"]
    assert rows[0][-3:-1] == ["3", "invalid_isbn"]
    assert rows[1][:7] == ["A", "B", "C", "D", "'=e", "9780306406158", "x"]
    assert rows[2][2:4] == ['\'="9780306406159"', "'-"]


def test_reading_them_again_fails_for_the_same_reasons() -> None:
    export = read(FAILING)
    again = read(rejected(export))
    assert again.header == export.header
    assert [error.code for error in again.errors] == [error.code for error in export.errors]
    assert [error.isbn for error in again.errors] == [error.isbn for error in export.errors]
    assert again.columns == export.columns


def test_put_right_they_are_books() -> None:
    export = read(FAILING)
    put_right = rejected(export).replace(b"9780306406158", b"9780306406157")
    assert fates(read(put_right))[2] == "book"


def test_skipped_rows_are_among_them() -> None:
    text = "title,deleted,readings,book_format\nA,true,,\nB,false,,\n"
    _, row = rows_of(rejected(read(text)))
    assert row[:2] == ["A", "true"]
    assert row[-3:-1] == ["2", "deleted"]


def test_without_a_header_columns_get_names() -> None:
    known = "Dune,Frank Herbert,9780441013593\nEmma,Jane Austen,9780141439587\n"
    export = read(f"{known},Jane Austen,9780141439588\n")
    header, _ = rows_of(rejected(export))
    assert header[:3] == ["title", "author", "isbn"]
    again = read(rejected(export))
    assert [error.code for error in again.errors] == ["invalid_isbn"]


def test_nothing_failed() -> None:
    assert rows_of(rejected(read("Title,Author\nA,B C\n"))) == [
        ["Title", "Author", "row", "error_code", "error"]
    ]
