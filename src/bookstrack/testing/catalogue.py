"""The one small world all fake providers tell of: ``catalogue.toml`` and the generated books."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from operator import itemgetter

import msgspec
from msgspec import Struct, field
from stdnum import isbn as stdnum_isbn

from bookstrack.testing.folding import folded, words
from bookstrack.testing.generated import (
    BOOKS,
    GENERATED,
    PEOPLE,
    generated_index,
    generated_people,
    generated_person,
    generated_work,
)
from bookstrack.testing.things import Country, Creation, Printing, Someone


class _Written(Struct, kw_only=True):
    author: tuple[Someone, ...] = ()
    work: tuple[Creation, ...] = ()
    entity: tuple[Someone, ...] = ()
    country: tuple[Country, ...] = ()
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    deleted: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


class Catalogue:
    """Lookups over the written world and the generated books."""

    def __init__(self, *, empty: bool = False) -> None:
        written = _Written() if empty else _written()
        self._generates = not empty
        self.works: list[Creation] = []
        self.people: list[Someone] = list(written.author)
        self.redirects = written.redirects
        self.deleted = frozenset(written.deleted.get("keys", ()))
        self.countries = {country.id: country for country in written.country}
        self._work = {work.number: work for work in written.work}
        self._person = {person.number: person for person in self.people}
        self._by_isbn = {p.isbn: p for w in written.work for p in w.printings if p.isbn}
        known = (*written.entity, *self.people)
        self._items = {each.wikidata: each for each in known if each.wikidata}
        self._places: dict[str, set[int]] = {}
        self._by_author: dict[int, list[Creation]] = {}
        self._names: list[tuple[str, int, Someone]] = []
        self._list(written.work)

    def add_books(self, count: int) -> None:
        """Let searches by text find the first ``count`` generated books, too."""
        known = len(self.works) - len(self._work)
        self._list(generated_work(index) for index in range(known, count))

    def take_in(self, works: Sequence[Creation], people: Sequence[Someone]) -> None:
        """Know these books and their authors as well, by whatever they are asked for."""
        self.people += people
        self._person |= {person.number: person for person in people}
        self._work |= {work.number: work for work in works}
        self._by_isbn |= {p.isbn: p for work in works for p in work.printings if p.isbn}
        self._list(works)

    def printing(self, number: int) -> Printing | None:
        """Return the printing of this number."""
        work = self.work(number // 10)
        place = number % 10 - 1
        return work.printings[place] if work and 0 <= place < len(work.printings) else None

    def volume(self, volume_id: str) -> Printing | None:
        """Return the printing of this Google Books id."""
        digits = volume_id.removeprefix("bt")
        return self.printing(int(digits)) if digits.isdecimal() else None

    def by_isbn(self, isbn: str) -> Printing | None:
        """Return the printing of an ISBN-13 or ISBN-10."""
        isbn13 = stdnum_isbn.to_isbn13(isbn) if len(isbn) == 10 else isbn
        found = self._by_isbn.get(isbn13)
        if found or not self._generates:
            return found
        index = generated_index(isbn13)
        return None if index is None else generated_work(index).printings[0]

    def work(self, number: int) -> Creation | None:
        """Return the work of this number."""
        found = self._work.get(number)
        if found is None and self._generates and 0 <= number - GENERATED < BOOKS:
            return generated_work(number - GENERATED)
        return found

    def work_of(self, printing: Printing) -> Creation:
        """Return the work a printing belongs to."""
        work = self.work(printing.work)
        assert work is not None, f"printing {printing.number} without work"  # noqa: S101 own data
        return work

    def person(self, number: int) -> Someone | None:
        """Return the author of this number."""
        found = self._person.get(number)
        if found is None and self._generates and 0 <= number - GENERATED < PEOPLE:
            return generated_person(number - GENERATED)
        return found

    def authors_of(self, work: Creation) -> list[Someone]:
        """Return the authors of a work in order."""
        return [person for number in work.authors if (person := self.person(number))]

    def item(self, qid: str) -> Someone | None:
        """Return the person, film or name with this Wikidata id."""
        found = self._items.get(qid)
        number = qid.removeprefix("Q")
        if found is None and self._generates and number.isdecimal():
            index = int(number) - 10 * GENERATED - GENERATED
            return generated_person(index) if 0 <= index < PEOPLE else None
        return found

    def items_beginning(self, text: str) -> list[Someone]:
        """Return what has a Wikidata item and a name that begins so; hand-written first."""
        if not self._names:
            everyone = (*self._items.values(), *(generated_people() if self._generates else ()))
            self._names = sorted(
                (
                    (folded(name), place, someone)
                    for place, someone in enumerate(everyone)
                    for name in (someone.name, *someone.also)
                ),
                key=itemgetter(0),
            )
        begin = folded(text)
        first = bisect_left(self._names, begin, key=itemgetter(0))
        after = bisect_left(self._names, begin + "\U0010ffff", key=itemgetter(0))
        found = {place: someone for _, place, someone in self._names[first:after]}
        return [found[place] for place in sorted(found)]

    def works_by(self, number: int) -> list[Creation]:
        """Return the listed works of an author."""
        return self._by_author.get(number, [])

    def people_named(self, text: str) -> list[Someone]:
        """Return the authors whose name or other name has every word of the text."""
        asked = set(words(text))
        everyone = (*self.people, *(generated_people() if self._generates else ()))
        return [
            someone
            for someone in everyone
            if asked and any(asked <= set(words(name)) for name in (someone.name, *someone.also))
        ]

    def find(
        self, text: str = "", *, title: str = "", author: str = "", provider: str = ""
    ) -> list[Printing]:
        """Return the listed printings that have every word asked for, in catalogue order."""
        titled, written_by = set(words(title)), set(words(author))
        wanted = {*words(text), *titled, *written_by}
        places = sorted((self._places.get(word, set()) for word in wanted), key=len)
        found = set[int].intersection(*places) if places else range(len(self.works))
        return [
            printing
            for work in (self.works[place] for place in sorted(found))
            if written_by <= {word for p in self.authors_of(work) for word in _name_words(p)}
            for printing in work.printings
            if provider not in printing.absent and titled <= _title_words(work, printing)
        ]

    def _list(self, works: Iterable[Creation]) -> None:
        for work in works:
            for word in self._all_words(work):
                self._places.setdefault(word, set()).add(len(self.works))
            for author in work.authors:
                self._by_author.setdefault(author, []).append(work)
            self.works.append(work)

    def _all_words(self, work: Creation) -> Iterator[str]:
        for subject in work.subjects:
            yield from words(subject)
        for person in self.authors_of(work):
            yield from _name_words(person)
        for printing in work.printings:
            yield from _title_words(work, printing)
            yield from filter(None, (printing.isbn, printing.isbn10))


def _title_words(work: Creation, printing: Printing) -> set[str]:
    return {*words(work.title), *words(printing.title or ""), *words(work.romanised or "")}


def _name_words(person: Someone) -> Iterable[str]:
    return (word for name in (person.name, *person.also) for word in words(name))


@cache
def _written() -> _Written:
    text = files("bookstrack.testing").joinpath("catalogue.toml").read_text("utf-8")
    written = msgspec.convert(tomllib.loads(text), _Written)
    for work in written.work:
        for place, printing in enumerate(work.printings, start=1):
            printing.number, printing.work = work.number * 10 + place, work.number
    return written
