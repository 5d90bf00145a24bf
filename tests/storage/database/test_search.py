from __future__ import annotations

import pytest
from msgspec.structs import replace

from bookstrack.model.record import Rating
from bookstrack.testing.builders import a_record, a_work, an_edition

BOOKS = (
    a_record(title="Dune", isbn="9780439708180", authors=("Frank Herbert",), edition_count=5),
    a_record(title="Dune Messiah", isbn="9782070427796", authors=("Frank Herbert",)),
    a_record(title="The Road to Dune", isbn="9781644100370", authors=("Brian Herbert",)),
    a_record(title="ノルウェイの森", isbn="9781338312911", authors=("村上春樹",)),
    a_record(title="Мастер и Маргарита", isbn="9780064471831", authors=("Михаил Булгаков",)),
    a_record(title="Les Misérables", isbn=None, authors=("Victor Hugo",)),
    a_record(title="100% Dune_", isbn=None, authors=("Nobody Else",)),
)


@pytest.fixture
async def filled(store):
    await store.save(BOOKS)
    return store


def titles(findings):
    return [book.work.title for book in findings.books]


async def test_the_exact_title_comes_first_then_those_that_begin_so(filled):
    found = await filled.search("dune", limit=10)
    assert titles(found) == ["Dune", "Dune Messiah", "The Road to Dune", "100% Dune_"]
    assert found.total == 4


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("ノルウェイ", "ノルウェイの森"),
        ("村上 春樹", "ノルウェイの森"),
        ("мастер", "Мастер и Маргарита"),
        ("БУЛГАКОВ маргарита", "Мастер и Маргарита"),
        ("miserables hugo", "Les Misérables"),
        ("herbert messiah", "Dune Messiah"),
        ("the road", "The Road to Dune"),
    ],
)
async def test_words_of_every_script_are_found_in_titles_and_names(filled, text, title):
    assert titles(await filled.search(text, limit=10)) == [title]


@pytest.mark.parametrize("text", ["", "  ", "dune tolstoy", "%", "_", "%%", "\\"])
async def test_what_does_not_occur_is_not_found(filled, text):
    found = await filled.search(text, limit=10)
    assert (found.books, found.total) == ((), 0)
    assert not found


async def test_pages_follow_each_other(filled):
    first = await filled.search("dune", limit=2)
    second = await filled.search("dune", limit=2, offset=2)
    assert titles(first) + titles(second) == [
        "Dune",
        "Dune Messiah",
        "The Road to Dune",
        "100% Dune_",
    ]
    assert (first.total, second.total) == (4, 4)
    beyond = await filled.search("dune", limit=2, offset=9)
    assert (beyond.books, beyond.total) == ((), 4)


async def test_more_editions_then_more_readers_come_first(store):
    await store.save(
        [
            a_record(title="Fog One", isbn=None, authors=("A A",)),
            a_record(
                title="Fog Two", isbn=None, authors=("B B",), rating=Rating(average=3, count=9)
            ),
            a_record(title="Fog Three", isbn=None, authors=("C C",), edition_count=40),
        ]
    )
    assert titles(await store.search("fog", limit=5)) == ["Fog Three", "Fog Two", "Fog One"]


async def test_title_and_author_must_both_fit(filled):
    find = filled.search_title_author
    assert titles(await find(title="dune", author="frank", limit=9)) == ["Dune", "Dune Messiah"]
    assert titles(await find(title="", author="Herbert, Brian", limit=9)) == ["The Road to Dune"]
    assert titles(await find(title="road", author="", limit=9)) == ["The Road to Dune"]
    assert titles(await find(title="dune", author="hugo", limit=9)) == []
    assert titles(await find(title="", author="", limit=9)) == []
    assert titles(await find(title="dune", author="herbert", limit=1, offset=1)) == ["Dune Messiah"]


async def test_the_names_must_be_of_one_person(store):
    await store.save([a_record(authors=("Ann Smith", "Bob Jones"))])
    assert (await store.search_title_author(title="", author="Ann Jones", limit=5)).total == 0


async def test_works_of_a_person(filled):
    assert titles(await filled.works_of("Herbert, Frank")) == ["Dune", "Dune Messiah"]
    assert titles(await filled.works_of("Herbert")) == []
    assert titles(await filled.works_of(" ")) == []


async def test_editions_come_with_the_best_described_first(store):
    cover = {"cover_image_url": "https://example.org/c.jpg"}
    editions = (
        an_edition(isbn=None, publisher="No Number", **cover),
        an_edition(isbn="9780439708180", publisher="No Cover"),
        an_edition(isbn="9782070427796", publisher="Best", **cover),
    )
    await store.save([a_record(editions=editions, work=a_work(open_library_work_id="OL1W"))])
    found = await store.editions_of(title="the ferry to morrow island", author="maren holloway")
    assert [e.publisher for e in found.books[0].editions] == ["Best", "No Cover", "No Number"]
    assert found.total == 1


async def test_a_translation_is_found_by_its_own_title(store):
    japanese = an_edition(isbn="9784062748681", isbns=("9784062748681",), title="ノルウェイの森")
    english = an_edition(isbn="9780375704024", isbns=("9780375704024",), title="Norwegian Wood")
    record = a_record(title="ノルウェイの森", authors=("村上春樹",))
    await store.save([replace(record, editions=(japanese, english))])
    found = await store.search("norwegian wood", limit=10)
    assert [one.work.title for one in found.books] == ["ノルウェイの森"]
    assert found.books[0].editions[0].title == "Norwegian Wood"
    original = await store.search("ノルウェイの森", limit=10)
    assert original.books[0].editions[0].title == "ノルウェイの森"
