"""Section ``imports``: a large export file read, and a library of 769 books taken in and again."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.figures import Row
from bench.jobs import DELAY_MS, LIFTED, Begun, ends, results
from bench.processes import Running, fake_upstream, scheduled, server, server_core
from bookstrack.testing.generated import generated_isbn, generated_work

BOOKS = 769
ROWS = 10_000
_AT_ONCE = 10
_IDEAL_S = BOOKS / _AT_ONCE * DELAY_MS / 1000
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


def imports() -> list[Row]:
    """Read a large file on one core; import a library with slow providers, then once more."""
    file = library(BOOKS)
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=DELAY_MS) as upstream,
        server(Path(folder), environ={**upstream, **LIFTED}, core=server_core()) as ours,
    ):
        _imported(ours, library(20, first=10_000))  # what is loaded with the first import
        first, busy_ms = _imported(ours, file)
        again, _ = _imported(ours, file)
    return [
        _read_row(),
        Row(
            what=f"import of {BOOKS} new books, {_AT_ONCE} at once",
            ours=f"{first:.1f} s",
            other=f"ideal {_IDEAL_S:.1f} s",
            figure=f"{first / _IDEAL_S:.2f}; processor {busy_ms:.1f} ms a book",
            bound="<= 1.3",
            ok=first / _IDEAL_S <= 1.3,
        ),
        Row(
            what=f"the same {BOOKS} books once more",
            ours=f"{again:.2f} s",
            bound="< 3 s",
            ok=again < 3,
        ),
    ]


def _imported(ours: Running, file: bytes) -> tuple[float, float]:
    """Import a file; return the seconds from request to end, and processor time per row in ms."""
    before, at = scheduled(ours.process.pid)[0], time.time()
    job = post_file(ours.port, file)
    (end,) = asyncio.run(ends(ours.port, [job]))
    busy = scheduled(ours.process.pid)[0] - before
    found = results(ours.port, job)
    rows = len(found["books"])
    if found["enrichmentSucceeded"] != rows:
        raise RuntimeError(f"{found['enrichmentSucceeded']} of {rows} books were found")
    return end - at, busy * 1000 / rows


def post_file(port: int, file: bytes) -> Begun:
    """Start an import.

    Raises:
        RuntimeError: it was not accepted.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/api/v2/imports", file, {"content-type": "text/csv"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise RuntimeError(f"an import was not accepted: {text.decode()}")
        data = msgspec.json.decode(text)["data"]
        return Begun(data["jobId"], data["authToken"], data["sseUrl"], time.time())
    finally:
        connection.close()


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
