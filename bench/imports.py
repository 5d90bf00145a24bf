"""Section ``imports``: a large export file read; libraries of 769 books taken in, and again.

One is made up, the other somebody's own, read from the fixtures where these are there.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from bench.figures import Row
from bench.jobs import DELAY_MS, LIFTED, Begun, ends, post, results
from bench.processes import Running, ask, fake_upstream, scheduled, server, server_core
from bookstrack.imports.read import read_export
from bookstrack.testing.generated import generated_isbn, generated_work

BOOKS = 769
ROWS = 10_000
_AT_ONCE = 10
_GENUINE = Path("imports", "goodreads-24col-769rows.csv")
_FIRST = 20_000
_HEADER = (
    "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,"
    "Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,"
    "Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,"
    "Private Notes,Read Count,Owned Copies"
)
_MEASURE = """
import sys, time
from bookstrack.imports.read import check_export, read_export
from bookstrack.testing.memory import peak_megabytes
data = sys.stdin.buffer.read()
start = time.process_time()
check_export(data)
export = read_export(data)
spent = time.process_time() - start
print(len(export.books), spent, peak_megabytes())
"""


def library(count: int, *, first: int = _FIRST) -> bytes:
    """Return a file as Goodreads exports it, of books that every provider knows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADER.split(","))
    for number in range(first, first + count):
        isbn = f'="{generated_isbn(number)}"'
        names = [str(number), generated_work(number).title, "", "", "", '=""', isbn]
        print_run = [str(number % 6), "4.01", "", "Paperback", "320", "2004", "1999"]
        reading = [
            "2020/05/06",
            "2020/01/02",
            "fun",
            "fun (#1)",
            "read",
            "Words.",
            "",
            "",
            "1",
            "0",
        ]
        writer.writerow([*names, *print_run, *reading])
    return text.getvalue().encode()


class Taken(Struct, frozen=True):
    """An import: seconds from request to end, and processor time per row in ms.

    ``rows`` are those with books, ``found`` those that providers knew; ``calls`` all calls that
    providers got meanwhile.
    """

    seconds: float
    busy_ms: float
    rows: int
    found: int
    calls: int


def imports() -> list[Row]:
    """Read a large file on one core; import libraries with slow providers, then once more."""
    return [_read_row(), *_made_up(), *genuine()]


def _made_up() -> list[Row]:
    first, again = _twice(library(BOOKS), exports=())
    if first.found != BOOKS:
        raise RuntimeError(f"{first.found} of {BOOKS} books were found")
    return _rows(f"{BOOKS} made-up books", first, again, lookups=BOOKS)


def genuine() -> list[Row]:
    """Import somebody's own library, whose books the providers of this run know."""
    given = os.environ.get("BOOKSTRACK_FIXTURES")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "fixtures"
    file = folder / _GENUINE
    what = "a genuine library of 769 rows"
    if not file.is_file():
        return [Row(what=what, ours=f"skipped: no {file}; set BOOKSTRACK_FIXTURES")]
    data = file.read_bytes()
    first, again = _twice(data, exports=(file,))
    return _rows(what, first, again, lookups=distinct_lookups(data))


def distinct_lookups(data: bytes) -> int:
    """Return how many different books a file asks for: by ISBN, else by title and author."""
    return len(
        {
            (book.isbn,) if book.isbn else (book.title, *book.authors[:1])
            for book in read_export(data).books
        }
    )


def _rows(what: str, first: Taken, again: Taken, *, lookups: int) -> list[Row]:
    """Return the rows of one library: ideal is one answer per book, ten at a time."""
    ideal = lookups / _AT_ONCE * DELAY_MS / 1000
    return [
        Row(
            what=f"import of {what}, {_AT_ONCE} at once",
            ours=f"{first.seconds:.1f} s",
            other=f"ideal {ideal:.1f} s",
            figure=(
                f"{first.seconds / ideal:.2f}; {first.found} of {lookups} found in {first.calls} "
                f"calls; processor {first.busy_ms:.1f} ms a book"
            ),
            bound="<= 1.3",
            ok=first.seconds / ideal <= 1.3,
        ),
        Row(
            what="the same once more",
            ours=f"{again.seconds:.2f} s",
            figure=f"{again.calls} calls",
            bound="< 3 s",
            ok=again.seconds < 3,
        ),
    ]


def _twice(file: bytes, *, exports: tuple[Path, ...]) -> tuple[Taken, Taken]:
    """Import a file into an empty catalogue, and once more."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=DELAY_MS, exports=exports) as upstream,
        server(Path(folder), environ={**upstream, **LIFTED}, core=server_core()) as ours,
    ):
        _imported(ours, upstream, library(20, first=10_000))  # what is loaded with the first one
        return _imported(ours, upstream, file), _imported(ours, upstream, file)


def _imported(ours: Running, upstream: Mapping[str, str], file: bytes) -> Taken:
    asked, before, at = _calls(upstream), scheduled(ours.process.pid)[0], time.time()
    job = post_file(ours.port, file)
    (end,) = asyncio.run(ends(ours.port, [job]))
    busy, calls = scheduled(ours.process.pid)[0] - before, _calls(upstream) - asked
    found = results(ours.port, job)
    rows = len(found["books"])
    return Taken(end - at, busy * 1000 / rows, rows, found["enrichmentSucceeded"], calls)


def _calls(upstream: Mapping[str, str]) -> int:
    """Return how many calls for books the providers got so far."""
    port = urlsplit(upstream["BOOKSTRACK_GOOGLE_BOOKS_BASE_URL"]).port
    if port is None:
        raise RuntimeError("the providers have no port")
    paths = (f"/_control/asked?provider={name}" for name in ("google", "openlibrary", "isbndb"))
    return sum(ask(port, path).json()["count"] for path in paths)


def post_file(port: int, file: bytes) -> Begun:
    """Start an import.

    Raises:
        RuntimeError: it was not accepted.
    """
    return post(port, "/api/v2/imports", file, "text/csv")


def _read_row() -> Row:
    core = server_core()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE],
        input=library(ROWS),
        capture_output=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    count, seconds, size = (float(word) for word in done.stdout.split())
    if count != ROWS:
        raise RuntimeError(f"{count:.0f} of {ROWS} rows were read")
    return Row(
        what=f"{ROWS} rows checked and read, one core",
        ours=f"{seconds:.2f} s of processor",
        figure=f"{size:.0f} MB",
        bound="< 2 s, < 200 MB",
        ok=seconds < 2 and size < 200,
    )
