"""The list of our own titles: authors in order, translations, the best known first."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bookstrack.storage.database.titles import TitleList
from bookstrack.testing.builders import a_record, an_edition

READER = a_record(
    title="The Reader",
    isbn="9780439708180",
    authors=("Bernhard Schlink", "Carol Brown Janeway"),
    edition_count=9,
)
DUNE = a_record(title="Dune", isbn=None, authors=("Frank Herbert",), edition_count=5)


@pytest.fixture
def titles(database) -> TitleList:
    return TitleList(database)


async def test_works_with_what_a_spine_shows_of_them(store, titles):
    assert (await titles.stamp(), await titles.best_known(10)) == ((0, 0), [])
    translated = an_edition(title="Der Vorleser", isbn="9783257229530")
    await store.save([DUNE, replace(READER, editions=(*READER.editions, translated))])
    reader, dune = await titles.best_known(10)
    assert (reader.title, reader.authors) == (
        "The Reader",
        ("Bernhard Schlink", "Carol Brown Janeway"),
    )
    assert reader.others == ("Der Vorleser",)
    assert reader.isbn13 in ("9780439708180", "9783257229530")
    assert (dune.title, dune.authors, dune.isbn13, dune.others) == (
        "Dune",
        ("Frank Herbert",),
        None,
        (),
    )
    assert [one.title for one in await titles.best_known(1)] == ["The Reader"]


async def test_the_stamp_changes_with_the_works(store, titles, clock):
    await store.save([DUNE])
    first = await titles.stamp()
    assert await titles.stamp() == first
    await clock.advance(5)
    await store.save([READER])
    assert await titles.stamp() != first
