"""Records and cells, well formed and not."""

from __future__ import annotations

import pytest

from bookstrack.imports.dialect import find_dialect
from bookstrack.imports.refusal import Unreadable
from bookstrack.imports.sniff import KNOWN_NAMES
from bookstrack.imports.tokens import MOST_CELLS, Dialect, quoted_cells, records

COMMA = Dialect(delimiter=",")


def cells(text: str, dialect: Dialect = COMMA) -> list[list[str]]:
    return [record.cells for record in records(text, dialect)]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("a,b", ["a", "b"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a\nb",c', ["a\nb", "c"]),
        ('"say ""hi""",c', ['say "hi"', "c"]),
        ('"",c', ["", "c"]),
        ('""""', ['"']),
        ('  "a,b"  ,c', ["a,b", "c"]),
        (" a , b ", [" a ", " b "]),
        ('5" floppy,c', ['5" floppy', "c"]),
        ('a "quoted" word,c', ['a "quoted" word', "c"]),
        ('="",c', ['=""', "c"]),
        ('"=""123""",c', ['="123"', "c"]),
        ('"He said "yes, yes" loudly",c', ['He said "yes, yes" loudly', "c"]),
        ('"Gideon" the Ninth,c', ['"Gideon" the Ninth', "c"]),
        ('"A" one,"B, two"', ['"A" one', "B, two"]),
        ("a,", ["a", ""]),
    ],
)
def test_one_record(text: str, row: list[str]) -> None:
    assert cells(text) == [row]
    assert cells(f"{text}\nx,y\n") == [row, ["x", "y"]]


def test_blank_records_are_passed_over() -> None:
    text = "\n\na,b\n , \n\n,,\nc,d\n\n"
    assert cells(text) == [["a", "b"], ["c", "d"]]
    assert [record.line for record in records(text, COMMA)] == [3, 7]


def test_lines_count_inside_quotes() -> None:
    assert [record.line for record in records('a\n"b\n\nc",d\ne\n', COMMA)] == [1, 2, 5]


@pytest.mark.parametrize(
    ("text", "row", "line"),
    [
        ('a,b\nc,"d\ne,f\n', 2, 2),
        ('a,b\n"x\ny",c\n"d,e\nf,g\n', 3, 4),
        ('a,b\nc,"d\n"e","f"\n', 2, 2),
        ('a,b\n\n\nc,"d\ne,"f"\n', 2, 4),
        ('"', 1, 1),
        ('a,b\n"c ""d"",e\nf,g', 2, 2),
    ],
)
def test_an_unclosed_quote_is_found_where_it_opens(text: str, row: int, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        cells(text)
    assert caught.value.details == {"reason": "unclosed_quote", "row": row, "line": line}


def test_a_list_has_one_cell_a_line() -> None:
    assert cells('a,b\n"c;d"\n', Dialect(delimiter="")) == [["a,b"], ["c;d"]]


def test_without_quoting_quotes_are_letters() -> None:
    assert cells('"a\t"b" c\n', Dialect(delimiter="\t", quoting=False)) == [['"a', '"b" c']]


def test_which_cells_were_quoted() -> None:
    assert quoted_cells('x\n"a",b, "c,d"\n', COMMA, at=2) == [True, False, True]


def test_endless_records_end() -> None:
    for text in ("a," * 5_000, '"a",' * 5_000):
        (record,) = records(text, COMMA)
        assert len(record.cells) == MOST_CELLS + 1


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\nc,d\n", ","),
        ("a;b\nc;d\n", ";"),
        ("a\tb\nc\td\n", "\t"),
        ("a|b\nc|d\n", "|"),
        ("Title;Author\nEats, shoots;A, B\nOne, two;C, D\n", ";"),
        ("Title,Author\nA; B,C\nD; E,F\n", ","),
        ("Title,Tags,Author\nA,x|y,B\nC,x|y,D\nE,F\n", ","),
        ('Title,Author\n"A;b;c",D\n"E;f;g",H\n', ","),
        ("sep=;\na,b;c\n", ";"),
        ("sep=|\nTitle,Author\nA,B\n", "|"),
        ("nothing\nhere\n", ""),
        ("Title,Author,ISBN\nOne\nTwo\nThree\nFour\n", ","),
        ("x1;y1\nName, first;2\nName, second;3\n", ";"),
    ],
)
def test_the_delimiter_is_found(text: str, delimiter: str) -> None:
    dialect = find_dialect(text, known=KNOWN_NAMES)
    assert dialect.delimiter == delimiter
    assert text[dialect.start :].startswith(text.split("\n")[text.startswith("sep=")])


def test_a_delimiter_may_be_given() -> None:
    assert find_dialect("a,b\nc,d\n", known=(), delimiter=";").delimiter == ";"


@pytest.mark.parametrize(
    ("text", "escaped", "first"),
    [
        ('"say \\"hi\\"",b\n', True, ['say "hi"', "b"]),
        ('"a \\\\ b \\"c",d\n', True, ['a \\ b "c', "d"]),
        ('"say \\"hi\\"","""b"""\n', False, None),
        ('"ends in \\",b\n', False, ["ends in \\", "b"]),
        ('"",b\n"c\\"d"\n', True, ["", "b"]),
        ('"a\\""\n', True, ['a"']),
        ("plain \\ text,b\n", False, ["plain \\ text", "b"]),
    ],
)
def test_backslashes_escape_only_where_nothing_is_doubled(
    text: str, escaped: bool, first: list[str] | None
) -> None:
    dialect = find_dialect(text, known=(), delimiter=",")
    assert dialect.escaped is escaped
    if first is not None:
        assert cells(text, dialect)[0] == first
