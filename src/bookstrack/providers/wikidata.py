"""Wikidata as a provider: facts about authors (providers §5).

Names without an id are searched for, then all candidates are read in one call; only countries
that our own table lacks cost another.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from bookstrack.errors import ProviderBusy, ProviderFailed, ProviderProblem, ProviderRefused
from bookstrack.model.book import Author
from bookstrack.model.enums import CulturalRegion
from bookstrack.model.query import AuthorFactsQuery, Person, Query
from bookstrack.model.record import AuthorRecord, Findings, PersonFacts, ProviderId
from bookstrack.normalise.titles import display_name, name_key
from bookstrack.providers.base import Budget
from bookstrack.providers.regions import COUNTRIES, Country
from bookstrack.providers.wikidata_items import Item, item_ids, texts
from bookstrack.settings import ProviderSettings, WikidataSettings
from bookstrack.upstream.client import Channel, ChannelOptions

T = TypeVar("T")

_ITEM_ID = re.compile(r"Q[1-9][0-9]{0,14}")
_ATTEMPTS = 2
_HITS = "5"
_IDS_PER_CALL = 50
_LAG_S = 5.0
_BUSY = frozenset({"maxlag", "ratelimited", "readonly"})
_INDIGENOUS = frozenset(
    {
        "Q103817",  # indigenous people
        "Q36747",  # indigenous peoples of the Americas
        "Q49297",  # Native Americans in the United States
    }
)


def channel_options(settings: WikidataSettings, common: ProviderSettings) -> ChannelOptions:
    """Return how Wikidata is called: two attempts, and one call at a time unless unpaced."""
    return ChannelOptions(
        name=ProviderId.WIKIDATA,
        base_url=settings.base_url,
        timeout_s=common.timeout_ms / 1000,
        connect_timeout_s=common.connect_timeout_ms / 1000,
        attempts=_ATTEMPTS,
        rps=settings.rps,
        burst=max(1, round(settings.rps)),
        in_flight=1 if settings.rps > 0 else None,
    )


class _Problem(Struct):
    code: str = ""


class _Match(Struct):
    text: str = ""


class _Hit(Struct):
    id: str
    label: str = ""
    aliases: list[str] = []
    match: _Match | None = None

    def is_named(self, key: str) -> bool:
        """Tell whether one of the names it was found by is this one."""
        names = (self.label, *self.aliases, self.match.text if self.match else "")
        return any(name_key(name) == key for name in names if name)


class _Hits(Struct):
    search: list[_Hit] | None = None
    error: _Problem | None = None


class _Items(Struct):
    entities: dict[str, Item] | None = None
    error: _Problem | None = None


class Wikidata:
    """The Wikidata provider. ``use_ethnicity`` lets P172 make the region Indigenous."""

    name: ProviderId = ProviderId.WIKIDATA
    answers: frozenset[type] = frozenset({AuthorFactsQuery})

    def __init__(self, channel: Channel, *, use_ethnicity: bool = False) -> None:
        self._channel = channel
        self._use_ethnicity = use_ethnicity

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Return a record per person, without author for those that are not known.

        People whose search failed are left out, so that nobody takes them for unknown.

        Raises:
            ProviderProblem: nobody could be looked up.
        """
        if not isinstance(query, AuthorFactsQuery) or not query.people:
            return Findings()
        return Findings(authors=await self._look_up(query.people, within))

    async def _look_up(self, people: Sequence[Person], within: Budget) -> tuple[AuthorRecord, ...]:
        found = await asyncio.gather(
            *(self._candidates(person, within) for person in people), return_exceptions=True
        )
        candidates = dict(_answered(zip(people, found, strict=True)))
        items = await self._items((id for ids in candidates.values() for id in ids), within)
        chosen = {
            person: _choose(person, [(id, items[id]) for id in ids if id in items])
            for person, ids in candidates.items()
        }
        others = await self._others([item for _, item in filter(None, chosen.values())], within)
        return tuple(self._record(person, choice, others) for person, choice in chosen.items())

    async def _candidates(self, person: Person, within: Budget) -> list[str]:
        """Return the ids of the items that may be this person."""
        if _given(person):
            return [_given(person)]
        key = name_key(person.name)
        if not key:
            return []
        params = {"action": "wbsearchentities", "search": display_name(person.name)}
        params |= {"language": "en", "type": "item", "limit": _HITS}
        answer = await self._call(params, _Hits, within)
        return [hit.id for hit in _sound(answer.search, answer.error) if hit.is_named(key)]

    async def _items(self, ids: Iterable[str], within: Budget) -> dict[str, Item]:
        """Return those of the items that exist, with everything we read of them."""
        unique = list(dict.fromkeys(ids))
        calls = [
            self._call(
                {
                    "action": "wbgetentities",
                    "ids": "|".join(unique[start : start + _IDS_PER_CALL]),
                    "props": "labels|claims|sitelinks",
                    "languages": "en|mul",
                },
                _Items,
                within,
            )
            for start in range(0, len(unique), _IDS_PER_CALL)
        ]
        answers = await asyncio.gather(*calls)
        return {
            id: item
            for answer in answers
            for id, item in _sound(answer.entities, answer.error).items()
            if item.known
        }

    async def _others(self, people: Sequence[Item], within: Budget) -> dict[str, Item]:
        """Return the countries that our table lacks, and the ethnic groups where they matter."""
        wanted = [id for item in people for id in item_ids(item.facts.citizenship)]
        wanted = [id for id in wanted if id not in COUNTRIES]
        if self._use_ethnicity:
            wanted += [id for item in people for id in item_ids(item.facts.ethnic_group)]
        return await self._items(wanted, within) if wanted else {}

    async def _call(self, params: Mapping[str, str], into: type[T], within: Budget) -> T:
        # Traffic that nobody waits for stands back when Wikidata's own servers are behind.
        lag = {} if within.interactive else {"maxlag": "5"}
        answer = await self._channel.get_json(
            "/w/api.php", into, within=within, params={**params, "format": "json", **lag}
        )
        if answer is None:
            raise ProviderFailed(ProviderId.WIKIDATA, "wikidata: there is no action API here")
        return answer

    def _record(
        self, person: Person, choice: tuple[str, Item] | None, others: Mapping[str, Item]
    ) -> AuthorRecord:
        key = person.open_library_id
        if choice is None:
            return AuthorRecord(provider=ProviderId.WIKIDATA, asked=person.name, asked_id=key)
        id, item = choice
        countries = [_country(each, others) for each in item_ids(item.facts.citizenship)]
        known = [country for country in countries if country]
        keys = texts(item.facts.open_library)
        author = Author(
            name=person.name,
            gender=item.gender,
            nationality=known[0].label if known else None,
            cultural_region=(
                CulturalRegion.INDIGENOUS if self._is_indigenous(item, others) else _region(known)
            ),
            birth_year=_year(item.birth),
            death_year=_year(item.death),
            open_library_id=key if key in keys else next(iter(keys), None),
            goodreads_id=next(iter(texts(item.facts.goodreads)), None),
        )
        facts = PersonFacts(wikidata_id=id, birth_date=item.birth)
        return AuthorRecord(
            provider=ProviderId.WIKIDATA,
            asked=person.name,
            asked_id=key,
            author=author,
            facts=facts,
        )

    def _is_indigenous(self, item: Item, others: Mapping[str, Item]) -> bool:
        if not self._use_ethnicity:
            return False
        groups = item_ids(item.facts.ethnic_group)
        kinds = {
            kind
            for group in (others[id] for id in groups if id in others)
            for kind in (*item_ids(group.facts.instance_of), *item_ids(group.facts.subclass_of))
        }
        return not _INDIGENOUS.isdisjoint(kinds.union(groups))


def _answered(
    found: Iterable[tuple[Person, list[str] | BaseException]],
) -> list[tuple[Person, list[str]]]:
    """Return those that were answered; raises the first problem where none was."""
    problems: list[ProviderProblem] = []
    answered: list[tuple[Person, list[str]]] = []
    for person, result in found:
        if isinstance(result, ProviderProblem):
            problems.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            answered.append((person, result))
    if problems and not answered:
        raise problems[0]
    return answered


def _sound(value: T | None, problem: _Problem | None) -> T:
    """Return the body of an answer; the action API reports errors with status 200."""
    if problem is not None and problem.code in _BUSY:
        raise ProviderBusy(ProviderId.WIKIDATA, "wikidata is busy", retry_after=_LAG_S)
    if problem is not None and not problem.code.startswith("internal_api_error"):
        raise ProviderRefused(ProviderId.WIKIDATA, f"wikidata refused: {problem.code}")
    if value is None:
        raise ProviderFailed(ProviderId.WIKIDATA, "wikidata answered without a result")
    return value


def _given(person: Person) -> str:
    """Return the id a book source gave, or an empty text where it is none.

    One wrong id would make Wikidata refuse all those asked for together.
    """
    id = person.wikidata_id or ""
    return id if _ITEM_ID.fullmatch(id) else ""


def _choose(person: Person, items: Sequence[tuple[str, Item]]) -> tuple[str, Item] | None:
    """Return the item that is this person: the given one, else the best known writer.

    A writer with other Open Library ids, or born in another year, is a namesake.
    """
    if _given(person):
        return next((each for each in items if each[1].is_person), None)
    key = person.open_library_id
    return max(
        (each for each in items if each[1].is_writer and not _is_namesake(each[1], person)),
        key=lambda each: (
            key is not None and key in texts(each[1].facts.open_library),
            len(each[1].sitelinks),
        ),
        default=None,
    )


def _is_namesake(item: Item, person: Person) -> bool:
    key, keys = person.open_library_id, texts(item.facts.open_library)
    born, year = person.birth_year, _year(item.birth)
    return bool((key and keys and key not in keys) or (born and year and born != year))


def _country(id: str, others: Mapping[str, Item]) -> Country | None:
    item = others.get(id)
    if id in COUNTRIES or item is None:
        return COUNTRIES.get(id)
    codes = texts(item.facts.iso_code)
    return Country(item.label, codes[0] if codes else None) if item.label else None


def _region(countries: Sequence[Country]) -> CulturalRegion | None:
    regions = {country.region for country in countries} - {None}
    return CulturalRegion.INTERNATIONAL if len(regions) > 1 else next(iter(regions), None)


def _year(date: str | None) -> int | None:
    return int(date[:4]) if date else None
