"""What clients say on a socket (jobs-and-progress §11.6)."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import Struct

_DAY_MS = 86_400_000


class Malformed(Exception):
    """A message that is no message; ``reason`` goes into the close frame."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Said(Struct, frozen=True, kw_only=True):
    """One message. ``sent_at`` is the client's time in ms, ``after`` an event number."""

    type: str
    sent_at: float | None = None
    after: int | None = None


def understand(data: str | bytes) -> Said:
    """Read a message; keys nobody asks for do not matter.

    Raises:
        Malformed: not JSON, not an object, or without a type.
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("Invalid JSON") from None
    if not isinstance(value, dict):
        raise Malformed("Invalid message format")
    known = cast("dict[str, Any]", value)
    kind = known.get("type")
    if not isinstance(kind, str):
        raise Malformed("Missing message type")
    return Said(type=kind, sent_at=_number(known, "timestamp"), after=_count(known, "lastEventId"))


def _look(message: dict[str, Any], name: str) -> Any:
    """Return a value that may also stand in the payload."""
    payload = message.get("payload")
    if name not in message and isinstance(payload, dict):
        return cast("dict[str, Any]", payload).get(name)
    return message.get(name)


def _number(message: dict[str, Any], name: str) -> float | None:
    value = _look(message, name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(message: dict[str, Any], name: str) -> int | None:
    value = _look(message, name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def latency(said: Said, now: int) -> int | None:
    """Return how long a message was on its way, in ms; ``None`` where clocks must differ."""
    if said.sent_at is None or not abs(now - said.sent_at) < _DAY_MS:
        return None
    return max(0, int(now - said.sent_at))
