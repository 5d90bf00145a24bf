"""The fields of Gemini's answers that we read (providers §6)."""

from __future__ import annotations

import re

from msgspec import Struct, field

from bookstrack.model.naming import camel_name

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s\Z")


class Piece(Struct, frozen=True):
    """A part of an answer; newer models put their thoughts first."""

    text: str = ""
    thought: bool = False


class Content(Struct, frozen=True):
    """The parts of an answer."""

    parts: tuple[Piece, ...] = ()


class Candidate(Struct, frozen=True, kw_only=True, rename=camel_name):
    """One answer; ``content`` is missing where there is none to give."""

    content: Content | None = None
    finish_reason: str = ""


class Usage(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Counted tokens; each may be missing."""

    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: int = 0


class Whole(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A whole answer."""

    candidates: tuple[Candidate, ...] = ()
    usage_metadata: Usage = Usage()
    model_version: str = ""


class Detail(Struct, frozen=True, kw_only=True, rename={"retry_delay": "retryDelay"}):
    """A detail of an error: a reason, or how long to wait (``7s``)."""

    reason: str = ""
    retry_delay: str = ""


class Error(Struct, frozen=True, kw_only=True):
    """What an error says."""

    status: str = ""
    details: tuple[Detail, ...] = ()

    @property
    def reasons(self) -> frozenset[str]:
        """Return the reasons that are named."""
        return frozenset(detail.reason for detail in self.details)

    @property
    def wait(self) -> float | None:
        """Return the seconds that the service asks us to wait."""
        found = (_SECONDS.match(detail.retry_delay) for detail in self.details)
        return next((float(match[1]) for match in found if match), None)


class Trouble(Struct, frozen=True):
    """The body of an error."""

    error: Error = field(default_factory=Error)
