"""Which records are the same work, edition or person (data-model §5)."""

from __future__ import annotations

import msgspec

from bookstrack.model.enums import DataProvider, ReviewStatus
from bookstrack.model.record import PersonFacts
from bookstrack.testing.builders import a_record, a_work, an_author, an_edition

ISBN, OTHER, THIRD = "9781644100370", "9780439708180", "9782070427796"


def confirmed(key: str, **over):
    return a_work(open_library_id=key, open_library_work_id=key, **over)


def inferred(**over):
    return a_work(synthetic=True, primary_provider=DataProvider.GOOGLE_BOOKS, **over)


def by_person(*authors, **over):
    return msgspec.structs.replace(a_record(**over), authors=authors)


async def test_the_same_isbn_in_the_other_notation_is_the_same_edition(store, agreed):
    await store.save([a_record()])
    await store.save([a_record(isbn="1-64410-037-1", title="Ferry")])
    assert await store.count() == 1
    assert len((await store.search("ferry", limit=5)).books[0].editions) == 1
    await agreed()


async def test_the_same_google_volume_is_the_same_edition(store, agreed):
    volume = {"google_books_volume_id": "v", "google_books_volume_ids": ("v",)}
    await store.save([a_record(editions=(an_edition(isbn=None, **volume),))])
    await store.save([a_record(title="Renamed", editions=(an_edition(title="Renamed", **volume),))])
    assert await store.count() == 1
    assert len((await store.find_isbn(ISBN)).record.editions) == 1
    assert (await store.search("renamed", limit=5)).books[0].editions[0].isbn == ISBN
    await agreed()


async def test_the_same_open_library_work_joins_different_titles(store, agreed):
    await store.save([a_record(work=confirmed("OL1W"))])
    french = a_record(title="Le bac", isbn=OTHER, work=confirmed("OL1W", title="Le bac"))
    await store.save([french])
    assert await store.count() == 1
    assert (await store.find_isbn(ISBN)).record.work.title == "Le bac"
    await agreed()


async def test_different_open_library_works_stay_apart(store, agreed):
    await store.save([a_record(work=confirmed("OL1W"))])
    await store.save([a_record(work=confirmed("OL2W"), editions=(an_edition(isbn=OTHER),))])
    assert await store.count() == 2
    await agreed()


async def test_open_library_confirms_an_inferred_work_by_isbn(store, agreed):
    await store.save([a_record(work=inferred())])
    await store.save([a_record(title="The Ferry", work=confirmed("OL1W", title="The Ferry"))])
    work = (await store.find_isbn(ISBN)).record.work
    assert await store.count() == 1
    assert (work.title, work.synthetic, work.open_library_work_id) == ("The Ferry", False, "OL1W")
    await agreed()


async def test_an_inferred_record_does_not_overwrite_a_confirmed_work(store, agreed):
    await store.save([a_record(work=confirmed("OL1W", description=None))])
    loud = inferred(title="The Ferry (Illustrated)", description="Told by Google.")
    await store.save([a_record(work=loud)])
    work = (await store.find_isbn(ISBN)).record.work
    assert (work.title, work.synthetic) == ("The Ferry to Morrow Island", False)
    assert work.description == "Told by Google."
    await agreed()


async def test_equal_title_and_author_join_inferred_works(store, agreed):
    await store.save([a_record(work=inferred())])
    again = a_record(
        title="Ferry to Morrow Island!",
        authors=("Holloway, Maren",),
        isbn=OTHER,
        work=inferred(title="Ferry to Morrow Island!"),
    )
    await store.save([again])
    assert await store.count() == 1
    await agreed()


async def test_equal_titles_by_different_people_stay_apart(store, agreed):
    await store.save([a_record(work=inferred())])
    await store.save([a_record(isbn=OTHER, authors=("Ann Other",), work=inferred())])
    assert await store.count() == 2
    await agreed()


async def test_books_of_nobody_are_joined_by_isbn_only(store, agreed):
    await store.save([a_record(authors=(), work=inferred())])
    await store.save([a_record(isbn=OTHER, authors=(), work=inferred())])
    assert await store.count() == 2
    await store.save([a_record(authors=(), work=inferred())])
    assert await store.count() == 2
    await agreed()


async def test_a_record_of_two_works_makes_them_one(store, agreed):
    first = a_record(work=inferred(description="First."))
    second = a_record(title="Le bac", isbn=OTHER, authors=("M. H.",), work=inferred(title="Le bac"))
    await store.save([first, second])
    assert await store.count() == 2
    both = a_record(editions=(an_edition(), an_edition(isbn=OTHER)), work=confirmed("OL1W"))
    await store.save([both])
    assert await store.count() == 1
    for isbn in (ISBN, OTHER):
        work = (await store.find_isbn(isbn)).record.work
        assert (work.open_library_work_id, work.description) == ("OL1W", "First.")
    await agreed()


async def test_an_edition_follows_open_library_to_another_work(store, agreed):
    await store.save(
        [a_record(work=confirmed("OL1W"), editions=(an_edition(), an_edition(isbn=OTHER)))]
    )
    await store.save(
        [a_record(work=confirmed("OL2W", title="Other"), editions=(an_edition(isbn=OTHER),))]
    )
    assert (await store.find_isbn(ISBN)).record.work.open_library_work_id == "OL1W"
    assert (await store.find_isbn(OTHER)).record.work.open_library_work_id == "OL2W"
    assert await store.count() == 2
    await agreed()


async def test_a_work_that_lost_all_editions_is_taken_over(store, agreed):
    await store.save([a_record(work=confirmed("OL1W", description="Kept."))])
    await store.save([a_record(work=confirmed("OL2W"))])
    assert await store.count() == 1
    assert (await store.find_isbn(ISBN)).record.work.description == "Kept."
    await agreed()


async def test_a_readers_edits_survive_a_union(store, agreed):
    edited = inferred(title="As I Say", review_status=ReviewStatus.USER_EDITED)
    await store.save(
        [
            a_record(work=confirmed("OL1W")),
            a_record(isbn=OTHER, title="x", authors=("Y",), work=edited),
        ]
    )
    both = (an_edition(), an_edition(isbn=OTHER))
    await store.save([a_record(work=confirmed("OL1W"), editions=both)])
    work = (await store.find_isbn(ISBN)).record.work
    assert (work.title, work.review_status) == ("As I Say", ReviewStatus.USER_EDITED)
    assert await store.count() == 1
    await agreed()


async def test_editions_of_one_volume_become_one_with_both_isbns(store, agreed):
    good = an_edition(isbndb_quality=90, publisher=None)
    other = an_edition(isbn=OTHER, isbndb_quality=20, publisher="Second House")
    await store.save([a_record(editions=(good, other))])
    isbns = (OTHER, ISBN, "0439708184", "1644100371")
    await store.save([a_record(editions=(an_edition(isbn=OTHER, isbns=isbns, publisher=None),))])
    edition = (await store.find_isbn(OTHER)).record.editions[0]
    assert (edition.isbn, edition.isbndb_quality, edition.publisher) == (ISBN, 90, "Second House")
    assert edition.isbns == (ISBN, OTHER, "1644100371", "0439708184")
    assert (await store.find_isbn(ISBN)).record.editions == (edition,)
    await agreed()


async def test_the_same_print_without_isbn_is_not_doubled(store, agreed):
    bare = a_record(editions=(an_edition(isbn=None),))
    await store.save([bare])
    await store.save([bare])
    await store.save([a_record()])
    editions = (await store.search("ferry", limit=5)).books[0].editions
    assert [edition.isbn for edition in editions] == [ISBN]
    await store.save([a_record(editions=(an_edition(isbn=None, publisher="Second House"),))])
    assert len((await store.search("ferry", limit=5)).books[0].editions) == 2
    await agreed()


async def test_people_of_one_name_are_one_unless_birth_years_contradict(store, agreed):
    def by(born: int | None, isbn: str, title: str):
        return by_person(an_author("John Gray", birth_year=born), isbn=isbn, title=title)

    await store.save([by(1948, ISBN, "Straw Dogs"), by(1951, OTHER, "Mars and Venus")])
    await store.save([by(None, THIRD, "Black Mass")])
    years = [
        (await store.find_isbn(isbn)).record.authors[0].birth_year for isbn in (ISBN, OTHER, THIRD)
    ]
    assert years == [1948, 1951, 1948]
    assert (await store.works_of("Gray, John")).total == 3
    await agreed()


async def test_an_id_makes_two_spellings_one_person(store, agreed):
    def by(name: str, isbn: str, title: str):
        return by_person(an_author(name, open_library_id="OL1A"), isbn=isbn, title=title)

    await store.save([by("J. K. Rowling", ISBN, "One"), by("Joanne Rowling", OTHER, "Two")])
    assert (await store.find_isbn(OTHER)).record.authors[0].name == "J. K. Rowling"
    assert (await store.works_of("J.K. Rowling")).total == 2
    await agreed()


async def test_facts_of_a_person_reach_their_other_books(store, agreed):
    await store.save([a_record(isbn=ISBN, title="One"), a_record(isbn=OTHER, title="Two")])
    told = by_person(
        an_author("Maren Holloway", death_year=2001),
        isbn=OTHER,
        title="Two",
        people={"Maren Holloway": PersonFacts(wikidata_id="Q9")},
    )
    await store.save([told])
    first = (await store.find_isbn(ISBN)).record
    assert first.authors[0].death_year == 2001
    assert first.people == {"Maren Holloway": PersonFacts(wikidata_id="Q9")}
    await agreed()


async def test_a_shorter_list_of_authors_does_not_replace_a_longer_one(store, agreed):
    await store.save([a_record(authors=("Ann Other", "Bob Third"))])
    await store.save([a_record(authors=("Ann Other",))])
    names = [author.name for author in (await store.find_isbn(ISBN)).record.authors]
    assert names == ["Ann Other", "Bob Third"]
    await store.save([a_record(authors=("Bob Third", "Ann Other"))])
    names = [author.name for author in (await store.find_isbn(ISBN)).record.authors]
    assert names == ["Bob Third", "Ann Other"]
    await agreed()


async def test_one_batch_decides_as_single_saves_do(store, agreed):
    records = [
        a_record(work=inferred()),
        a_record(isbn=OTHER, work=inferred()),
        a_record(work=confirmed("OL1W")),
        a_record(editions=(an_edition(), an_edition(isbn=THIRD))),
    ]
    await store.save(records)
    assert await store.count() == 1
    assert {e.isbn for e in (await store.search("ferry", limit=1)).books[0].editions} == {
        ISBN,
        OTHER,
        THIRD,
    }
    await agreed()
