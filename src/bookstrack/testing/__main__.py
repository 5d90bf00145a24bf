"""``python -m bookstrack.testing --port 9900 --delay-ms 150``: serve the fake upstream alone."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from bookstrack.testing.upstream import FakeUpstream


async def serve(
    *,
    host: str,
    port: int,
    delay_ms: float,
    spread_ms: float,
    books: int,
    exports: Sequence[Path] = (),
) -> None:
    """Print the environment a BooksTrack server needs, then serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with FakeUpstream(host=host, port=port) as upstream:
        upstream.delay("all", delay_ms / 1000, spread=spread_ms / 1000)
        upstream.add_books(books)
        for file in exports:
            upstream.add_export(file.read_bytes())
        for name, value in upstream.environment().items():
            sys.stdout.write(f"{name}={value}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = ArgumentParser(prog="python -m bookstrack.testing", description=serve.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="listen address")
    parser.add_argument("--port", type=int, default=9900, help="listen port, 0 = any free one")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="time before every answer")
    parser.add_argument(
        "--spread-ms", type=float, default=0.0, help="up to so much more, by chance"
    )
    parser.add_argument("--books", type=int, default=0, help="generated books found by text")
    parser.add_argument(
        "--export",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="know the books of this export file, too",
    )
    given = parser.parse_args()
    asyncio.run(
        serve(
            host=given.host,
            port=given.port,
            delay_ms=given.delay_ms,
            spread_ms=given.spread_ms,
            books=given.books,
            exports=given.export,
        )
    )


if __name__ == "__main__":
    main()
