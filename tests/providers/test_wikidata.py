"""Wikidata: choosing the person, reading claims, and what is asked how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

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
from bookstrack.providers.wikidata import Wikidata
from bookstrack.settings import ProviderSettings, WikidataSettings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.clock import FrozenClock
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.testing.upstream import FakeUpstream, Fault
from bookstrack.upstream.client import Upstream, open_upstream
from bookstrack.upstream.pacing import MemorySlots


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


def channels(clock: FrozenClock, metrics: Metrics) -> AbstractAsyncContextManager[Upstream]:
    return open_upstream(
        clock=clock,
        rng=Random(1),
        user_agent="BooksTrack/test",
        metrics=metrics,
        ledger=MemoryLedger(),
        slots=MemorySlots(clock),
    )


@pytest.fixture
async def asking(
    clock: FrozenClock, metrics: Metrics, request: pytest.FixtureRequest
) -> AsyncIterator[Asking]:
    settings = getattr(request, "param", {})
    async with FakeUpstream() as server, channels(clock, metrics) as upstream:
        own = WikidataSettings(base_url=server.urls["wikidata"], rps=settings.get("rps", 0))
        channel = upstream.channel(wikidata.channel_options(own, ProviderSettings()))
        ethnicity = settings.get("use_ethnicity", False)
        yield Asking(server, Wikidata(channel, use_ethnicity=ethnicity), clock)


# --- recorded answers -----------------------------------------------------------------------


@pytest.mark.parametrize("qid", ["Q328212", "Q646148", "Q970917"])
async def test_recorded_people(
    fixtures_dir: Path, golden: Callable[..., None], clock: FrozenClock, metrics: Metrics, qid: str
):
    file = next((fixtures_dir / "providers" / "wikidata").glob(f"entity-data_{qid}*"))

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.query["ids"] == qid
        return web.Response(body=file.read_bytes(), content_type="application/json")

    async with RawTestServer(answer) as server, channels(clock, metrics) as upstream:
        own = WikidataSettings(base_url=str(server.make_url("")), rps=0)
        channel = upstream.channel(wikidata.channel_options(own, ProviderSettings()))
        query = AuthorFactsQuery((Person("Somebody", wikidata_id=qid),))
        found = await Wikidata(channel).ask(query, within=Budget(clock.monotonic() + 12))
    golden(f"providers/wikidata_{qid}.json", msgspec.json.encode(found.authors).decode() + "\n")


def test_every_recorded_file_is_read_or_recognised_as_something_else(fixtures_dir: Path):
    read = {}
    for file in (fixtures_dir / "providers" / "wikidata").iterdir():
        hits = msgspec.json.decode(file.read_bytes(), type=wikidata._Hits)
        items = msgspec.json.decode(file.read_bytes(), type=wikidata._Items)
        read[file.name.partition("_")[0]] = (hits.search is not None, items.entities is not None)
    assert read.pop("constructed") in {(True, False), (False, True)}
    assert read == {
        "entity-data": (False, True),
        "wbgetentities": (False, True),
        "query-list-search": (False, False),
        "sparql": (False, False),
    }


def test_recorded_search_names_the_person(fixtures_dir: Path):
    file = fixtures_dir / "providers/wikidata/constructed_wbsearchentities_veronica-roth.json"
    hits = msgspec.json.decode(file.read_bytes(), type=wikidata._Hits).search
    assert hits is not None
    assert [(hit.id, hit.is_named("veronica roth")) for hit in hits] == [("Q328212", True)]
    assert not hits[0].is_named("veronica rothschild")


# --- over the network -----------------------------------------------------------------------


async def test_is_a_provider(asking: Asking):
    assert isinstance(asking.provider, Provider)
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
        ("Holloway, Maren", "Q900000001"),  # asked for as readers write it
        ("Shirasawa Aiko", "Q900000003"),  # by alias
        ("John Merrow", "Q900000022"),  # two writers: more sitelinks; the politician is out
    ],
)
async def test_the_right_one_is_chosen(asking: Asking, name: str, qid: str):
    (record,) = await asking.facts(name)
    assert record.facts.wikidata_id == qid


async def test_the_open_library_key_tells_namesakes_apart(asking: Asking):
    (record,) = await asking.facts(Person("John Merrow", open_library_id="OL7000027A"))
    assert record.facts.wikidata_id == "Q900000127"
    (other,) = await asking.facts(Person("John Merrow", open_library_id="OL1A"))
    assert other.author is None


async def test_a_writer_with_another_open_library_key_is_a_namesake(asking: Asking):
    (found,) = await asking.facts("Maren Holloway")
    assert found.facts.wikidata_id == "Q900000001"
    (record,) = await asking.facts(Person("Maren Holloway", open_library_id="OL7000999A"))
    assert (record.author, record.asked_id) == (None, "OL7000999A")


async def test_a_writer_born_in_another_year_is_a_namesake(asking: Asking):
    (record,) = await asking.facts(Person("Maren Holloway", birth_year=1990))
    assert record.author is None
    (record,) = await asking.facts(Person("Maren Holloway", birth_year=1951))
    assert record.facts.wikidata_id == "Q900000001"


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


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("maxlag", ProviderBusy),
        ("ratelimited", ProviderBusy),
        ("readonly", ProviderBusy),
        ("no-such-entity", ProviderRefused),
        ("internal_api_error_DBQueryError", ProviderFailed),
    ],
)
def test_errors_with_status_200(code: str, problem: type[ProviderProblem]):
    with pytest.raises(problem):
        wikidata._sound(None, wikidata._Problem(code))


def test_an_answer_without_a_result_is_a_failure():
    with pytest.raises(ProviderFailed):
        wikidata._sound(None, None)


@pytest.mark.parametrize("id", ["", "nonsense", "Q", "Q1|Q2", "P31"])
async def test_ids_that_are_none_do_not_spoil_the_others(asking: Asking, id: str):
    records = await asking.facts(
        Person("Maren Holloway", wikidata_id=id), Person("X", wikidata_id="Q900000003")
    )
    assert [record.facts.wikidata_id for record in records] == ["Q900000001", "Q900000003"]


async def test_nothing_is_not_found(asking: Asking):
    asking.server.fault("wikidata", Fault.nothing())
    (record,) = await asking.facts("Maren Holloway")
    assert record.author is None
