"""Fills the gaps of one struct from another of the same type."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

T = TypeVar("T", bound=Struct)


def filled(one: T, other: T, *, keep: Collection[str] = ()) -> T:
    """Return ``one`` with what it lacks from ``other``.

    Tuples are united in order and scores (``int`` fields ending in ``quality``) take the higher
    value; fields named in ``keep`` stay as they are.
    """
    changes = {
        name: _joined(name, getattr(one, name), getattr(other, name))
        for name in type(one).__struct_fields__
        if name not in keep
    }
    return replace(one, **changes)


def _joined(name: str, mine: Any, theirs: Any) -> object:
    if isinstance(mine, tuple):
        return tuple(dict.fromkeys((*cast("tuple[object, ...]", mine), *theirs)))
    if name.endswith("quality"):
        return max(mine, theirs)
    return theirs if mine is None else mine
