"""JSON bodies read by hand, where the contract wants to say which item of a list is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from bookstrack.errors import InvalidRequest

KEY_NAMES = ("idempotencyKey", "idempotency_key")
_LONGEST_KEY = 255

Body = dict[str, Any]


def json_object(body: bytes) -> Body:
    """Return a body that must be a JSON object.

    Raises:
        InvalidRequest: it is missing, no JSON, or something else.
    """
    if not body.strip():
        raise InvalidRequest("A JSON body is required")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("The body is not valid JSON") from None
    if not isinstance(found, dict):
        raise InvalidRequest("The body must be a JSON object")
    return cast("Body", found)


def text_of(body: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a body, trimmed; ``None`` where it is absent, null or empty.

    Raises:
        InvalidRequest: it is something else.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a text", details={"parameter": name})
    return value.strip() or None


def required_text(body: Mapping[str, Any], name: str) -> str:
    """Return a text of a body that must be there.

    Raises:
        InvalidRequest: it is absent or no text.
    """
    value = text_of(body, name)
    if value is None:
        raise InvalidRequest(f"{name} is required", details={"parameter": name})
    return value


def idempotency_key(header: str, *bodies: Mapping[str, Any]) -> str | None:
    """Return the key of a request: the header wins over the body [I1].

    Raises:
        InvalidRequest: it is longer than 255 characters or not printable.
    """
    given = header.strip() or next(
        (key for body in bodies for name in KEY_NAMES if (key := text_of(body, name))), None
    )
    if given is not None and (len(given) > _LONGEST_KEY or not given.isprintable()):
        raise InvalidRequest("An idempotency key is of 1 to 255 printable characters")
    return given


def fingerprint(body: Mapping[str, Any], *, without: Iterable[str] = ()) -> str:
    """Return the hash under which a repeat is recognised as the same request [I2]."""
    left_out = {*KEY_NAMES, *without}
    same = {name: value for name, value in body.items() if name not in left_out}
    text = json.dumps(same, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
