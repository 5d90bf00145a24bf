"""Volumes of one title: each is answered with its own texts, also where they are one work."""

from __future__ import annotations

import msgspec
import pytest

from bookstrack.model.enums import DataProvider
from bookstrack.testing.builders import a_record, a_work, an_edition

ISBN, OTHER, THIRD = "9781644100370", "9780439708180", "9782070427796"


def a_volume(subtitle: str | None, isbn: str, text: str | None = None, **over):
    """One volume of "Fables" as Google tells it."""
    work = a_work(
        title="Fables",
        synthetic=True,
        description=text,
        primary_provider=DataProvider.GOOGLE_BOOKS,
        **over,
    )
    edition = an_edition(isbn=isbn, title="Fables", edition_description=text)
    return a_record(title="Fables", work=work, editions=(edition,), subtitle=subtitle)


def confirmed(*isbns: str):
    """The same title as one work of Open Library."""
    work = a_work(title="Fables", open_library_id="OL1W", open_library_work_id="OL1W")
    editions = tuple(an_edition(isbn=isbn, title="Fables") for isbn in isbns)
    return a_record(title="Fables", work=work, editions=editions)


async def shown(store, isbn: str) -> tuple[str | None, str | None]:
    record = (await store.find_isbn(isbn)).record
    return record.subtitle, record.work.description


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vol. 1", "Vol. 2"),
        ("Volume I", "Volume II"),
        ("Part One", "Part Two"),
        ("Erster Teil", "Zweiter Teil"),
        ("Legends in Exile", "The Mean Seasons, Book Five"),
    ],
)
async def test_volumes_told_apart_by_subtitle_are_works_of_their_own(store, agreed, one, other):
    await store.save([a_volume(one, ISBN, "Exile.")])
    await store.save([a_volume(other, OTHER, "A farm.")])
    assert await store.count() == 2
    assert await shown(store, ISBN) == (one, "Exile.")
    assert await shown(store, OTHER) == (other, "A farm.")
    await agreed()


async def test_one_volume_spelled_in_two_ways_is_one_work(store, agreed):
    await store.save([a_volume("Vol. 2", ISBN), a_volume("Volume Two: Animal Farm", OTHER)])
    assert await store.count() == 1
    await agreed()


async def test_subtitles_that_name_no_volume_do_not_part_a_work(store, agreed):
    await store.save([a_volume("A History of Europe since 1945", ISBN), a_volume(None, OTHER)])
    assert await store.count() == 1
    await agreed()


async def test_volumes_that_are_one_work_keep_their_own_texts(store, agreed):
    await store.save([confirmed(ISBN, OTHER, THIRD)])
    await store.save([a_volume("Vol. 1", ISBN, "Exile.")])
    await store.save([a_volume("Vol. 2", OTHER, "A farm.")])
    assert await store.count() == 1
    assert await shown(store, ISBN) == ("Vol. 1", "Exile.")
    assert await shown(store, OTHER) == ("Vol. 2", "A farm.")
    assert (await shown(store, THIRD))[0] is None
    await agreed()


async def test_what_is_said_of_the_whole_work_is_shown_with_its_only_description(store, agreed):
    whole = msgspec.structs.replace(confirmed(ISBN), subtitle="The Complete Tales")
    await store.save([whole])
    await store.save([a_volume(None, ISBN, "Bound in blue.")])
    assert await shown(store, ISBN) == ("The Complete Tales", "Bound in blue.")
    await agreed()


async def test_saving_tells_which_books_were_rewritten(store):
    assert await store.save([confirmed(ISBN, OTHER)]) == (ISBN, OTHER)
    assert sorted(await store.save([a_volume("Vol. 1", ISBN, "Exile.")])) == [OTHER, ISBN]
    assert await store.save([]) == ()
