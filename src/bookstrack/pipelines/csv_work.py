"""Books of an import on their way: looked up, judged, stored, and told of (§1.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from bookstrack.catalogue.identify import ENOUGH
from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.enrichment.by_key import KeyLookup
from bookstrack.enrichment.enricher import NOT_FOUND, Lookups
from bookstrack.enrichment.turns import known_first
from bookstrack.imports.export import ImportedBook
from bookstrack.jobs.context import Context
from bookstrack.model.job import ItemResult, ItemState
from bookstrack.pipelines.csv_books import is_echo, shown
from bookstrack.pipelines.csv_rows import Fate, ImportOptions, Kept, RowInput, Verdict
from bookstrack.pipelines.csv_storing import Queue, Ready, Taker, ready

PARSED, STORING = 0.5, 0.95
_SETTLING_S = 0.4  # within which the catalogue stores by itself what it has found outside
_UNCLEAR = "Several books fit this title"
_UNSTORED = "The book could not be stored; something went wrong on our side"
_UNSURE = "Nothing found fits this book surely"
_encode = msgspec.json.Encoder().encode


Cells = Callable[[int], Awaitable[tuple[str, ...]]]
"""``await cells(row)`` returns the original cells of a row of the file."""


class Group(Struct, frozen=True):
    """Books that ask for the same thing; ``ids`` where nothing but a key is known."""

    asked: PartialBook
    ids: dict[str, str]
    members: list[tuple[int, RowInput]]


class Work:
    """The books of one run, on their way from their rows into the catalogue."""

    def __init__(
        self,
        ctx: Context,
        options: ImportOptions,
        rows: Sequence[RowInput],
        *,
        shelf: Taker,
        cells: Cells,
        at_once: int,
    ) -> None:
        self._ctx = ctx
        self._options = options
        self._shelf = shelf
        self._cells = cells
        self._at_once = at_once
        self._books = sum(row.fate is Fate.BOOK for row in rows)
        self._others = len(rows) - self._books
        self._statuses: dict[int, tuple[EnrichmentStatus, str | None]] = {}

    async def without_lookups(self, left: Sequence[tuple[int, RowInput]]) -> None:
        """Take in books as the file tells them."""
        queue = Queue(self._write, self._ctx.clock)
        try:
            for index, row in left:
                self._ctx.check()
                await queue.put(ready(index, row))
            await queue.finish()
        finally:
            await queue.close()

    async def with_lookups(
        self, left: Sequence[tuple[int, RowInput]], lookups: Lookups, keys: KeyLookup
    ) -> None:
        """Look books up, each distinct one once, those known first."""
        queue = Queue(self._write, self._ctx.clock)
        try:
            groups = _groups(left)
            order, at_hand = await known_first(lookups, groups, _foreseen)

            async def work(group: Group) -> None:
                enriched = at_hand.pop(id(group), None)
                waits = enriched is None
                if enriched is None:
                    enriched = await (
                        keys.enrich(group.ids) if group.ids else lookups.enrich(group.asked)
                    )
                for index, row in group.members:
                    await self._looked_up(queue, index, row, enriched, waits=waits)

            await self._ctx.each(order, work, at_once=self._at_once)
            await queue.finish()
        except BaseException:
            lookups.drop()
            raise
        finally:
            await queue.close()
        lookups.finish()

    async def _looked_up(
        self, queue: Queue, index: int, row: RowInput, enriched: Enriched, *, waits: bool
    ) -> None:
        book = row.book
        assert book is not None  # noqa: S101 rows of books have one
        status, error = _judged(book, enriched)
        self._statuses[index] = (status, error)
        found = enriched.data() if status is EnrichmentStatus.SUCCESS else None
        if found is None and book.needs_lookup:
            await self._reject(index, status, error or "")
            return
        settling = _SETTLING_S if waits and found is not None and not enriched.cached else 0.0
        due_at = self._ctx.clock.monotonic() + settling
        await queue.put(ready(index, row, found, due_at=due_at))

    async def _reject(self, index: int, status: EnrichmentStatus, error: str) -> None:
        """End a row of which only a key is known that nobody knows."""
        kept = Kept(status=status, code="needs_lookup", message=error)
        result = ItemResult(index=index, state=ItemState.ERROR, result=_encode(kept))
        await self._tell([result], "")

    async def _write(self, books: list[Ready]) -> None:
        """Store books, then say that they are done."""
        verdicts = await self._shelf.take(books)
        results = [
            self._result(one, verdict) if verdict is not None else await self._unstored(one)
            for one, verdict in zip(books, verdicts, strict=True)
        ]
        await self._tell(results, books[-1].book.title)

    def _result(self, one: Ready, verdict: Verdict) -> ItemResult:
        status, error = self._statuses.pop(one.index, (None, None))
        doubtful = one.row.book is not None and one.row.book.low_confidence
        entry = _encode(shown(one.book, row=one.row.row, error=error, doubtful=doubtful))
        kept = Kept(verdict=verdict, status=status, key=one.key, book=Raw(entry))
        return ItemResult(index=one.index, state=ItemState.DONE, result=_encode(kept))

    async def _unstored(self, one: Ready) -> ItemResult:
        """End a row whose book cannot be written, with its cells for whoever mends it."""
        status, _ = self._statuses.pop(one.index, (None, None))
        cells = await self._cells(one.row.row)
        kept = Kept(status=status, code="not_stored", message=_UNSTORED, cells=cells)
        return ItemResult(index=one.index, state=ItemState.ERROR, result=_encode(kept))

    async def _tell(self, results: Sequence[ItemResult], title: str) -> None:
        done = self._ctx.processed - self._others + len(results)
        await self._ctx.ended(
            results,
            progress=PARSED + (STORING - PARSED) * done / self._books,
            message=f"{self._doing} ({done}/{self._books}): {title}" if title else None,
            current_item=title or None,
        )

    @property
    def _doing(self) -> str:
        return "Enriching" if self._options.enrich and not self._options.dry_run else "Storing"


def _judged(book: ImportedBook, enriched: Enriched) -> tuple[EnrichmentStatus, str | None]:
    """Return how a lookup counts: what is not surely this book is not found."""
    if enriched.succeeded:
        if book.low_confidence and not enriched.clear:
            return EnrichmentStatus.NOT_FOUND, _UNCLEAR
        if enriched.confidence < ENOUGH:
            return EnrichmentStatus.NOT_FOUND, _UNSURE
        if is_echo(enriched.data()):
            return EnrichmentStatus.NOT_FOUND, NOT_FOUND
    return enriched.status, enriched.error


def _groups(left: Sequence[tuple[int, RowInput]]) -> list[Group]:
    groups: dict[tuple[str, ...], Group] = {}
    for index, row in left:
        book = row.book
        assert book is not None  # noqa: S101 rows of books have one
        ids = book.external_ids if book.needs_lookup else {}
        asked = PartialBook(
            title=book.title or "",
            author=book.authors[0] if book.authors else "",
            isbn=book.isbn or "",
        )
        identity = (*map("=".join, ids.items()),) if ids else asked.identity
        groups.setdefault(identity, Group(asked, ids, [])).members.append((index, row))
    return list(groups.values())


def _foreseen(group: Group) -> PartialBook | None:
    """Return the book a group asks for, where it asks for one by more than a key."""
    return None if group.ids else group.asked
