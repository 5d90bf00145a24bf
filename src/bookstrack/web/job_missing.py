"""Why there are no results: the same words for every route that gives some [R3]."""

from __future__ import annotations

from typing import Any

from bookstrack.errors import NotFound

_NOT_READY_S = 10


def missing(
    problem: NotFound, details: dict[str, Any], *, status_url: str | None = None
) -> NotFound:
    """Say why there are no results, and whether waiting helps [R3]."""
    details = {**problem.details, **details}
    waiting = details.setdefault("reason", "not_found") == "not_ready"
    if waiting:
        details["statusUrl"] = status_url
    told = NotFound(problem.message, details=details, retry_after=_NOT_READY_S if waiting else None)
    told.retryable = waiting
    return told


def lifetime(seconds: int) -> str:
    """Return a time in words: ``2 hours``, ``90 minutes``, ``75 seconds``."""
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    raise AssertionError("every number is divided by 1")
