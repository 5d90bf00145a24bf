"""Open Library over real channels: which calls a question leads to, and what comes of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from aiohttp import web

from bookstrack.errors import ProviderBusy, ProviderFailed, ProviderRefused
from bookstrack.model.enums import AuthorSort
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    ProviderIdQuery,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import Findings
from bookstrack.providers.base import Provider
from bookstrack.providers.open_library import OpenLibrary, channel_options
from bookstrack.providers.open_library_wire import BIBLIOGRAPHY_FIELDS, FIELDS
from bookstrack.settings import OpenLibrarySettings, ProviderSettings
from bookstrack.testing.upstream import Fault

FERRY = Isbn.parse("9781644100370")
HIT = {"key": "/works/OL1W", "title": "A Work", "author_name": ["Ann Lee"], "author_key": ["OL2A"]}


@pytest.fixture
def open_library(open_channel, clock):
    async def make(url: str, *, retries: int = 1) -> OpenLibrary:
        settings = OpenLibrarySettings(base_url=url, rps=0)
        options = channel_options(settings, ProviderSettings(retries=retries))
        channel = await open_channel(options)
        return OpenLibrary(channel, clock, covers_base_url="http://covers.example:8080/c/")

    return make


@pytest.fixture
async def library(open_library, upstream) -> OpenLibrary:
    return await open_library(upstream.urls["openlibrary"])


def found(*docs: dict) -> dict:
    return {"numFound": len(docs), "docs": list(docs)}


def paths(recorded) -> list[str]:
    return [path for path, _ in recorded.asked]


def test_there_is_no_key_and_no_daily_limit():
    options = channel_options(OpenLibrarySettings(), ProviderSettings())
    assert (options.rps, options.burst, options.daily_limit) == (3.0, 5, 0)
    assert options.secret_params == {}
    assert options.secret_headers == {}


async def test_it_answers_what_it_says(library, upstream, within):
    assert isinstance(library, Provider)
    assert library.answers == {
        IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, ProviderIdQuery, AuthorWorksQuery,
    }  # fmt: skip
    for query in (
        ProviderIdQuery("google", "x"),
        ProviderIdQuery("goodreads", "12 OR title:x"),
        ProviderIdQuery("openlibrary", "OL12X"),
        IsbnQuery(Isbn.parse("9780306406158")),
        TextQuery(" "),
        TitleAuthorQuery("", ""),
        EditionsQuery("", ""),
        AuthorWorksQuery(" "),
    ):
        assert await library.ask(query, within=within) == Findings()
    assert upstream.count("openlibrary") == 0


# --- by ISBN --------------------------------------------------------------------------------------


async def test_an_isbn_takes_one_call(library, upstream, within, check):
    answers = [
        await library.ask(IsbnQuery(Isbn.parse(form)), within=within)
        for form in ("9781644100370", "1644100371")
    ]
    for found_here in answers:
        check(found_here.books)
        [record] = found_here.books
        assert record.work.title == "The Ferry to Morrow Island"
        assert [edition.isbn for edition in record.editions] == ["9781644100370"]
        assert record.confidence == 1.0
    asked = upstream.asked("openlibrary")
    assert [a.path for a in asked] == ["/search.json"] * 2
    assert asked[0].query == {
        "q": "isbn:9781644100370", "fields": FIELDS, "limit": "1", "offset": "0",
    }  # fmt: skip


async def test_an_unknown_isbn_takes_one_call(library, upstream, within):
    assert not await library.ask(IsbnQuery(Isbn.parse("9780306406157")), within=within)
    assert upstream.count("openlibrary") == 1


async def test_a_hidden_edition_is_fetched_by_its_isbn(open_library, recorded, within, check):
    other = {"docs": [{"key": "/books/OL9M", "isbn": ["9780306406157"]}]}
    recorded.answers["/search.json"] = found(HIT | {"editions": other})
    recorded.answers["/api/books"] = {
        "ISBN:9781644100370": {
            "key": "/books/OL8M",
            "title": "A Work, Deluxe",
            "identifiers": {"isbn_10": ["1644100371"]},
            "publishers": [{"name": "Quay"}],
            "cover": {"large": "https://covers.openlibrary.org/b/id/77-L.jpg"},
        }
    }
    library = await open_library(recorded.url)
    answer = await library.ask(IsbnQuery(FERRY), within=within)
    check(answer.books)
    [record] = answer.books
    [edition] = record.editions
    assert edition.isbns == ("9781644100370", "1644100371")
    assert edition.publisher == "Quay"
    assert edition.open_library_edition_id == "OL8M"
    assert edition.cover_image_url == "https://covers.example:8080/c/b/id/77-L.jpg"
    assert record.work.open_library_work_id == "OL1W"
    assert [author.open_library_id for author in record.authors] == ["OL2A"]
    assert recorded.asked[1] == (
        "/api/books",
        {"bibkeys": "ISBN:9781644100370", "format": "json", "jscmd": "data"},
    )


async def test_an_edition_that_stays_hidden_is_believed_less(open_library, recorded, within):
    recorded.answers["/search.json"] = found(HIT | {"isbn": ["9781644100370"], "edition_count": 4})
    recorded.answers["/api/books"] = {}
    library = await open_library(recorded.url)
    [record] = (await library.ask(IsbnQuery(FERRY), within=within)).books
    assert record.confidence == 0.6
    assert [edition.isbns for edition in record.editions] == [()]


# --- searches -------------------------------------------------------------------------------------


async def test_text_and_title_with_author(library, upstream, within, check):
    text = await library.ask(TextQuery("  morrow   island ", 7, 0), within=within)
    both = await library.ask(TitleAuthorQuery("Salt Weather", " ", 5, 0), within=within)
    check((*text.books, *both.books))
    assert "The Ferry to Morrow Island" in {record.work.title for record in text.books}
    assert [record.work.title for record in both.books] == ["Salt Weather"]
    assert both.total == 1
    assert both.books[0].editions[0].isbns
    first, second = upstream.asked("openlibrary")
    place = {"fields": FIELDS, "offset": "0"}
    assert first.query == place | {"q": "morrow island", "limit": "7"}
    assert second.query == place | {"title": "Salt Weather", "limit": "5"}


async def test_editions_are_those_of_the_best_known_work(open_library, recorded, within, check):
    recorded.answers["/search.json"] = found(
        HIT | {"key": "/works/OL7W", "title": "Another Work", "edition_count": 90},
        HIT | {"edition_count": 2},
        HIT | {"key": "/works/OL3W", "title": "The A Work!", "edition_count": 30},
    )
    recorded.answers["/works/OL3W/editions.json"] = {
        "size": 3,
        "entries": [
            {"key": "/books/OL4M", "title": "A Work", "isbn_13": ["9781644100370"]},
            {"key": "/books/OL5M", "type": {"key": "/type/delete"}},
            None,
            {"key": "/books/OL6M", "title": "Un œuvre", "isbn_10": ["0439708184"]},
        ],
    }
    library = await open_library(recorded.url)
    answer = await library.ask(EditionsQuery("A Work", "Ann Lee"), within=within)
    check(answer.books)
    [record] = answer.books
    assert record.work.open_library_work_id == "OL3W"
    assert [edition.isbn for edition in record.editions] == ["9781644100370", "9780439708180"]
    assert recorded.asked[0][1]["author"] == "Ann Lee"


async def test_editions_from_the_fake(library, within):
    query = EditionsQuery("The Ferry to Morrow Island", "")
    [record] = (await library.ask(query, within=within)).books
    assert {edition.isbn for edition in record.editions} >= {"9781644100370", "9783518100370"}
    assert not await library.ask(EditionsQuery("No Such Book Anywhere", ""), within=within)


async def test_by_goodreads_id(open_library, recorded, within):
    recorded.answers["/search.json"] = found(HIT)
    library = await open_library(recorded.url)
    answer = await library.ask(ProviderIdQuery("goodreads", "535197"), within=within)
    assert [record.work.open_library_work_id for record in answer.books] == ["OL1W"]
    assert recorded.asked[0][1]["q"] == "id_goodreads:535197"


# --- by key ---------------------------------------------------------------------------------------


@pytest.fixture
def records(recorded):
    recorded.answers |= {
        "/works/OL1W.json": {
            "key": "/works/OL1W",
            "title": "A Work",
            "authors": [{"author": {"key": "/authors/OL2A"}}, {"author": "/authors/OL5A"}],
            "description": {"value": "What it is about."},
            "subjects": ["Fantasy"],
        },
        "/books/OL3M.json": {
            "key": "/books/OL3M",
            "title": "A Work, Printed",
            "works": [{"key": "/works/OL1W"}],
            "isbn_13": ["9781644100370"],
        },
        "/authors/OL2A.json": {
            "key": "/authors/OL2A",
            "name": "Ann Lee",
            "birth_date": "ca. 1940",
            "remote_ids": {"wikidata": "Q42"},
        },
    }
    return recorded


async def test_a_work_by_key_knows_its_description_and_people(open_library, records, within, check):
    records.answers["/search.json"] = found(HIT | {"ratings_average": 4, "ratings_count": 3})
    library = await open_library(records.url)
    answer = await library.ask(ProviderIdQuery("openlibrary", "/works/OL1W"), within=within)
    check(answer.books)
    [record] = answer.books
    assert record.work.description == "What it is about."
    assert record.work.subject_tags == ("Fantasy",)
    assert [author.name for author in record.authors] == ["Ann Lee"]
    assert record.authors[0].birth_year == 1940
    assert record.people["Ann Lee"].wikidata_id == "Q42"
    assert record.people["Ann Lee"].birth_date == "ca. 1940"
    assert record.rating.count == 3
    assert records.asked[1][1]["q"] == "key:/works/OL1W"


async def test_a_work_the_search_does_not_know(open_library, records, within):
    records.answers["/search.json"] = found()
    library = await open_library(records.url)
    [record] = (await library.ask(ProviderIdQuery("openlibrary", "OL1W"), within=within)).books
    assert record.work.title == "A Work"
    assert record.work.synthetic is False
    assert [author.open_library_id for author in record.authors] == ["OL2A"]


async def test_an_edition_by_key_comes_with_its_work(open_library, records, within, check):
    records.answers["/search.json"] = found(HIT)
    library = await open_library(records.url)
    answer = await library.ask(ProviderIdQuery("openlibrary", "OL3M"), within=within)
    check(answer.books)
    [record] = answer.books
    assert record.work.title == "A Work"
    assert [edition.title for edition in record.editions] == ["A Work, Printed"]
    assert record.editions[0].open_library_edition_id == "OL3M"


async def test_an_edition_without_work_names_its_own_authors(open_library, records, within):
    records.answers["/books/OL3M.json"] = {
        "key": "/books/OL3M", "title": "Orphan", "authors": [{"key": "/authors/OL2A"}],
    }  # fmt: skip
    library = await open_library(records.url)
    [record] = (await library.ask(ProviderIdQuery("openlibrary", "OL3M"), within=within)).books
    assert (record.work.title, record.work.synthetic) == ("Orphan", True)
    assert [author.name for author in record.authors] == ["Ann Lee"]
    assert paths(records) == ["/books/OL3M.json", "/authors/OL2A.json"]


async def test_an_author_by_key(open_library, records, within):
    library = await open_library(records.url)
    answer = await library.ask(ProviderIdQuery("openlibrary", "/authors/OL2A"), within=within)
    [person] = answer.authors
    assert (person.author.name, person.facts.wikidata_id) == ("Ann Lee", "Q42")
    assert not answer.books
    assert not await library.ask(ProviderIdQuery("openlibrary", "OL9A"), within=within)


def redirect(target: str) -> dict:
    return {"type": {"key": "/type/redirect"}, "location": target}


async def test_redirects_are_followed_three_times(open_library, records, within):
    records.answers["/search.json"] = found()
    for number in range(11, 15):
        records.answers[f"/works/OL{number}W.json"] = redirect(f"/works/OL{number + 1}W")
    records.answers["/works/OL14W.json"] = redirect("/works/OL1W")
    library = await open_library(records.url)
    [record] = (await library.ask(ProviderIdQuery("openlibrary", "OL12W"), within=within)).books
    assert record.work.open_library_work_id == "OL1W"
    records.asked.clear()
    assert not await library.ask(ProviderIdQuery("openlibrary", "OL11W"), within=within)
    assert paths(records) == [f"/works/OL{number}W.json" for number in range(11, 15)]


async def test_loops_and_deleted_records_are_not_found(open_library, recorded, within):
    recorded.answers["/works/OL1W.json"] = redirect("/works/OL2W")
    recorded.answers["/works/OL2W.json"] = redirect("/works/OL1W")
    recorded.answers["/works/OL3W.json"] = {"type": {"key": "/type/delete"}}
    recorded.answers["/works/OL4W.json"] = redirect("http://elsewhere.invalid/")
    library = await open_library(recorded.url)
    for key in ("OL1W", "OL3W"):
        assert not await library.ask(ProviderIdQuery("openlibrary", key), within=within)
    assert paths(recorded) == ["/works/OL1W.json", "/works/OL2W.json", "/works/OL3W.json"]
    assert not await library.ask(ProviderIdQuery("openlibrary", "OL4W"), within=within)


# --- works of an author ---------------------------------------------------------------------------

PERSON = {"key": "OL2A", "name": "Ann Lee", "birth_date": "13 May 1940", "work_count": 9}


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        (AuthorSort.NEWEST, ["New", "Old", "Never"]),
        (AuthorSort.OLDEST, ["Old", "New", "Never"]),
        (AuthorSort.TITLE, ["Never", "New", "Old"]),
        (AuthorSort.POPULARITY, ["Never", "Old", "New"]),
    ],
)
async def test_works_of_an_author(sort, titles, open_library, recorded, within, check):
    recorded.answers["/search/authors.json"] = found(
        {"key": "OL8A", "name": "Ann Lee Fox", "work_count": 800}, PERSON
    )
    recorded.answers["/search.json"] = found(
        {"key": "/works/OL1W", "title": "Old", "first_publish_year": 1990, "edition_count": 3},
        {"key": "/works/OL2W", "title": "Never", "edition_count": 5},
        {"key": "/works/OL3W", "title": "New", "first_publish_year": 2001},
        {"key": "/works/OL3W", "title": "New", "first_publish_year": 2001},
        {"key": "/works/OL4W"},
    )
    library = await open_library(recorded.url)
    answer = await library.ask(AuthorWorksQuery("LEE, Ann", sort), within=within)
    check(answer.books)
    assert [record.work.title for record in answer.books] == titles
    assert answer.total == 3
    assert {record.authors[0].open_library_id for record in answer.books} == {"OL2A"}
    [person] = answer.authors
    assert person.asked == "LEE, Ann"
    assert (person.author.book_count, person.author.birth_year) == (3, 1940)
    assert person.facts.birth_date == "13 May 1940"
    assert recorded.asked == [
        ("/search/authors.json", {"q": "LEE, Ann", "limit": "5"}),
        (
            "/search.json",
            {
                "q": "author_key:OL2A",
                "fields": BIBLIOGRAPHY_FIELDS,
                "limit": "1000",
                "offset": "0",
            },
        ),
    ]


async def test_the_whole_list_is_read_page_by_page(open_library, recorded, within):
    def page(query):
        start = int(query["offset"])
        docs = [
            {"key": f"/works/OL{n + 1}W", "title": f"Work {n}"}
            for n in range(start, min(start + 1000, 2300))
        ]
        return web.json_response({"numFound": 2300, "docs": docs})

    recorded.answers["/search/authors.json"] = found(PERSON)
    recorded.answers["/search.json"] = page
    library = await open_library(recorded.url)
    answer = await library.ask(AuthorWorksQuery("Ann Lee"), within=within)
    assert answer.total == len(answer.books) == 2300
    offsets = [query["offset"] for path, query in recorded.asked if path == "/search.json"]
    assert offsets == ["0", "1000", "2000"]


async def test_a_server_that_repeats_itself_is_left_after_its_own_count(
    open_library, recorded, within
):
    recorded.answers["/search/authors.json"] = found(PERSON)
    recorded.answers["/search.json"] = lambda _: web.json_response(
        {"numFound": 3, "docs": [{"key": "/works/OL1W", "title": "One"}]}
    )
    library = await open_library(recorded.url)
    answer = await library.ask(AuthorWorksQuery("Ann Lee"), within=within)
    assert answer.total == 1
    assert len(recorded.asked) == 4


async def test_the_records_help_where_the_search_has_no_works(open_library, recorded, within):
    recorded.answers["/search/authors.json"] = found(PERSON)
    recorded.answers["/search.json"] = found()
    recorded.answers["/authors/OL2A/works.json"] = {
        "size": 3,
        "entries": [
            {"key": "/works/OL1W", "title": "First", "first_publish_date": "October 1, 1988"},
            {"key": "/works/OL2W", "title": "Second", "type": "/type/work"},
            None,
        ],
    }
    library = await open_library(recorded.url)
    answer = await library.ask(AuthorWorksQuery("Ann Lee"), within=within)
    assert [(r.work.title, r.work.first_publication_year) for r in answer.books] == [
        ("First", 1988), ("Second", None),
    ]  # fmt: skip


async def test_an_unknown_author_is_nothing(open_library, recorded, within):
    recorded.answers["/search/authors.json"] = found({"key": "OL8A", "name": "Somebody Else"})
    library = await open_library(recorded.url)
    assert not await library.ask(AuthorWorksQuery("Ann Lee"), within=within)
    assert len(recorded.asked) == 1


# --- trouble --------------------------------------------------------------------------------------


def page_of(status: int) -> web.Response:
    return web.Response(status=status, text="<html>slow down</html>", content_type="text/html")


async def test_over_the_limit_is_busy_and_never_a_refused_key(open_library, recorded, within):
    recorded.answers["/search.json"] = [page_of(403), page_of(429), page_of(503), found(HIT)]
    library = await open_library(recorded.url)
    for kind in (ProviderBusy, ProviderBusy, ProviderFailed):
        with pytest.raises(kind):
            await library.ask(TextQuery("x"), within=within)
    assert (await library.ask(TextQuery("x"), within=within)).books


async def test_a_refused_query_is_refused(open_library, recorded, within):
    recorded.answers["/search.json"] = web.json_response({"error": "bad"}, status=422)
    library = await open_library(recorded.url)
    with pytest.raises(ProviderRefused) as caught:
        await library.ask(TextQuery("x"), within=within)
    assert caught.value.reason == "bad_query"


async def test_an_unknown_path_is_nothing(open_library, recorded, within):
    library = await open_library(recorded.url)
    assert await library.ask(TextQuery("x"), within=within) == Findings()
    assert await library.ask(IsbnQuery(FERRY), within=within) == Findings()


@pytest.mark.parametrize("fault", [Fault.html(), Fault.truncated(), Fault.empty_body()])
async def test_broken_answers_are_failures(fault, library, upstream, within):
    upstream.fault("openlibrary", fault)
    for query in (IsbnQuery(FERRY), TextQuery("ferry"), AuthorWorksQuery("Somebody")):
        with pytest.raises(ProviderFailed):
            await library.ask(query, within=within)


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"docs": {}}', b'{"docs": [1]}', b'{"docs": [{"editions": []}]}', b'"docs"', b""],
)
async def test_bodies_of_another_build_are_failures(body, open_library, recorded, within):
    recorded.answers["/search.json"] = lambda _: web.Response(
        body=body, content_type="application/json"
    )
    library = await open_library(recorded.url)
    with pytest.raises(ProviderFailed):
        await library.ask(TextQuery("x"), within=within)


async def test_wrong_types_are_nothing_or_a_failure(library, upstream, within):
    upstream.fault("openlibrary", Fault.wrong_types())
    for query in (
        IsbnQuery(FERRY),
        TextQuery("ferry"),
        EditionsQuery("Salt Weather", ""),
        AuthorWorksQuery("Somebody"),
        ProviderIdQuery("openlibrary", "OL1W"),
    ):
        with suppress(ProviderFailed):
            assert isinstance(await library.ask(query, within=within), Findings)
