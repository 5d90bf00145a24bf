"""Asks Gemini what the columns of a table hold: one small call, whatever the number of rows."""

from __future__ import annotations

import hashlib

import msgspec
import structlog
from msgspec import Struct, field

from bookstrack.clock import Clock
from bookstrack.errors import ProviderFailed
from bookstrack.imports.dates import DateOrder
from bookstrack.imports.export import ReadingStatus, Table
from bookstrack.imports.fields import LONG_TEXTS, Field
from bookstrack.imports.mapping import Mapping
from bookstrack.model.naming import camel_name
from bookstrack.model.record import ProviderId
from bookstrack.providers.gemini import Ending, Gemini, Prompt
from bookstrack.providers.gemini_text import whole_value
from bookstrack.readers import table_prompt
from bookstrack.readers.keeping import Keep
from bookstrack.upstream.budget import Budget

log = structlog.get_logger(__name__)

SAMPLE_ROWS = 15
CALL_S = 60.0
_CELL = 120
_BUDGET_S = 200.0
_LONG = 400  # a column with a cell of so many letters holds prose
_ORDERS = {"dmy": DateOrder.DAY_FIRST, "mdy": DateOrder.MONTH_FIRST}
_STATUSES: dict[str, ReadingStatus] = {status.value: status for status in ReadingStatus}


class ColumnsRead(Struct, frozen=True, kw_only=True):
    """A mapping and how sure the model is of it, 0 to 1."""

    mapping: Mapping
    confidence: float


class _Column(Struct):
    header: str
    field: str


class _Word(Struct):
    value: str
    status: str


class _Answer(Struct, rename=camel_name):
    columns: list[_Column]
    confidence: float
    has_header: bool | None = None
    date_order: str = "unknown"
    rating_scale: int = 0
    status_values: list[_Word] = field(default_factory=list[_Word])


class ColumnReader:
    """Reads the columns of a table."""

    def __init__(self, gemini: Gemini, clock: Clock, *, model: str) -> None:
        self._gemini = gemini
        self._clock = clock
        self._model = model

    async def read(self, table: Table, *, digest: str, keep: Keep) -> ColumnsRead:
        """Return the mapping of a table; ``digest`` is the SHA-256 of the file's bytes.

        Raises:
            ProviderProblem: the model could not be asked, refused, or answered nonsense.
        """
        key = f"csv-parse:{digest}:{table_prompt.VERSION}:{self._model}:mapping"
        answer = await keep(key, lambda: self._ask(table))
        return _understood(msgspec.json.decode(answer, type=_Answer), table)

    async def _ask(self, table: Table) -> bytes:
        prompt = Prompt(
            model=self._model,
            system=table_prompt.COLUMNS_SYSTEM,
            text=f"{table_prompt.COLUMNS_TEXT}\n{table_prompt.fenced(sample(table))}",
            schema=table_prompt.COLUMNS_SCHEMA,
        )
        within = Budget(deadline=self._clock.monotonic() + _BUDGET_S)
        found = await self._gemini.generate(prompt, within=within, limit_s=CALL_S)
        log.info("ai_call", operation="csv_mapping", model=found.model, tokens=found.tokens.total)
        if found.ending is not Ending.WHOLE:
            raise ProviderFailed(ProviderId.GEMINI, f"gemini: the answer is {found.ending.value}")
        try:
            answer = msgspec.convert(whole_value(found.text), _Answer)
        except (ValueError, msgspec.ValidationError):
            raise ProviderFailed(ProviderId.GEMINI, "gemini: the answer is no mapping") from None
        return msgspec.json.encode(answer)


def sample(table: Table) -> str:
    """Return the head of a table as JSON lines; long texts are masked, for they are private."""
    rows = [cells for _, cells in table.rows[:SAMPLE_ROWS]]
    masked = _private(table, rows)
    lines = [list(table.outline.header)] if table.outline.has_header else []
    lines += [
        ["<text>" if at in masked and cell else cell[:_CELL] for at, cell in enumerate(cells)]
        for cells in rows
    ]
    return "\n".join(msgspec.json.encode(line).decode() for line in lines)


def _private(table: Table, rows: list[tuple[str, ...]]) -> frozenset[int]:
    """Return the places of columns that hold reviews and notes."""
    named = {
        header
        for name, header in table.outline.columns.items()
        if name in {long.value for long in LONG_TEXTS}
    }
    by_name = {at for at, header in enumerate(table.outline.header) if header in named}
    by_length = {at for cells in rows for at, cell in enumerate(cells) if len(cell) > _LONG}
    return frozenset(by_name | by_length)


def _understood(answer: _Answer, table: Table) -> ColumnsRead:
    """Keep what can be true: headers that exist, fields that are ours, each once."""
    headers = set(table.outline.header)
    columns: dict[str, Field] = {}
    allowed: dict[str, Field] = {known.value: known for known in table_prompt.FIELDS}
    for column in answer.columns:
        known = allowed.get(column.field)
        if known is not None and column.header in headers and known not in columns.values():
            columns.setdefault(column.header, known)
    mapping = Mapping(
        columns=columns,
        date_order=_ORDERS.get(answer.date_order),
        rating_scale=answer.rating_scale if answer.rating_scale > 0 else None,
        statuses={word.value: _STATUSES.get(word.status) for word in answer.status_values},
    )
    sure = min(1.0, max(0.0, answer.confidence)) if columns else 0.0
    return ColumnsRead(mapping=mapping, confidence=sure)


def digest_of(data: bytes) -> str:
    """Return the SHA-256 by which answers about a file are kept."""
    return hashlib.sha256(data).hexdigest()
