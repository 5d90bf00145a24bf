"""Size: what ten thousand rows cost, and what is written to cost more."""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bookstrack.imports.read import read_export
from bookstrack.imports.refusal import Unreadable
from bookstrack.testing.generated import generated_isbn

pytestmark = pytest.mark.slow

HEADER = (
    "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,"
    "Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,"
    "Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,"
    "Private Notes,Read Count,Owned Copies"
)
MEASURE = """
import sys, time
from bookstrack.imports.read import read_export
from bookstrack.testing.memory import peak_megabytes
data = sys.stdin.buffer.read()
start = time.process_time()
export = read_export(data)
spent = time.process_time() - start
print(len(export.books), spent, peak_megabytes())
"""


def library(rows: int) -> bytes:
    pick = random.Random(7)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER.split(","))
    for at in range(rows):
        first, last = pick.choice(["Ann", "Bo", "Cy", "Élan"]), f"Name{pick.randrange(3_000)}"
        writer.writerow(
            [
                *(
                    str(at),
                    f"A Title of {at} Words (Series {at % 90}, #{at % 9})",
                    f"{first}   {last}",
                ),
                *(f"{last}, {first}", "Bo Eng, Cy Dahl", '=""', f'="{generated_isbn(at)}"'),
                *(str(at % 6), "4.01", "A House", "Paperback", "320", "2004", "1999"),
                *(f"20{at % 20:02d}/0{1 + at % 9}/1{at % 9}", "2020/01/02", "fun, read-again"),
                *(
                    "fun (#1)",
                    "read",
                    "Words of a review.<br/>More. " * (at % 12),
                    "",
                    "",
                    "1",
                    "0",
                ),
            ]
        )
    return text.getvalue().encode()


def test_ten_thousand_rows_cost_little() -> None:
    run = subprocess.run(
        [sys.executable, "-c", MEASURE], input=library(10_000), capture_output=True, check=True
    )
    books, seconds, megabytes = map(float, run.stdout.split())
    assert books == 10_000
    assert seconds < 8  # no measurement: something grows with the square of the rows
    assert megabytes < 200


def times(piece: str, *, size: int = 1_000_000) -> str:
    return (piece * (size // len(piece) + 1))[:size]


NAMES = "Title,Author,ISBN,Date Read,Rating,Tags,Review,Series\n"
CELL = 32_000


def hostile() -> Iterator[tuple[str, str]]:
    for piece in ('"', '""', '"a"b,', '"a" b\n', '"x,"y', 'a,"', '"\n', '"",', '\n",', '" ', '\\"'):
        yield f"lines of {piece!r}", times(piece)
        yield f"rows of {piece!r}", NAMES + times(piece)
    for piece in (
        ",",
        ";",
        "\t|",
        "\n",
        " \n",
        ",\n",
        "a,b\n\n",
        "(",
        "a",
        "&#768;",
        "\u0300\u0327",
    ):
        yield f"text of {piece!r}", "a,b\n" + times(piece) + "\na,b\n"
    for at in range(8):
        for piece in (
            " ",
            "a ",
            "a, ",
            "(a, ",
            "a & ",
            "(",
            "(#",
            "#1)",
            "9780306406158, ",
            "*",
            "<b ",
        ):
            cells = ["x"] * 8
            cells[at] = f'"{times(piece, size=CELL)}"'
            yield f"column {at} of {piece!r}", NAMES + times(",".join(cells) + "\n")
    for piece in ("2020-01-01 - ", "<script>", "&amp;", "1/2/2020 ", "[", "A\u0301"):
        row = ",".join([f'"{times(piece, size=3_900)}"'] * 8)
        yield f"row of {piece!r}", NAMES + times(row + "\n")
    yield "torn rows", NAMES + times("a,b, c,d, e,f, g,h, i,j, k\n")
    yield "torn rows without a sign", times("A,B,C," * 19 + "\n") + times("A,B,C," * 19 + "D\n")
    yield "one title", NAMES + "".join(f"T,A,{generated_isbn(n)}\n" for n in range(10_000))


def test_no_file_takes_long() -> None:
    slow: dict[str, float] = {}
    for name, text in hostile():
        data = text.encode()
        start = time.process_time()
        with suppress(Unreadable):
            read_export(data)
        spent = time.process_time() - start
        if spent > 8:
            slow[name] = spent
    assert slow == {}
