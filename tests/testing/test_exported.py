"""Export files that the fake providers know the books of."""

from __future__ import annotations

from bookstrack.testing.exported import EXPORTED, exported_books
from bookstrack.testing.upstream import FakeUpstream

FILE = (
    b"Title,Author,ISBN,Publisher,Pages,Year\n"
    b"Quiet Harbours,Ann Author & Bo Berg,9780306406157,Own House,123,1999\n"
    b'"Old Walls (City, #2)",Ann Author,,,,-30\n'
    b",,12,,,\n"
)


def test_each_book_becomes_a_work_with_its_people():
    works, people = exported_books(FILE)
    assert [(work.number, work.title, work.authors) for work in works] == [
        (EXPORTED, "Quiet Harbours", (EXPORTED, EXPORTED + 1)),
        (EXPORTED + 1, "Old Walls", (EXPORTED,)),
    ]
    assert [person.name for person in people] == ["Ann Author", "Bo Berg"]
    (printing,) = works[0].printings
    assert (printing.isbn, printing.publisher, printing.pages, printing.date) == (
        "9780306406157",
        "Own House",
        123,
        "1999",
    )
    assert works[1].printings[0].isbn is None


async def test_the_providers_find_them_by_number_and_by_words():
    async with FakeUpstream() as upstream:
        before = len(upstream.catalogue.works)
        upstream.add_export(FILE)
        catalogue = upstream.catalogue
        assert catalogue.work_of(catalogue.by_isbn("0306406152")).title == "Quiet Harbours"
        (found,) = catalogue.find(title="old walls", author="Author")
        assert catalogue.volume(found.volume_id) is catalogue.printing(found.number) is found
        assert [person.name for person in catalogue.people_named("bo berg")] == ["Bo Berg"]
        assert len(catalogue.works) == before + 2
        upstream.add_books(3)
        assert len(catalogue.works) == before + 5
