"""JSON texts of the sockets: compact, ASCII only [W20]."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_FOREIGN = re.compile("[^\x00-\x7f]+")
_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> str:
    """Return a value as compact ASCII JSON; floats keep their decimal point."""
    return ascii_json(_encode(value))


def ascii_json(data: bytes) -> str:
    """Return JSON with everything beyond ASCII written as ``\\uXXXX``."""
    if data.isascii():
        return data.decode("ascii")
    return _FOREIGN.sub(_escape, data.decode())


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]
