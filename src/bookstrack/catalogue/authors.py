"""Facts about authors: gender, nationality, region and life years, with a lifetime of their own.

An answer waits for them only briefly; what comes later is stored and stands in the next answer
(providers §5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from bookstrack.background import Tasks
from bookstrack.catalogue.switches import FACTS, Switches
from bookstrack.clock import Clock
from bookstrack.errors import ProviderProblem, ProviderTimeout, StorageProblem
from bookstrack.model.answer import Caution
from bookstrack.model.book import Author
from bookstrack.model.enums import AuthorGender
from bookstrack.model.query import AuthorFactsQuery, Person
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.titles import name_key
from bookstrack.providers.base import Budget
from bookstrack.providers.roster import Roster
from bookstrack.storage.database.catalogue import CatalogueStore

log = structlog.get_logger(__name__)

_INLINE = 5
_AT_ONCE = 50
_PATIENCE_S = 30.0
_SAVED_AT_ONCE = 5  # all their books are shown anew: more would keep other writers waiting
_NOBODY = frozenset({"", name_key("Unknown Author")})


Lookup = asyncio.Future[dict[str, Author]]


class Later:
    """People whose facts may be asked for when something else is done, all in one go.

    Answers made meanwhile get theirs when ``facts`` are there; those that are never asked for,
    because the work was given up, end with ``drop``.
    """

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.facts: Lookup = asyncio.get_running_loop().create_future()

    def add(self, people: Sequence[Person]) -> None:
        """Note people; each name is asked for once."""
        for person in people:
            self.people.setdefault(name_key(person.name), person)

    def drop(self) -> None:
        """Ask for nobody."""
        self.people.clear()
        self.facts.cancel()


class Completed(Struct, frozen=True, kw_only=True):
    """Records with the facts that were at hand, and what is still being looked up."""

    records: tuple[BookRecord, ...]
    late: Lookup | None = None
    cautions: tuple[Caution, ...] = ()


class Biographer:
    """Completes the authors of records from our tables and from Wikidata."""

    def __init__(
        self,
        store: CatalogueStore,
        roster: Roster,
        clock: Clock,
        *,
        wait_s: float,
        lifetime_s: float,
        switches: Switches,
    ) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._wait_s = wait_s
        self._lifetime_s = lifetime_s
        self._switches = switches
        self._lookups = Tasks()

    async def complete(
        self, records: Sequence[BookRecord], *, wait: bool = True, later: Later | None = None
    ) -> Completed:
        """Add facts. Those that are not known yet are asked for, and waited for if ``wait``.

        With ``later`` the people are noted there instead, and nobody is asked now.
        """
        people = unknown_people(records)
        if not people:
            return Completed(records=tuple(records))
        known = await self._known(people)
        records = with_facts(records, known)
        missing = tuple(p for p in people if name_key(p.name) not in known)
        if not missing or not await self._may_ask():
            return Completed(records=tuple(records))
        if later is not None:
            later.add(missing)
            return Completed(records=tuple(records), late=later.facts)
        first = self._lookups.start(self._ask(missing[:_INLINE]), "author facts")
        rest = missing[_INLINE:]
        everything = (
            self._lookups.start(self._after(first, rest), "more author facts") if rest else first
        )
        if wait:
            await self._brief(first)
        return self._completed(records, first, everything, waited=wait)

    def _completed(
        self, records: Sequence[BookRecord], first: Lookup, everything: Lookup, *, waited: bool
    ) -> Completed:
        late = None if everything.done() else everything
        problem = first.exception() if first.done() else None
        if first.done() and problem is None:
            return Completed(records=with_facts(records, first.result()), late=late)
        if not waited:
            return Completed(records=tuple(records), late=late)
        if problem is not None and not isinstance(problem, ProviderProblem):
            raise problem
        caution = Caution(
            code=problem.code if problem else ProviderTimeout.code, provider=ProviderId.WIKIDATA
        )
        return Completed(records=tuple(records), late=late, cautions=(caution,))

    async def _after(self, first: Lookup, rest: Sequence[Person]) -> dict[str, Author]:
        facts = dict(await first)
        for start in range(0, len(rest), _AT_ONCE):
            facts |= await self._ask(rest[start : start + _AT_ONCE])
        return facts

    async def _brief(self, task: Lookup) -> None:
        timer = asyncio.ensure_future(self._clock.sleep(self._wait_s))
        try:
            await asyncio.wait([task, timer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    async def _may_ask(self) -> bool:
        there = bool(self._roster.for_query(AuthorFactsQuery))
        return there and await self._switches.enabled(FACTS)

    def ask_later(self, later: Later) -> None:
        """Ask for the people noted, in the background and after everything that is urgent."""
        if later.facts.done():
            return
        if not later.people:
            later.drop()
            return
        self._lookups.start(self._gather(later), "facts of many authors")

    async def _gather(self, later: Later) -> None:
        """Bring the facts of many people; where a source fails, answers stay as they are."""
        people = tuple(later.people.values())
        facts: dict[str, Author] = {}
        try:
            for start in range(0, len(people), _AT_ONCE):
                some = people[start : start + _AT_ONCE]
                facts |= await self._ask(some, interactive=False)
        except ProviderProblem as problem:
            log.warning("author_facts_missing", people=len(people), problem=problem.message)
            later.drop()
        except BaseException:
            later.drop()
            raise
        if not later.facts.done():
            later.facts.set_result(facts)

    async def _known(self, people: Sequence[Person]) -> dict[str, Author]:
        try:
            facts = await self._store.author_facts(people, younger_than_s=self._lifetime_s)
        except StorageProblem as problem:
            log.warning("author_facts_unread", problem=problem.message)
            return {}
        return {name_key(name): author for name, author in facts.items()}

    async def _ask(
        self, people: Sequence[Person], *, interactive: bool = True
    ) -> dict[str, Author]:
        """Look people up and store what is found, also that nothing is."""
        (source, *_) = self._roster.for_query(AuthorFactsQuery)
        # Background lookups may take their time; the inline wait is bounded by the caller.
        within = Budget(self._clock.monotonic() + _PATIENCE_S, interactive=interactive)
        found = await source.ask(AuthorFactsQuery(people=tuple(people)), within=within)
        try:
            for start in range(0, len(found.authors), _SAVED_AT_ONCE):
                await self._store.save_author_facts(found.authors[start : start + _SAVED_AT_ONCE])
        except StorageProblem as problem:
            log.warning("author_facts_unsaved", problem=problem.message)
        return {name_key(r.asked): r.author or Author(name=r.asked) for r in found.authors}

    async def close(self) -> None:
        """End lookups that still run."""
        await self._lookups.close()


def unknown_people(records: Sequence[BookRecord]) -> tuple[Person, ...]:
    """Return the authors whose gender is not known, each once, in order of appearance."""
    people: dict[str, Person] = {}
    for record in records:
        for author in record.authors:
            key = name_key(author.name)
            if author.gender is AuthorGender.UNKNOWN and key not in _NOBODY:
                facts = record.people.get(author.name)
                person = Person(
                    author.name,
                    wikidata_id=facts.wikidata_id if facts else None,
                    open_library_id=author.open_library_id,
                    birth_year=author.birth_year,
                )
                people.setdefault(key, person)
    return tuple(people.values())


def with_facts(
    records: Sequence[BookRecord], facts: Mapping[str, Author]
) -> tuple[BookRecord, ...]:
    """Return records whose authors carry the facts, keyed by folded name."""

    def complete(record: BookRecord) -> BookRecord:
        authors = tuple(_with(a, facts.get(name_key(a.name))) for a in record.authors)
        return replace(record, authors=authors)

    return tuple(complete(record) for record in records)


def _with(author: Author, facts: Author | None) -> Author:
    if facts is None or _contradict(author, facts):
        return author
    return replace(
        author,
        gender=facts.gender if author.gender is AuthorGender.UNKNOWN else author.gender,
        cultural_region=author.cultural_region or facts.cultural_region,
        nationality=author.nationality or facts.nationality,
        birth_year=author.birth_year or facts.birth_year,
        death_year=author.death_year or facts.death_year,
        open_library_id=author.open_library_id or facts.open_library_id,
        goodreads_id=author.goodreads_id or facts.goodreads_id,
    )


def _contradict(author: Author, facts: Author) -> bool:
    """Tell whether the facts are those of a namesake."""
    pairs = (
        (author.open_library_id, facts.open_library_id),
        (author.birth_year, facts.birth_year),
    )
    return any(ours and theirs and ours != theirs for ours, theirs in pairs)
