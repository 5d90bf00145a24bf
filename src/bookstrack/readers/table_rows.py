"""Lets Gemini copy books out of rows, in chunks: the last resort, and nothing is believed blindly.

What it copies goes through the same rules as the cells of any other file (``imports``).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

import msgspec
import structlog
from msgspec import Struct, field

from bookstrack.clock import Clock
from bookstrack.errors import ProviderFailed
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells
from bookstrack.model.naming import camel_name
from bookstrack.model.record import ProviderId
from bookstrack.normalise.folding import fold
from bookstrack.providers.gemini import Ending, Gemini, Prompt
from bookstrack.providers.gemini_text import leading_items, whole_value
from bookstrack.readers import table_prompt
from bookstrack.readers.keeping import Keep
from bookstrack.readers.table_columns import CALL_S
from bookstrack.upstream.budget import Budget

log = structlog.get_logger(__name__)

CHUNK = 40
SMALLEST_CHUNK = 5
AT_ONCE = 4
_BUDGET_S = 200.0
_CELL = 500
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"[^0-9Xx]")
Row = tuple[int, tuple[str, ...]]


class RowsRead(Struct, frozen=True, kw_only=True):
    """What came of rows: the cells of books by row.

    ``mismatched`` rows were answered with something else, ``unread`` ones not at all (refused,
    cut off, forgotten).
    """

    books: dict[int, Cells]
    mismatched: frozenset[int]
    unread: frozenset[int]


class _Row(Struct, kw_only=True, rename=camel_name):
    row: int
    title: str = ""
    author: str | None = None
    isbn: str | None = None
    publisher: str | None = None
    publication_year: int | None = None
    page_count: int | None = None
    language: str | None = None
    rating: float | None = None
    status: str | None = None
    shelves: list[str] | None = field(default_factory=list[str])
    date_added: str | None = None
    date_started: str | None = None
    date_finished: str | None = None
    review: str | None = None
    goodreads_id: str | None = None
    open_library_id: str | None = None
    google_books_id: str | None = None


class RowReader:
    """Reads rows of a table as books."""

    def __init__(self, gemini: Gemini, clock: Clock, *, model: str) -> None:
        self._gemini = gemini
        self._clock = clock
        self._model = model

    async def read(
        self, header: Sequence[str], rows: Sequence[Row], *, digest: str, keep: Keep
    ) -> RowsRead:
        """Return the books of rows; four chunks are asked about at a time.

        Raises:
            ProviderProblem: the model could not be asked.
        """
        places = asyncio.Semaphore(AT_ONCE)
        answers: list[_Row] = []

        async def one(chunk: Sequence[Row]) -> None:
            async with places:
                answers.extend(await self._chunk(header, chunk, digest, keep))

        async with asyncio.TaskGroup() as group:
            for at in range(0, len(rows), CHUNK):
                group.create_task(one(rows[at : at + CHUNK]))
        return _believed(answers, dict(rows))

    async def _chunk(
        self, header: Sequence[str], chunk: Sequence[Row], digest: str, keep: Keep
    ) -> list[_Row]:
        """Ask about a chunk, and about its halves when the answer was cut off."""
        key = (
            f"csv-parse:{digest}:{table_prompt.VERSION}:{self._model}:"
            f"rows:{chunk[0][0]}-{chunk[-1][0]}"
        )
        kept = await keep(key, lambda: self._ask(header, chunk))
        answer = msgspec.json.decode(kept, type=_Chunk)
        if not answer.cut or len(chunk) < 2 * SMALLEST_CHUNK:
            return answer.rows
        middle = len(chunk) // 2
        return [
            *await self._chunk(header, chunk[:middle], digest, keep),
            *await self._chunk(header, chunk[middle:], digest, keep),
        ]

    async def _ask(self, header: Sequence[str], chunk: Sequence[Row]) -> bytes:
        prompt = Prompt(
            model=self._model,
            system=table_prompt.ROWS_SYSTEM,
            text=f"{table_prompt.ROWS_TEXT}\n{table_prompt.fenced(_lines(header, chunk))}",
            schema=table_prompt.ROWS_SCHEMA,
        )
        within = Budget(deadline=self._clock.monotonic() + _BUDGET_S)
        found = await self._gemini.generate(prompt, within=within, limit_s=CALL_S)
        log.info("ai_call", operation="csv_rows", model=found.model, tokens=found.tokens.total)
        cut = found.ending is Ending.CUT
        if found.ending in (Ending.REFUSED, Ending.NOTHING):
            return msgspec.json.encode(_Chunk())
        try:
            items = leading_items(found.text) if cut else whole_value(found.text)
        except ValueError:
            raise ProviderFailed(ProviderId.GEMINI, "gemini: the answer is no list") from None
        return msgspec.json.encode(_Chunk(rows=list(_rows(items)), cut=cut))


class _Chunk(Struct):
    rows: list[_Row] = field(default_factory=list[_Row])
    cut: bool = False


def _lines(header: Sequence[str], chunk: Sequence[Row]) -> str:
    rows = [list(header)] if header else []
    numbered = [[str(number), *(cell[:_CELL] for cell in cells)] for number, cells in chunk]
    return "\n".join(msgspec.json.encode(line).decode() for line in [*rows, *numbered])


def _rows(items: object) -> Iterator[_Row]:
    """Yield the elements that have the form that was asked for."""
    for item in items if isinstance(items, list) else []:  # pyright: ignore[reportUnknownVariableType]
        try:
            yield msgspec.convert(item, _Row, strict=False)
        except msgspec.ValidationError:
            log.info("ai_row_malformed")


def _believed(answers: Sequence[_Row], rows: dict[int, tuple[str, ...]]) -> RowsRead:
    """Keep what its source row bears out: sent by us, at most once, with a word of the title."""
    books: dict[int, Cells] = {}
    mismatched: set[int] = set()
    for answer in answers:
        cells = rows.get(answer.row)
        if cells is None or answer.row in books:
            continue
        source = " ".join(cells)
        if _shares_a_word(answer.title, source):
            books[answer.row] = _cells(answer, source)
        else:
            mismatched.add(answer.row)
    mismatched -= books.keys()
    return RowsRead(
        books=books,
        mismatched=frozenset(mismatched),
        unread=frozenset(rows.keys() - books.keys() - mismatched),
    )


def _shares_a_word(title: str, source: str) -> bool:
    return not set(_WORD.findall(fold(title))).isdisjoint(_WORD.findall(fold(source)))


def _occurs(number: str, source: str) -> bool:
    digits = _DIGITS.sub("", number).upper()
    return len(digits) >= 10 and digits in _DIGITS.sub("", source).upper()


def _cells(answer: _Row, source: str) -> Cells:
    """Return an answer as cells; numbers and keys that its row does not hold are left out."""
    isbn = answer.isbn if answer.isbn and _occurs(answer.isbn, source) else None
    keys = (answer.goodreads_id, answer.open_library_id, answer.google_books_id)
    goodreads, open_library, google = (key if key and key in source else None for key in keys)
    cells: dict[Field, object] = {
        Field.TITLE: answer.title,
        Field.AUTHOR: answer.author,
        Field.ISBN: isbn,
        Field.PUBLISHER: answer.publisher,
        Field.YEAR: answer.publication_year,
        Field.PAGES: answer.page_count,
        Field.LANGUAGE: answer.language,
        Field.RATING: answer.rating,
        Field.STATUS: answer.status,
        Field.SHELVES: ", ".join(answer.shelves or ()),
        Field.DATE_ADDED: answer.date_added,
        Field.DATE_STARTED: answer.date_started,
        Field.DATE_FINISHED: answer.date_finished,
        Field.REVIEW: answer.review,
        Field.GOODREADS_ID: goodreads,
        Field.OPEN_LIBRARY_ID: open_library,
        Field.GOOGLE_BOOKS_ID: google,
    }
    return {name: str(cell) for name, cell in cells.items() if cell}
