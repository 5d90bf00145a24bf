"""What settings are made of: their names and explanations, secrets, rates."""

from __future__ import annotations

from msgspec import Struct


class Var(Struct, frozen=True):
    """How one setting is named and explained.

    ``name`` goes without the ``BOOKSTRACK_`` prefix; ``original`` is a second name accepted
    without prefix, as the original backend spelled it.
    """

    name: str
    help: str
    original: str | None = None


class Secret:
    """A text that prints as stars. ``reveal()`` gives it out; it is falsy when empty."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Rate(Struct, frozen=True):
    """So many requests per window of seconds; written ``100/60``."""

    count: int
    seconds: int = 60
