"""Orders of an author's works."""

from __future__ import annotations

import pytest

from bookstrack.model.book import Work
from bookstrack.model.enums import AuthorSort
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.providers.bibliography import in_order


def book(title: str, year: int | None, editions: int | None) -> BookRecord:
    work = Work(title=title, first_publication_year=year)
    return BookRecord(provider=ProviderId.OPEN_LIBRARY, work=work, edition_count=editions)


BOOKS = [
    book("Undated", None, 9),
    book("The Beta", 1990, 2),
    book("Alpha", 1990, None),
    book("Gamma", 2001, 30),
    book("Also Undated", None, 1),
]


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        (AuthorSort.NEWEST, ["Gamma", "Alpha", "The Beta", "Also Undated", "Undated"]),
        (AuthorSort.OLDEST, ["Alpha", "The Beta", "Gamma", "Also Undated", "Undated"]),
        (AuthorSort.TITLE, ["Alpha", "Also Undated", "The Beta", "Gamma", "Undated"]),
        (AuthorSort.POPULARITY, ["Gamma", "Undated", "The Beta", "Also Undated", "Alpha"]),
    ],
)
def test_orders(sort, titles):
    assert [record.work.title for record in in_order(BOOKS, sort)] == titles
