"""Why a whole file cannot be read: a word for machines and facts, never a status."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from bookstrack.errors import RequestProblem


class Reason(StrEnum):
    """What is wrong with a file as a whole."""

    EMPTY = "empty"
    BINARY = "binary"
    NO_ROWS = "no_rows"
    TOO_FEW_COLUMNS = "too_few_columns"
    TOO_MANY_COLUMNS = "too_many_columns"
    TOO_MANY_ROWS = "too_many_rows"
    UNCLOSED_QUOTE = "unclosed_quote"
    EMPTY_HEADER = "empty_header"
    NO_USABLE_COLUMN = "no_usable_column"


class Unreadable(RequestProblem):
    """A file of which no row can be read.

    ``details`` holds ``reason`` and the facts that go with it: ``row`` and ``line`` (both
    1-based) of an unclosed quote, ``required_columns`` and ``found_columns`` where no column can
    be used, ``max_rows`` or ``max_columns`` where a limit was passed.
    """

    code = "INVALID_FILE"

    def __init__(self, reason: Reason, message: str, **facts: Any) -> None:
        super().__init__(message, details={"reason": reason.value, **facts})
        self.reason = reason
