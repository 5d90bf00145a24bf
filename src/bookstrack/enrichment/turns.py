"""In which order a job looks its books up: those at hand, those our tables know, the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from bookstrack.enrichment.books import Enriched, PartialBook

G = TypeVar("G")
_LOOKS_AT_ONCE = 50  # looks into memory between two turns of the event loop


class Known(Protocol):
    """What can be said of books before anybody outside is asked; ``Lookups`` is one."""

    def at_hand(self, book: PartialBook) -> Enriched | None:
        """Return what is known of a book without waiting."""
        ...

    async def known(self, books: Iterable[PartialBook]) -> frozenset[str]:
        """Return the ISBN-13s of those books that our own tables know."""
        ...


async def known_first(
    lookups: Known, groups: Sequence[G], asked: Callable[[G], PartialBook | None]
) -> tuple[list[G], dict[int, Enriched]]:
    """Return groups in the order to look them up, and, by ``id`` of the group, what is at hand.

    ``asked`` returns the book a group asks for, ``None`` where it cannot be known beforehand.
    Within one rank the groups stay in their order.
    """
    books = [asked(group) for group in groups]
    at_hand: dict[int, Enriched] = {}
    for number, (group, book) in enumerate(zip(groups, books, strict=True), 1):
        enriched = None if book is None else lookups.at_hand(book)
        if enriched is not None:
            at_hand[id(group)] = enriched
        if number % _LOOKS_AT_ONCE == 0:
            await asyncio.sleep(0)
    pairs = zip(groups, books, strict=True)
    known = await lookups.known(book for group, book in pairs if book and id(group) not in at_hand)

    def rank(pair: tuple[G, PartialBook | None]) -> int:
        group, book = pair
        number = None if book is None else book.number
        is_known = number is not None and number.isbn13 in known
        return 0 if id(group) in at_hand else 1 if is_known else 2

    ranked = sorted(zip(groups, books, strict=True), key=rank)
    return [group for group, _ in ranked], at_hand
