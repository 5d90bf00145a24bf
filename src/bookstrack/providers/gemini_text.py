"""JSON out of a model's text: fenced, or cut off in the middle (pure)."""

from __future__ import annotations

import json
import re
from typing import Any

_FENCE = re.compile(r"\s*```[a-zA-Z]*\s*(.*?)\s*(?:```\s*)?\Z", re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")


def unfenced(text: str) -> str:
    """Return a text without the code fence around it."""
    match = _FENCE.match(text)
    return (match[1] if match else text).strip()


def whole_value(text: str) -> Any:
    """Return the JSON value that the text is.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(unfenced(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def leading_items(text: str) -> list[Any]:
    """Return the complete elements at the head of an array that may be cut off."""
    rest = unfenced(text)
    if not rest.startswith("["):
        return []
    items: list[Any] = []
    place = 1
    decoder = json.JSONDecoder()
    while True:
        place = _BETWEEN.match(rest, place).end()  # pyright: ignore[reportOptionalMemberAccess] matches everything
        if place >= len(rest) or rest[place] == "]":
            return items
        try:
            item, place = decoder.raw_decode(rest, place)
        except (ValueError, RecursionError):
            return items
        items.append(item)
