"""What is wrong with a whole file is said before any row is read."""

from __future__ import annotations

from typing import Any

import pytest

from bookstrack.imports.export import Certainty, Format
from bookstrack.imports.read import check_export, read_export, read_table
from bookstrack.imports.refusal import Reason, Unreadable
from imports.samples import fates, read


def refusal(text: str, **options: Any) -> dict[str, Any]:
    found = []
    for enter in (check_export, read_export):
        with pytest.raises(Unreadable) as caught:
            enter(text.encode(), **options)
        found.append(caught.value.details)
    assert found[0] == found[1]
    assert Reason(found[0]["reason"])
    return found[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n \n", "empty"),
        ('""\n""\n', "empty"),
        ("Title,Author\n", "no_rows"),
        ("Title,Author\n\n,\n , \n", "no_rows"),
        ("Title\n", "no_rows"),
        ("Title\nDune\nEmma\n", "too_few_columns"),
        (",,\nA,B,C\n", "empty_header"),
        (" , \nA,B\n", "empty_header"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert refusal(text) == {"reason": reason}


def test_an_unclosed_quote_has_a_row_and_a_line() -> None:
    text = 'Title,Author\n"Two\nlines",Ann\nC,"Never closed\nE,F\n'
    assert refusal(text) == {"reason": "unclosed_quote", "row": 3, "line": 4}


def test_no_usable_column_tells_what_was_found() -> None:
    text = "Colour,Weight\nred,3.5\nblue,x\n"
    assert refusal(text) == {
        "reason": "no_usable_column",
        "required_columns": ["Title", "Author", "ISBN"],
        "found_columns": ["Colour", "Weight"],
    }
    outline = check_export(text.encode(), allow_unknown_columns=True)
    assert (outline.certainty, outline.data_rows) == (Certainty.UNCERTAIN, 2)


def test_rows_are_limited() -> None:
    text = "Title,Author\n" + "".join(f"T{n},Ann Other\n\n" for n in range(5))
    assert len(read(text, max_rows=5).books) == 5
    assert refusal(text, max_rows=4) == {"reason": "too_many_rows", "max_rows": 4}


@pytest.mark.parametrize("line", ["T{n},Ann Other{n}\n", "978-0-306-40615-7\n"])
def test_ten_thousand_rows_and_not_one_more(line: str) -> None:
    header = "Title,Author\n" if "," in line else "ISBN\n"
    text = header + "".join(line.format(n=n) for n in range(10_000))
    assert check_export(text.encode()).data_rows == 10_000
    with pytest.raises(Unreadable) as caught:
        check_export((text + line.format(n=10_001)).encode())
    assert caught.value.details == {"reason": "too_many_rows", "max_rows": 10_000}


def test_columns_are_limited() -> None:
    def wide(width: int) -> str:
        header = ["Title", *(f"c{n}" for n in range(width - 1))]
        return ",".join(header) + "\n" + ",".join(["A"] * width) + "\n"

    assert read(wide(200)).data_rows == 1
    assert refusal(wide(201)) == {"reason": "too_many_columns", "max_columns": 200}


def test_quoted_blanks_without_end_are_given_up() -> None:
    text = "Title,Author\n" + '"",""\na,b\n' * 20_001
    assert refusal(text, max_rows=50_000) == {"reason": "too_many_rows"}


def test_a_format_may_be_forced() -> None:
    text = "Title,Authors,ISBN/UID\nDune,Frank Herbert,B00ABCDEFG\n"
    assert check_export(text.encode()).format is Format.GENERIC
    export = read(text, forced_format=Format.STORYGRAPH)
    assert (export.format, export.certainty) == (Format.STORYGRAPH, Certainty.EXACT)
    assert export.books[0].external_ids["asin"] == "B00ABCDEFG"


@pytest.mark.parametrize(
    ("header", "row", "certainty"),
    [
        ("Title,Author", "A,B C", Certainty.RECOGNISED),
        ("Title,Colour", "A,red", Certainty.UNCERTAIN),
        ("Colour,ISBN", "red,9780306406157", Certainty.RECOGNISED),
        ("Colour,Number", "red,9780306406157", Certainty.RECOGNISED),
        ("Title,Author L-F", 'A,"C, B"', Certainty.RECOGNISED),
        ("Book Id,Title,Exclusive Shelf", "1,A,read", Certainty.EXACT),
    ],
)
def test_certainty(header: str, row: str, certainty: Certainty) -> None:
    assert check_export(f"{header}\n{row}\n".encode()).certainty is certainty


def test_an_outline_tells_where_the_columns_are() -> None:
    text = "ISBN-13;Titel;Autor;Kommentar\n9780306406157;A;B C;x\n"
    outline = check_export(text.encode())
    assert outline.columns == {"title": "Titel", "author": "Autor", "isbn13": "ISBN-13"}
    assert (outline.delimiter, outline.has_header, outline.data_rows) == (";", True, 1)


def test_a_preview_reads_the_first_rows() -> None:
    text = "Title,Author\n" + "".join(f"T{n},Ann Other\n" for n in range(50))
    export = read(text, only_first=20)
    assert len(export.books) == export.data_rows == 20
    table = read_table(text.encode(), only_first=3)
    assert table.rows[0] == (2, ("T0", "Ann Other"))
    assert (len(table.rows), table.outline.data_rows) == (3, 50)


def test_row_numbers_count_records_and_leave_blank_ones_out() -> None:
    export = read('\nTitle,Author\n"A\nb",X Y\n\n,\nC,D E\n,F G\n')
    assert fates(export) == {2: "book", 3: "book", 4: "error: missing_title"}


def test_the_longest_cell() -> None:
    long = "é" * 16_384
    export = read(
        "Title,Author,Review,Colour\n"
        f"A,B C,{long},\nD,E F,{long}x,\nG,{long}x,,\nH,I J,,{long * 3}\n"
    )
    assert fates(export) == {2: "book", 3: "book", 4: "error: cell_too_long", 5: "book"}
    assert [book.reading.review for book in export.books] == [long, long, None]
    assert [(one.row, one.code) for one in export.warnings] == [(3, "cut_cell")]


@pytest.mark.parametrize(
    "text",
    [
        ',ISBN13\n""\t,\n"l"\t,a",',
        'ISBN,,,,,,,,,,,,,,i,""1\n"\\"r,=",,,,,,,,,,,,,,,',
    ],
)
def test_rows_of_too_many_cells_with_quotes_that_fit_nowhere(text: str) -> None:
    export = read(text)
    assert all(fate.startswith("error: ") for fate in fates(export).values())


def test_a_header_that_comes_again_is_no_book() -> None:
    header = "Title,Author,ISBN"
    export = read(f'{header}\nA,B C,\n{header}\n"Title" ,Author,ISBN\nTitle,Author,\n')
    assert fates(export) == {
        2: "book",
        3: "skipped: not_a_book",
        4: "skipped: not_a_book",
        5: "book",
    }
