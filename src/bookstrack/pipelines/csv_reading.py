"""Reads an export file as books, with the help of an AI where columns do not tell (§1.10).

A model is asked what the columns hold; only where that does not help, it copies rows, and
nothing it says is believed that the rows do not bear out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import cast

import structlog
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import JobFailed, ProviderProblem
from bookstrack.imports.export import Certainty, Export, Format, Table
from bookstrack.imports.mapping import Mapping
from bookstrack.imports.read import read_export, read_table
from bookstrack.imports.refusal import Unreadable
from bookstrack.pipelines.csv_copied import combined
from bookstrack.pipelines.csv_rows import ImportOptions, Note
from bookstrack.readers.keeping import AnswerCache, Keep, within
from bookstrack.readers.table_columns import ColumnReader, digest_of
from bookstrack.readers.table_rows import RowReader, RowsRead

log = structlog.get_logger(__name__)

Allowed = Callable[[], Awaitable[bool]]
"""Tells whether an AI may be asked about files now."""
DETERMINISTIC, AI = "deterministic", "ai"
_SURE = 0.5
_MOST_UNUSABLE = 0.2


class Readers(Struct, frozen=True, kw_only=True):
    """What an AI is asked with; answers are kept for the same file sent again."""

    columns: ColumnReader
    rows: RowReader
    answers: AnswerCache
    most_rows: int


class ReadFile(Struct, frozen=True, kw_only=True):
    """A file that was read, by whom (``parser``), and what there is to know about that."""

    export: Export
    parser: str
    notes: tuple[Note, ...] = ()


class FileReader:
    """Reads export files; without ``readers``, or while they are not ``allowed``, without AI."""

    def __init__(
        self, clock: Clock, *, max_rows: int, readers: Readers | None, allowed: Allowed
    ) -> None:
        self._clock = clock
        self._max_rows = max_rows
        self._readers = readers
        self._allowed = allowed

    async def read(
        self, data: bytes, options: ImportOptions, *, lookup: bool, keep: Keep
    ) -> ReadFile:
        """Return the books of a file; ``keep`` is the job's own memory of paid answers.

        Raises:
            JobFailed: nothing can be read from the file, or the AI that was demanded failed.
        """
        today = datetime.fromtimestamp(self._clock.time(), UTC).date()
        reading = _Reading(data, options, max_rows=self._max_rows, lookup=lookup, today=today)
        readers = self._readers if await self._allowed() else None
        if options.parser == AI and readers is None:
            raise _ai_failed("No AI reads files here")
        wanted = options.parser == AI or (options.parser == "auto" and options.format is None)
        if readers is None or not wanted:
            return await reading.plainly()
        if options.parser != AI and (plain := await reading.surely()) is not None:
            return plain
        return await _AiReading(reading, readers, keep=keep).read()


class _Reading:
    """One file, read in threads."""

    def __init__(
        self, data: bytes, options: ImportOptions, *, max_rows: int, lookup: bool, today: date
    ) -> None:
        self.data = data
        self.options = options
        self._max_rows = max_rows
        self._lookup = lookup
        self._today = today

    async def export(self, mapping: Mapping | None = None) -> Export:
        """Read the file; raises Unreadable."""
        options = self.options
        return await asyncio.to_thread(
            read_export,
            self.data,
            declared_charset=options.charset,
            forced_format=None if options.format is None else Format(options.format),
            mapping=mapping,
            max_rows=self._max_rows,
            lookup=self._lookup,
            today=self._today,
        )

    async def table(self) -> Table:
        """Return the cells of the file; raises Unreadable."""
        return await asyncio.to_thread(
            read_table,
            self.data,
            declared_charset=self.options.charset,
            max_rows=self._max_rows,
        )

    async def plainly(self, *notes: Note) -> ReadFile:
        """Read the file without an AI; raises JobFailed."""
        try:
            export = await self.export()
        except Unreadable as problem:
            raise _unreadable(problem) from None
        return ReadFile(export=export, parser=DETERMINISTIC, notes=notes)

    async def surely(self) -> ReadFile | None:
        """Read the file without an AI where its columns are certain."""
        try:
            export = await self.export()
        except Unreadable:
            return None
        has_names = export.format is not Format.GENERIC or "title" in export.columns
        if export.certainty is Certainty.UNCERTAIN or not (has_names or _is_usable(export)):
            return None
        return ReadFile(export=export, parser=DETERMINISTIC)


class _AiReading:
    """One file that a model helps with."""

    def __init__(self, reading: _Reading, readers: Readers, *, keep: Keep) -> None:
        self._reading = reading
        self._readers = readers
        self._keep = within(keep, readers.answers.keep)
        self._digest = digest_of(reading.data)

    async def read(self) -> ReadFile:
        try:
            return await self._read()
        except ProviderProblem as problem:
            log.warning("ai_unavailable", problem=problem.message)
            return await self._without(problem.told)

    async def _read(self) -> ReadFile:
        try:
            table = await self._reading.table()
        except Unreadable as problem:
            raise _unreadable(problem) from None
        asked = await self._readers.columns.read(table, digest=self._digest, keep=self._keep)
        mapped = await self._mapped(asked.mapping) if asked.mapping.columns else None
        if mapped is not None and asked.confidence >= _SURE and _is_usable(mapped):
            return ReadFile(export=mapped, parser=AI)
        if len(table.rows) > self._readers.most_rows:
            return await self._best_of(mapped)
        found = await self._copied(table)
        plain = mapped or await self._or_nothing()
        export, notes = combined(table, found, plain)
        return ReadFile(export=export, parser=AI, notes=notes)

    async def _copied(self, table: Table) -> RowsRead:
        header = table.outline.header if table.outline.has_header else ()
        rows = self._readers.rows
        try:
            return await rows.read(header, table.rows, digest=self._digest, keep=self._keep)
        except BaseExceptionGroup as group:  # of several chunks; the first says enough
            raise _first(group) from None

    async def _mapped(self, mapping: Mapping) -> Export | None:
        try:
            return await self._reading.export(mapping)
        except Unreadable:
            return None

    async def _or_nothing(self) -> Export | None:
        try:
            return await self._reading.export()
        except Unreadable:
            return None

    async def _best_of(self, mapped: Export | None) -> ReadFile:
        """Take what the columns gave where there are too many rows to be copied."""
        message = f"Only files of {self._readers.most_rows} rows are read row by row"
        note = Note(code="ai_too_many_rows", message=message)
        if mapped is not None:
            return ReadFile(export=mapped, parser=AI, notes=(note,))
        return await self._without(message)

    async def _without(self, why: str) -> ReadFile:
        """Go on without the model, unless it was demanded or the file needs it."""
        if self._reading.options.parser == AI:
            raise _ai_failed(why)
        note = Note(code="ai_unavailable", message=f"Read without AI: {why}")
        try:
            return await self._reading.plainly(note)
        except JobFailed as problem:
            raise _ai_failed(f"{problem.message}, and the AI could not be asked: {why}") from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = cast("BaseException", inner.exceptions[0])
    return inner


def _is_usable(export: Export) -> bool:
    return len(export.errors) <= _MOST_UNUSABLE * export.data_rows


def _ai_failed(why: str) -> JobFailed:
    return JobFailed(
        "E_CSV_AI_FAILED",
        why,
        retryable=True,
        details={
            "fallbackAvailable": True,
            "suggestion": "Send the file again with parser=deterministic, or later",
        },
    )


def _unreadable(problem: Unreadable) -> JobFailed:
    return JobFailed(
        "E_CSV_PARSE_FAILED", problem.message, retryable=False, details=problem.details
    )
