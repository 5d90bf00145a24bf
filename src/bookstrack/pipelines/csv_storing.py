"""Takes imported books into the catalogue, many in one go, and says what was new about them.

Whether a book is new is decided by what was held before the job: a repeat after a crash finds
its own books there and still calls them new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book
from bookstrack.model.record import BookRecord
from bookstrack.pipelines.csv_books import key_of, offered, own_key, record_of
from bookstrack.pipelines.csv_rows import RowInput, Verdict
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.imported import Held, ImportedBooks

log = structlog.get_logger(__name__)

_MADE = "bt:"
_TOGETHER = 20  # more would keep other writers waiting
_MOST = 200


class Ready(Struct, frozen=True, kw_only=True):
    """A book about which everything is known that will be.

    ``due_at`` (monotonic seconds) leaves others the time to store what they found themselves.
    """

    index: int
    row: RowInput
    book: Book
    found: SearchData | None = None
    due_at: float = 0.0

    @property
    def key(self) -> str:
        """Return the key of the book in the catalogue."""
        return key_of(self.book)

    @property
    def own_key(self) -> str:
        """Return its key by what the file says."""
        return own_key(self.row.book) if self.row.book is not None else self.key

    @property
    def record(self) -> BookRecord:
        """Return what is to be stored where nothing is."""
        assert self.row.book is not None  # noqa: S101 rows of books alone get here
        return record_of(self.book, self.row.book, self.found)


class Shelf:
    """The catalogue as one job sees it.

    ``since`` is when the job was made (epoch seconds), ``before`` what came up between then and
    its first own book, ``seen`` what it has stored in earlier runs.
    """

    def __init__(
        self,
        store: CatalogueStore,
        rows: ImportedBooks,
        *,
        since: float,
        before: Sequence[str] = (),
        seen: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._rows = rows
        self._since = int(since)
        self._before = frozenset(before)
        self._seen = set(seen)

    async def take(self, books: Sequence[Ready]) -> list[Verdict]:
        """Store what is new in these books; return a verdict for each."""
        held = await self._rows.held([one.key for one in books])
        verdicts = [self._verdict(one, held.get(one.key)) for one in books]
        fresh = {one.key: one for one in reversed(books) if one.key not in held}
        await self._save([one.record for one in fresh.values()])
        await self._rows.put(
            [(key, one.book) for key, one in fresh.items() if key.startswith(_MADE)]
        )
        for one, verdict in zip(books, verdicts, strict=True):
            if verdict is Verdict.UPDATED and (now := held.get(one.key)) is not None:
                await self._fill(one, now)
        await self._rows.move(
            [(one.own_key, one.key) for one in books if one.own_key != one.key and one.row.held]
        )
        return verdicts

    def _verdict(self, one: Ready, held: Held | None) -> Verdict:
        if one.key in self._seen:
            return Verdict.KNOWN
        self._seen.add(one.key)
        if one.row.held is not None:
            gains = offered(one.book, one.row.held)
            return Verdict.UPDATED if gains else Verdict.KNOWN
        is_older = one.key in self._before or (held is not None and held.created_at < self._since)
        return Verdict.KNOWN if is_older else Verdict.CREATED

    async def _fill(self, one: Ready, held: Held) -> None:
        """Fill empty columns; those that somebody has filled meanwhile stay as they are."""
        gains = offered(one.book, held.empty)
        if not gains:
            return
        if one.key.startswith(_MADE):
            await self._rows.put([(one.key, one.book)])
            return
        stored = await self._store.find_isbn(one.key)
        if stored is not None:
            await self._save([_filled(stored.record, gains)])

    async def _save(self, records: Sequence[BookRecord]) -> None:
        """Write books; one that cannot be written takes no other with it."""
        try:
            await self._store.save(records)
        except StorageProblem:
            raise
        except Exception:
            if len(records) == 1:
                log.exception("imported_book_unsaved", title=records[0].work.title)
                return
            for record in records:
                await self._save([record])


def verdict_unstored(row: RowInput, book: Book) -> Verdict:
    """Return what a book would be, judged by what was held before, where nothing is stored."""
    if row.held is None:
        return Verdict.CREATED
    return Verdict.UPDATED if offered(book, row.held) else Verdict.KNOWN


_OF_WORK = {"categories": "subject_tags", "description": "description"}
_OF_EDITION = {
    "publication_year": "publication_year",
    "publisher": "publisher",
    "page_count": "page_count",
    "language": "language",
    "cover_url": "cover_image_url",
}


def _filled(record: BookRecord, gains: dict[str, Any]) -> BookRecord:
    work = {_OF_WORK[name]: value for name, value in gains.items() if name in _OF_WORK}
    edition = {_OF_EDITION[name]: value for name, value in gains.items() if name in _OF_EDITION}
    editions = tuple(replace(one, **edition) for one in record.editions[:1])
    authors = tuple(Author(name=name) for name in gains.get("authors", ()))
    return replace(
        record,
        work=replace(record.work, **work),
        editions=(*editions, *record.editions[1:]),
        authors=record.authors or authors,
    )


class Queue:
    """Books on their way into the catalogue, written together as they fall due."""

    def __init__(self, write: Callable[[list[Ready]], Awaitable[None]], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._waiting: list[Ready] = []
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._is_last = False
        self._writer = asyncio.create_task(self._write_all())

    async def put(self, ready: Ready) -> None:
        """Have a book written; waits only where many are waiting already.

        Raises:
            Exception: what an earlier one failed with.
        """
        while not self._writer.done() and not self._room.is_set():
            room = asyncio.create_task(self._room.wait())
            await asyncio.wait({room, self._writer}, return_when=asyncio.FIRST_COMPLETED)
            room.cancel()
        if self._writer.done():
            self._writer.result()
        self._waiting.append(ready)
        self._more.set()
        if len(self._waiting) >= _MOST:
            self._room.clear()

    async def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            Exception: what a book failed with.
        """
        self._is_last = True
        self._more.set()
        await self._writer

    async def close(self) -> None:
        """Write nothing more."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    async def _write_all(self) -> None:
        while not self._is_last or self._waiting:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                continue
            now = self._clock.monotonic()
            due = [one for one in self._waiting if one.due_at <= now][:_TOGETHER]
            if not due:
                await self._clock.sleep(min(one.due_at for one in self._waiting) - now)
                continue
            taken = {one.index for one in due}
            self._waiting = [one for one in self._waiting if one.index not in taken]
            self._room.set()
            await self._write(due)
