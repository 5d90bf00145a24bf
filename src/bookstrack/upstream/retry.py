"""When a failed attempt is made again, and after which wait (providers §1.3); pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

from bookstrack.errors import ProviderBusy, ProviderFailed, ProviderProblem, ProviderTimeout

_TRANSIENT = frozenset({500, 502, 503, 504})
_LONGEST_TOLD_S = 10.0


def worth_retrying(problem: ProviderProblem, *, status: int | None) -> bool:
    """Tell whether the same call may succeed in a moment; ``status`` is None without a reply."""
    if isinstance(problem, ProviderFailed):
        return status in _TRANSIENT
    return isinstance(problem, ProviderTimeout | ProviderBusy)


def pause_after(attempt: int, *, told: float | None, rng: Random) -> float | None:
    """Return the seconds before the next attempt, None when it should not be made.

    ``attempt`` counts from 1; ``told`` is the provider's own ``Retry-After``. Without one the
    wait is 1, 2, 4 s with full jitter.
    """
    if told is None:
        return rng.uniform(0.0, 2.0 ** (attempt - 1))
    return told if told <= _LONGEST_TOLD_S else None


def told_wait(header: str | None, *, now: float) -> float | None:
    """Read ``Retry-After``, seconds or an HTTP date (RFC 9110 §10.2.3); unreadable is None."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _until(header, now)
    return seconds if seconds is not None and 0.0 <= seconds < float("inf") else None


def _until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, zoned.timestamp() - now)
