"""Takes imported books into the catalogue, many in one go, and says what was new about them.

Whether a book is new is decided where it is written, by what was held before the job and what
imports beside it have brought since. What is said once is remembered with the book: a repeat
after a crash finds its own books there and still calls them new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.imports.export import ImportedBook
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book
from bookstrack.model.job import Job
from bookstrack.model.record import BookRecord
from bookstrack.pipelines.csv_books import FILLED, flat, key_of, offered, own_key, record_of
from bookstrack.pipelines.csv_rows import RowInput, Verdict
from bookstrack.storage.database.imported import Credits, Held, ImportedBooks, Shelving

log = structlog.get_logger(__name__)

_MADE = "bt:"
_OVERLAP_S = 60.0  # clocks of two machines differ by less
_TOGETHER = 20  # more would keep other writers waiting
_MOST = 200


class Ready(Struct, frozen=True, kw_only=True):
    """A book about which everything is known that will be.

    ``key`` is that of the book in the catalogue, ``own_key`` the one by what the file says.
    ``due_at`` (monotonic seconds) leaves others the time to store what they found themselves.
    """

    index: int
    row: RowInput
    book: Book
    found: SearchData | None
    key: str
    own_key: str
    due_at: float

    @property
    def record(self) -> BookRecord:
        """Return what is to be stored where nothing is."""
        return record_of(self.book, _imported(self.row), self.found)


def ready(
    index: int, row: RowInput, found: SearchData | None = None, *, due_at: float = 0.0
) -> Ready:
    """Return the book of a row together with what was found about it."""
    imported = _imported(row)
    book = flat(imported, found)
    return Ready(
        index=index,
        row=row,
        book=book,
        found=found,
        key=key_of(book),
        own_key=own_key(imported),
        due_at=due_at,
    )


def _imported(row: RowInput) -> ImportedBook:
    assert row.book is not None  # noqa: S101 rows of books alone get here
    return row.book


class Taker(Protocol):
    """Who takes books in."""

    async def take(self, books: Sequence[Ready]) -> list[Verdict | None]:
        """Return a verdict for each book; ``None`` for one that could not be taken."""
        ...


class Shelf:
    """The catalogue as one job sees it.

    ``before`` are keys of books that came up between the making of the job and its first own
    book, ``seen`` those that it has told of in earlier runs.
    """

    def __init__(
        self,
        rows: ImportedBooks,
        job: Job,
        *,
        before: Iterable[str] = (),
        seen: Iterable[str] = (),
    ) -> None:
        self._rows = rows
        self._job = job
        self._before = frozenset(before)
        self._seen = set(seen)

    async def take(self, books: Sequence[Ready]) -> list[Verdict | None]:
        """Store what is new in these books; return a verdict for each.

        A book that cannot be written has none, and takes no other with it.
        """
        try:
            verdicts = await self._rows.write(partial(self._taken, books))
        except StorageProblem:
            raise
        except Exception:
            if len(books) == 1:
                log.exception("imported_book_unsaved", row=books[0].row.row)
                return [None]
            return [verdict for one in books for verdict in await self.take([one])]
        self._seen.update(one.key for one in books)
        return [*verdicts]

    def _taken(self, books: Sequence[Ready], shelving: Shelving) -> list[Verdict | None]:
        """Store books; all that their verdicts rest on is read in the same transaction."""
        first: dict[str, Ready] = {}
        for one in books:
            if one.key not in self._seen:
                first.setdefault(one.key, one)
        keys = list(dict.fromkeys(key for one in books for key in (one.key, one.own_key)))
        held = shelving.held(keys)
        since = self._job.created_at - _OVERLAP_S
        credits = shelving.credits(self._job.id, keys, since=since)
        said = {key: self._verdict(one, held.get(key), credits) for key, one in first.items()}
        news = {key: verdict for key, verdict in said.items() if verdict is not Verdict.KNOWN}
        shelving.credit(self._job.id, news)
        _store(shelving, first, held)
        shelving.move({one.own_key: one.key for one in books if _has_other_key(one, held)})
        return [said[one.key] if first.get(one.key) is one else Verdict.KNOWN for one in books]

    def _verdict(self, one: Ready, now: Held | None, credits: Credits) -> Verdict:
        """Return what a book means; what an import beside this one brought is not new again."""
        if one.key in credits.own:
            return Verdict(credits.own[one.key])
        before, is_others = one.row.held, one.key in credits.others
        if before is None and (now is None or not (is_others or self._is_older(one.key, now))):
            return Verdict.CREATED
        empty = now.empty if now is not None and (before is None or is_others) else before
        return Verdict.UPDATED if offered(one.book, empty or ()) else Verdict.KNOWN

    def _is_older(self, key: str, held: Held) -> bool:
        return key in self._before or held.created_at < int(self._job.created_at)


def _has_other_key(one: Ready, held: Mapping[str, Held]) -> bool:
    """Tell whether a book was held under a made key, and an ISBN was found for it."""
    return one.own_key != one.key and one.own_key in held


def _store(shelving: Shelving, books: Mapping[str, Ready], held: Mapping[str, Held]) -> None:
    """Insert what is not there, then fill what is empty in what is.

    Books without ISBN have their works like all others, and rows under their made keys.
    """
    fresh = {key: one for key, one in books.items() if key not in held}
    shelving.save([one.record for one in fresh.values()])
    shelving.put({key: one.book for key, one in fresh.items() if _is_made(key)})
    there = {**held, **shelving.held([key for key in fresh if not _is_made(key)])}
    records: list[BookRecord] = []
    made: dict[str, Book] = {}
    for key, one in books.items():
        gains = offered(one.book, there[key].empty) if key in there else {}
        if not gains:
            continue
        if _is_made(key):
            known = shelving.book(key)
            made[key] = one.book if known is None else _completed(known, gains)
        elif (record := shelving.record(key)) is not None:
            records.append(_filled(record, gains))
    shelving.save(records)
    shelving.put(made)


def _is_made(key: str) -> bool:
    return key.startswith(_MADE)


class DryShelf:
    """Tells what books would be, judged by what was held before; stores nothing."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    async def take(self, books: Sequence[Ready]) -> list[Verdict | None]:
        """Return a verdict for each book."""
        return [self._verdict(one) for one in books]

    def _verdict(self, one: Ready) -> Verdict:
        if one.key in self._seen:
            return Verdict.KNOWN
        self._seen.add(one.key)
        if one.row.held is None:
            return Verdict.CREATED
        return Verdict.UPDATED if offered(one.book, one.row.held) else Verdict.KNOWN


_OF_WORK = {"categories": "subject_tags", "description": "description"}
_OF_EDITION = {
    "publication_year": "publication_year",
    "publisher": "publisher",
    "page_count": "page_count",
    "language": "language",
    "cover_url": "cover_image_url",
}


def _completed(book: Book, gains: dict[str, Any]) -> Book:
    filled = replace(book, **{FILLED[column]: value for column, value in gains.items()})
    return replace(filled, author=", ".join(filled.authors))


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
