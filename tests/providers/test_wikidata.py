"""Wikidata: choosing the person, reading claims, and what is asked how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from bookstrack.errors import (
    ProviderBusy,
    ProviderFailed,
    ProviderProblem,
    ProviderRefused,
    ProviderTimeout,
)
from bookstrack.model.enums import AuthorGender, CulturalRegion
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import AuthorFactsQuery, IsbnQuery, Person
from bookstrack.model.record import AuthorRecord
from bookstrack.providers import wikidata
from bookstrack.providers.base import Budget, Provider
from bookstrack.providers.regions import COUNTRIES, REGION_BY_ISO
from bookstrack.providers.wikidata import Wikidata
from bookstrack.providers.wikidata_items import Item, item_ids
from bookstrack.settings import ProviderSettings, WikidataSettings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.clock import FrozenClock
from bookstrack.testing.upstream import FakeUpstream, Fault
from bookstrack.upstream.client import open_upstream
from bookstrack.upstream.pacing import MemorySlots
from bookstrack.upstream.quota import MemoryLedger


class Asking:
    """The provider over a real channel to a fake Wikidata."""

    def __init__(self, server: FakeUpstream, provider: Wikidata, clock: FrozenClock) -> None:
        self.server, self.provider, self.clock = server, provider, clock

    async def facts(self, *people: Person | str, interactive: bool = True) -> list[AuthorRecord]:
        query = AuthorFactsQuery(tuple(Person(p) if isinstance(p, str) else p for p in people))
        budget = Budget(self.clock.monotonic() + 12, interactive)
        return list((await self.provider.ask(query, within=budget)).authors)

    async def one(self, person: Person | str) -> Any:
        (record,) = await self.facts(person)
        return record.author

    async def with_retries(self, *people: Person | str) -> list[AuthorRecord]:
        task = asyncio.create_task(self.facts(*people))
        while not task.done():
            await asyncio.wait([task], timeout=0.05)
            await self.clock.advance(1)
        return task.result()

    def actions(self) -> list[str]:
        return [asked.query["action"] for asked in self.server.asked("wikidata")]


@pytest.fixture
async def asking(
    clock: FrozenClock, metrics: Metrics, request: pytest.FixtureRequest
) -> AsyncIterator[Asking]:
    settings = getattr(request, "param", {})
    async with (
        FakeUpstream() as server,
        open_upstream(
            clock=clock,
            rng=Random(1),
            user_agent="BooksTrack/test",
            metrics=metrics,
            ledger=MemoryLedger(),
            slots=MemorySlots(clock),
        ) as upstream,
    ):
        own = WikidataSettings(base_url=server.urls["wikidata"], rps=settings.get("rps", 0))
        channel = upstream.channel(wikidata.channel_options(own, ProviderSettings()))
        ethnicity = settings.get("use_ethnicity", False)
        yield Asking(server, Wikidata(channel, use_ethnicity=ethnicity), clock)


# --- recorded answers -----------------------------------------------------------------------


class Entities(msgspec.Struct):
    entities: dict[str, Item]


def summary(item: Item) -> dict[str, object]:
    """Everything we read of an item, as compact JSON values."""
    return {
        "label": item.label,
        "person": item.is_person,
        "writer": item.is_writer,
        "gender": item.gender,
        "countries": item_ids(item.facts.citizenship),
        "born": item.birth,
        "died": item.death,
        "sitelinks": len(item.sitelinks),
    }


def recorded(folder: Path, name: str) -> Item:
    file = next((folder / "providers" / "wikidata").glob(name))
    (item,) = msgspec.json.decode(file.read_bytes(), type=Entities).entities.values()
    return item


def test_every_recorded_entity_is_read(fixtures_dir: Path):
    files = [
        file
        for pattern in ("*entity-data*", "wbgetentities*")
        for file in (fixtures_dir / "providers" / "wikidata").glob(pattern)
    ]
    assert len(files) == 6
    for file in files:
        for item in msgspec.json.decode(file.read_bytes(), type=Entities).entities.values():
            assert summary(item)["gender"] in AuthorGender


@pytest.mark.parametrize("qid", ["Q328212", "Q646148", "Q970917"])
def test_recorded_people(fixtures_dir: Path, golden: Callable[..., None], qid: str):
    item = recorded(fixtures_dir, f"entity-data_{qid}*")
    golden(
        f"providers/wikidata_{qid}.json",
        msgspec.json.format(msgspec.json.encode(summary(item)), indent=1).decode() + "\n",
    )


def test_recorded_non_people_are_not_authors(fixtures_dir: Path):
    for name in ("wbgetentities_Q3235026*", "entity-data_Q22002395*"):
        item = recorded(fixtures_dir, name)
        assert (item.is_person, item.is_writer) == (False, False)


def test_recorded_search_names_the_person(fixtures_dir: Path):
    file = fixtures_dir / "providers/wikidata/constructed_wbsearchentities_veronica-roth.json"
    hits = msgspec.json.decode(file.read_bytes(), type=wikidata._Hits).search
    assert hits is not None
    assert [(hit.id, hit.is_named("veronica roth")) for hit in hits] == [("Q328212", True)]
    assert not hits[0].is_named("veronica rothschild")


# --- claims ---------------------------------------------------------------------------------


def claim(value: object, *, rank: str = "normal", snaktype: str = "value") -> dict[str, object]:
    snak: dict[str, object] = {"snaktype": snaktype}
    return {
        "rank": rank,
        "mainsnak": snak | ({} if value is None else {"datavalue": {"value": value}}),
    }


def an_item(**claims: list[dict[str, object]]) -> Item:
    return msgspec.json.decode(msgspec.json.encode({"claims": claims}), type=Item)


def a_time(text: str, precision: int) -> dict[str, object]:
    return {"time": text, "precision": precision}


@pytest.mark.parametrize(
    ("time", "precision", "date"),
    [
        ("+1988-08-19T00:00:00Z", 11, "1988-08-19"),
        ("+1988-08-00T00:00:00Z", 10, "1988-08"),
        ("+1988-00-00T00:00:00Z", 9, "1988"),
        ("+1988-08-19T00:00:00Z", 9, "1988"),
        ("+1988-00-00T00:00:00Z", 11, "1988"),
        ("+1980-00-00T00:00:00Z", 8, None),
        ("+1900-00-00T00:00:00Z", 7, None),
        ("-0341-00-00T00:00:00Z", 9, None),
        ("+00000001616-04-23T00:00:00Z", 11, "1616-04-23"),
        ("+0070-00-00T00:00:00Z", 9, "0070"),
        ("+12000-00-00T00:00:00Z", 9, None),
        ("soon", 11, None),
    ],
)
def test_dates(time: str, precision: int, date: str | None):
    assert an_item(P569=[claim(a_time(time, precision))]).birth == date


def test_ranks():
    old, new = a_time("+1888-00-00T00:00:00Z", 9), a_time("+1988-00-00T00:00:00Z", 9)
    assert an_item(P569=[claim(old, rank="deprecated"), claim(new)]).birth == "1988"
    assert an_item(P569=[claim(old), claim(new, rank="preferred")]).birth == "1988"
    assert an_item(P569=[claim(old, rank="deprecated")]).birth is None


@pytest.mark.parametrize("snaktype", ["somevalue", "novalue"])
def test_unknown_values(snaktype: str):
    item = an_item(P21=[claim(None, snaktype=snaktype)], P569=[claim(None, snaktype=snaktype)])
    assert (item.gender, item.birth) == (AuthorGender.UNKNOWN, None)


@pytest.mark.parametrize(
    ("qid", "gender"),
    [
        ("Q6581097", AuthorGender.MALE),
        ("Q2449503", AuthorGender.MALE),
        ("Q6581072", AuthorGender.FEMALE),
        ("Q1052281", AuthorGender.FEMALE),
        ("Q48270", AuthorGender.NON_BINARY),
        ("Q12964198", AuthorGender.NON_BINARY),
        ("Q505371", AuthorGender.NON_BINARY),
        ("Q18116794", AuthorGender.NON_BINARY),
        ("Q1097630", AuthorGender.OTHER),
        ("Q1", AuthorGender.OTHER),
    ],
)
def test_genders(qid: str, gender: AuthorGender):
    assert an_item(P21=[claim({"id": qid})]).gender is gender


def test_items_without_id_have_a_number():
    item = an_item(P27=[claim({"numeric-id": 30}), claim({"id": "Q16", "numeric-id": 16})])
    assert item_ids(item.facts.citizenship) == ["Q30", "Q16"]


def test_values_of_the_wrong_kind_are_unknown():
    item = an_item(P21=[claim("text")], P569=[claim({"time": 5})], P27=[claim({"id": None})])
    assert (item.gender, item.birth) == (AuthorGender.UNKNOWN, None)
    assert item_ids(item.facts.citizenship) == []


def test_empty_maps_may_be_lists():
    empty = b'{"labels": [], "claims": [], "sitelinks": []}'
    item = msgspec.json.decode(empty, type=Item)
    assert (item.label, item.gender, len(item.sitelinks)) == (None, AuthorGender.UNKNOWN, 0)


def test_labels_may_be_language_independent():
    body = {"labels": {"mul": {"value": "Ana", "language": "mul"}}}
    item = msgspec.json.decode(msgspec.json.encode(body), type=Item)
    assert item.label == "Ana"


# --- regions --------------------------------------------------------------------------------


def test_every_country_code_has_one_region():
    assert len(REGION_BY_ISO) == 249  # ISO 3166-1 without Antarctica, and Kosovo
    assert "AQ" not in REGION_BY_ISO
    assert len(COUNTRIES) > 240
    assert all(country.region for country in COUNTRIES.values())


@pytest.mark.parametrize(
    ("iso", "region"),
    [
        ("GB", CulturalRegion.EUROPE),
        ("PG", CulturalRegion.OCEANIA),
        ("NE", CulturalRegion.AFRICA),
        ("EG", CulturalRegion.AFRICA),
        ("SD", CulturalRegion.AFRICA),
        ("JM", CulturalRegion.CARIBBEAN),
        ("PR", CulturalRegion.CARIBBEAN),
        ("MX", CulturalRegion.NORTH_AMERICA),
        ("BZ", CulturalRegion.NORTH_AMERICA),
        ("GL", CulturalRegion.NORTH_AMERICA),
        ("GY", CulturalRegion.SOUTH_AMERICA),
        ("TR", CulturalRegion.MIDDLE_EAST),
        ("IR", CulturalRegion.MIDDLE_EAST),
        ("AF", CulturalRegion.ASIA),
        ("TW", CulturalRegion.ASIA),
        ("KZ", CulturalRegion.CENTRAL_ASIA),
        ("CY", CulturalRegion.EUROPE),
        ("GE", CulturalRegion.EUROPE),
        ("RU", CulturalRegion.EUROPE),
    ],
)
def test_regions(iso: str, region: CulturalRegion):
    assert REGION_BY_ISO[iso] is region


@pytest.mark.parametrize(
    ("qid", "region"),
    [
        ("Q15180", CulturalRegion.EUROPE),
        ("Q36704", CulturalRegion.EUROPE),
        ("Q43287", CulturalRegion.EUROPE),
        ("Q33946", CulturalRegion.EUROPE),
        ("Q28513", CulturalRegion.EUROPE),
        ("Q129286", CulturalRegion.ASIA),
        ("Q12560", CulturalRegion.MIDDLE_EAST),
    ],
)
def test_historical_states(qid: str, region: CulturalRegion):
    assert COUNTRIES[qid].region is region


# --- over the network -----------------------------------------------------------------------


def test_is_a_provider():
    assert issubclass(Wikidata, Provider)
    assert Wikidata.answers == {AuthorFactsQuery}


def test_channel_options():
    public = wikidata.channel_options(WikidataSettings(), ProviderSettings())
    assert (public.base_url, public.attempts) == ("https://www.wikidata.org", 2)
    assert (public.rps, public.in_flight, public.burst) == (5.0, 1, 5)
    assert (public.timeout_s, public.connect_timeout_s) == (5.0, 3.0)
    unpaced = wikidata.channel_options(WikidataSettings(rps=0), ProviderSettings())
    assert (unpaced.rps, unpaced.in_flight) == (0, None)


async def test_a_name_costs_two_calls(asking: Asking):
    (record,) = await asking.facts("Maren Holloway")
    author = record.author
    assert author is not None
    assert (record.asked, author.name) == ("Maren Holloway", "Maren Holloway")
    assert author.gender is AuthorGender.FEMALE
    assert (author.nationality, author.cultural_region) == (
        "United States",
        CulturalRegion.NORTH_AMERICA,
    )
    assert (author.birth_year, author.death_year) == (1951, None)
    assert author.open_library_id == "OL7000001A"
    assert (record.facts.wikidata_id, record.facts.birth_date) == ("Q900000001", "1951-03-04")
    search, entities = asking.server.asked("wikidata")
    assert search.query == {
        "action": "wbsearchentities",
        "search": "Maren Holloway",
        "language": "en",
        "type": "item",
        "limit": "5",
        "format": "json",
    }
    assert entities.query == {
        "action": "wbgetentities",
        "ids": "Q900000001",
        "props": "labels|claims|sitelinks",
        "languages": "en|mul",
        "format": "json",
    }


async def test_an_id_costs_one_call(asking: Asking):
    (record,) = await asking.facts(Person("M. Holloway", wikidata_id="Q900000001"))
    assert record.author is not None
    assert record.author.name == "M. Holloway"
    assert asking.actions() == ["wbgetentities"]


async def test_many_people_share_one_reading(asking: Asking):
    people = [Person(f"P{n}", wikidata_id=f"Q90000000{n}") for n in range(1, 10)]
    records = await asking.facts(*people, "Camille Dorléac", "Nobody Whatsoever")
    assert [record.author is not None for record in records] == [True] * 10 + [False]
    assert sorted(asking.actions()) == ["wbgetentities"] + ["wbsearchentities"] * 2


async def test_more_candidates_than_one_call_takes(asking: Asking):
    people = [Person(f"P{n}", wikidata_id=f"Q{990_000_000 + n}") for n in range(60)]
    records = await asking.facts(*people)
    assert all(record.author for record in records)
    ids = [len(asked.query["ids"].split("|")) for asked in asking.server.asked("wikidata")]
    assert sorted(ids) == [10, 50]


async def test_searches_run_beside_each_other_when_unpaced(asking: Asking):
    asking.server.delay("wikidata", 0.05)
    await asking.facts("Maren Holloway", "Camille Dorléac", "Tane Rawhiti")
    assert asking.server.most_at_once("wikidata") == 3


@pytest.mark.parametrize("asking", [{"rps": 1000.0}], indirect=True)
async def test_the_public_service_is_asked_one_by_one(asking: Asking):
    asking.server.delay("wikidata", 0.02)
    await asking.facts("Maren Holloway", "Camille Dorléac", "Tane Rawhiti")
    assert asking.server.most_at_once("wikidata") == 1
    assert asking.server.count("wikidata") == 4


@pytest.mark.parametrize(
    ("name", "qid"),
    [
        ("Charles Whitcombe", "Q900000021"),  # a film of that name is better known
        ("Holloway, Maren", "Q900000001"),  # the key of the name counts
        ("Shirasawa Aiko", "Q900000003"),  # by alias
        ("John Merrow", "Q900000022"),  # two writers: more sitelinks; the politician is out
    ],
)
async def test_the_right_one_is_chosen(asking: Asking, name: str, qid: str):
    if name == "Holloway, Maren":
        record = (await asking.facts(Person(name, wikidata_id=qid)))[0]
    else:
        record = (await asking.facts(name))[0]
    assert record.facts.wikidata_id == qid


async def test_the_open_library_key_tells_namesakes_apart(asking: Asking):
    (record,) = await asking.facts(Person("John Merrow", open_library_id="OL7000027A"))
    assert record.facts.wikidata_id == "Q900000127"
    (other,) = await asking.facts(Person("John Merrow", open_library_id="OL1A"))
    assert other.facts.wikidata_id == "Q900000022"


@pytest.mark.parametrize("name", ["Only A Politician", "Maren", "Nobody Whatsoever", "  "])
async def test_not_found(asking: Asking, name: str):
    (record,) = await asking.facts(name)
    assert (record.author, record.asked, record.facts.wikidata_id) == (None, name, None)


@pytest.mark.parametrize("qid", ["Q1", "Q900000821"])
async def test_an_id_that_is_nobody(asking: Asking, qid: str):
    (record,) = await asking.facts(Person("Someone", wikidata_id=qid))
    assert record.author is None


@pytest.mark.parametrize(
    ("name", "nationality", "region"),
    [
        ("Inés Arriaga", "Spain", CulturalRegion.INTERNATIONAL),
        ("Priya Raghunathan", "United Kingdom", CulturalRegion.EUROPE),
        ("Dmitri Valenkov", "Soviet Union", CulturalRegion.EUROPE),
        ("Anneliese Vogt", "German Empire", CulturalRegion.EUROPE),
        ("Winston Beaufort", "Jamaica", CulturalRegion.CARIBBEAN),
        ("Mirjam Katz", "Israel", CulturalRegion.MIDDLE_EAST),
        ("Heraklion of Samos", None, None),
        ("Leilani Kahananui", "United States", CulturalRegion.NORTH_AMERICA),
    ],
)
async def test_nationalities(asking: Asking, name: str, nationality: str | None, region):
    author = await asking.one(name)
    assert (author.nationality, author.cultural_region) == (nationality, region)
    assert asking.actions() == ["wbsearchentities", "wbgetentities"]


async def test_unknown_countries_cost_one_more_call(asking: Asking):
    author = await asking.one("Thaddeus Quill")
    assert author.nationality == "Republic of Talmara"
    assert author.cultural_region is CulturalRegion.EUROPE
    assert author.gender is AuthorGender.UNKNOWN
    assert asking.actions() == ["wbsearchentities", "wbgetentities", "wbgetentities"]


@pytest.mark.parametrize("asking", [{"use_ethnicity": True}], indirect=True)
async def test_ethnicity_counts_only_when_asked_for(asking: Asking):
    author = await asking.one("Leilani Kahananui")
    assert author.cultural_region is CulturalRegion.INDIGENOUS
    assert author.nationality == "United States"


@pytest.mark.parametrize(
    ("name", "gender", "born", "died"),
    [
        ("Jun-ho Baek", AuthorGender.MALE, 1972, None),  # numbers instead of ids
        ("Sofia Lindqvist", AuthorGender.FEMALE, 1988, None),  # a deprecated 1888
        ("Heraklion of Samos", AuthorGender.MALE, None, None),  # before the common era
        ("Rashid Al-Tamimi", AuthorGender.MALE, None, None),  # only the decade
        ("Sam Okonjo-Reyes", AuthorGender.NON_BINARY, 1990, None),
        ("Lucía Ferrante", AuthorGender.OTHER, 1961, None),
        ("Elena Morozova", AuthorGender.FEMALE, 1978, None),
        ("Winston Beaufort", AuthorGender.MALE, 1932, 1999),
    ],
)
async def test_people(asking: Asking, name: str, gender: AuthorGender, born, died):
    author = await asking.one(name)
    assert (author.gender, author.birth_year, author.death_year) == (gender, born, died)


async def test_background_traffic_stands_back(asking: Asking):
    await asking.facts("Maren Holloway", interactive=False)
    assert [asked.query.get("maxlag") for asked in asking.server.asked("wikidata")] == ["5", "5"]


async def test_other_questions_and_nobody(asking: Asking):
    budget = Budget(asking.clock.monotonic() + 1)
    for query in (IsbnQuery(Isbn.parse("9781644100370")), AuthorFactsQuery(())):
        assert not await asking.provider.ask(query, within=budget)
    assert asking.server.count() == 0


# --- trouble --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.html(), ProviderFailed),
        (Fault.truncated(), ProviderFailed),
        (Fault.empty_body(), ProviderFailed),
        (Fault.wrong_types(), ProviderFailed),
        (Fault.status(404), ProviderFailed),
        (Fault.lagged(), ProviderBusy),
        (Fault.auth(), ProviderRefused),
    ],
)
async def test_trouble_is_told_by_its_kind(
    asking: Asking, fault: Fault, problem: type[ProviderProblem]
):
    asking.server.fault("wikidata", fault)
    with pytest.raises(problem) as raised:
        await asking.facts("Maren Holloway")
    assert raised.value.provider == "wikidata"
    if problem is ProviderBusy:
        assert raised.value.retry_after == 5.0


@pytest.mark.parametrize(
    ("fault", "problem"),
    [(Fault.status(503), ProviderFailed), (Fault.reset(), ProviderTimeout)],
)
async def test_two_attempts_are_made(asking: Asking, fault: Fault, problem):
    asking.server.fault("wikidata", fault)
    with pytest.raises(problem):
        await asking.with_retries("Maren Holloway")
    assert asking.server.count("wikidata") == 2
    asking.server.heal()
    asking.server.fault("wikidata", fault, times=1)
    (record,) = await asking.with_retries("Maren Holloway")
    assert record.author is not None


async def test_who_could_not_be_searched_for_is_left_out(asking: Asking):
    asking.server.fault("wikidata", Fault.html(), where="search=Camille")
    records = await asking.facts("Camille Dorléac", "Tane Rawhiti")
    assert [record.asked for record in records] == ["Tane Rawhiti"]


async def test_an_api_error_is_a_refusal(asking: Asking):
    with pytest.raises(ProviderRefused, match="no-such-entity"):
        await asking.facts(Person("X", wikidata_id="nonsense"))


async def test_nothing_is_not_found(asking: Asking):
    asking.server.fault("wikidata", Fault.nothing())
    (record,) = await asking.facts("Maren Holloway")
    assert record.author is None
