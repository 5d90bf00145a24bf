"""Sections ``warm`` and ``restart``: answers from memory and, after a restart, from SQLite."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from statistics import median

from bench.client import Run, drive, request
from bench.figures import Row
from bench.processes import Running, ask, baseline, fake_upstream, server, server_core
from bench.rounds import Pair, in_turns, rate_rows
from bookstrack.testing.generated import generated_isbn

_ROUNDS = 5
_ROUND_S = 3.0
_BOOKS = 20_000
_PATH = "/v1/search/isbn?isbn="
_KEY = "search:isbn:isbn="


def warm() -> list[Row]:
    """Ask one known book again and again."""
    path = _PATH + generated_isbn(0)
    asked = request(path)

    def again(port: int) -> Run:
        return drive(port, repeat(asked), seconds=_ROUND_S)

    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream() as upstream,
        server(Path(folder), environ=upstream, core=server_core()) as ours,
    ):
        body = _body(ours, path)
        with baseline("echo", body) as echo:
            ceiling = drive(echo.port, repeat(asked), seconds=_ROUND_S)
        with baseline("bare", body) as theirs:
            pairs = in_turns(ours, theirs, again, rounds=_ROUNDS)
    return [
        Row(what="load generator: answers per second at most", ours=f"{ceiling.rate:.0f}"),
        *rate_rows("warm", pairs, least=0.6),
        _p99(pairs),
    ]


def _body(ours: Running, path: str) -> bytes:
    """Let the server learn a book; return the bytes of its second answer."""
    ask(ours.port, path)
    return ask(ours.port, path).body


def _p99(pairs: list[Pair]) -> Row:
    ours = median(o.run.ms(0.99) for o, _ in pairs)
    return Row(
        what="warm: p99 on 64 connections",
        ours=f"{ours:.1f} ms",
        other=f"bare handler {median(t.run.ms(0.99) for _, t in pairs):.1f} ms",
        figure=f"best round {min(o.run.ms(0.99) for o, _ in pairs):.1f} ms",
        bound="< 10 ms",
        ok=ours < 10,
    )


def restart() -> list[Row]:
    """Ask many books, each once, that only the SQLite file knows."""
    with tempfile.TemporaryDirectory() as name, fake_upstream() as upstream:
        folder = Path(name)
        first = generated_isbn(0)
        with server(folder, environ=upstream, core=None) as before:
            body = _body(before, _PATH + first)
        _copy(folder / "bookstrack.db", first, _BOOKS)
        with (
            server(folder, environ=upstream, core=server_core()) as ours,
            baseline("bare", body) as theirs,
        ):
            lines = {side.port: _each_once() for side in (ours, theirs)}
            known = {ours.port: b"x-cache-source: KV", theirs.port: b""}

            def next_books(port: int) -> Run:
                return drive(port, next(lines[port]), header=known[port])

            pairs = in_turns(ours, theirs, next_books, rounds=_ROUNDS)
    return rate_rows("after restart", pairs, least=0.4)


def _each_once() -> Iterator[list[bytes]]:
    """Yield the requests of one round after the other."""
    share = _BOOKS // _ROUNDS
    for start in range(1, _BOOKS, share):
        yield [request(_PATH + generated_isbn(n)) for n in range(start, start + share)]


def _copy(file: Path, known: str, count: int) -> None:
    """Put the entry of one book into the shared tier again under other numbers."""
    with sqlite3.connect(file) as connection:
        row = connection.execute(
            "SELECT value, cached_at, ttl_seconds, expires_at FROM kv_entries WHERE key = ?",
            (_KEY + known,),
        ).fetchone()
        isbns = (generated_isbn(number) for number in range(1, count + 1))
        connection.executemany(
            "INSERT INTO kv_entries (key, value, cached_at, ttl_seconds, expires_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                (_KEY + isbn, row[0].replace(known.encode(), isbn.encode()), *row[1:])
                for isbn in isbns
            ),
        )
    connection.close()
