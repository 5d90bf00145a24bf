"""The order of looking up: at hand, known, the rest, each in the order they came in."""

from __future__ import annotations

from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.enrichment.turns import known_first
from bookstrack.testing.generated import generated_isbn

FOUND = Enriched(status=EnrichmentStatus.SUCCESS)
NUMBERS = [generated_isbn(number) for number in range(1, 6)]


class Shelf:
    def __init__(self, *, near: set[str], known: set[str]) -> None:
        self._near, self._known = near, known
        self.asked: list[PartialBook] = []

    def at_hand(self, book):
        return FOUND if book.isbn in self._near else None

    async def known(self, books):
        self.asked = list(books)
        return frozenset(self._known)


class Group:
    def __init__(self, book: PartialBook | None) -> None:
        self.book = book


async def test_what_is_at_hand_goes_before_what_is_known_and_that_before_the_rest():
    groups = [Group(PartialBook(isbn=number)) for number in NUMBERS]
    groups.insert(1, Group(None))
    shelf = Shelf(near={NUMBERS[4]}, known={NUMBERS[1], NUMBERS[3]})
    order, at_hand = await known_first(shelf, groups, lambda group: group.book)
    assert [groups.index(group) for group in order] == [5, 2, 4, 0, 1, 3]
    assert at_hand == {id(groups[5]): FOUND}
    assert [book.isbn for book in shelf.asked] == NUMBERS[:4]


async def test_nothing_is_no_work():
    assert await known_first(Shelf(near=set(), known=set()), [], lambda one: one) == ([], {})
