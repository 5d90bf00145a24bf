"""Which books are taken for the one on a spine (§2.7)."""

from __future__ import annotations

import pytest

from bookstrack.enrichment.books import Enriched, EnrichmentStatus
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.pipelines.scan_enrichment import enriched, fits
from bookstrack.scans.detection import Detection


def found(title: str, *authors: str) -> SearchData:
    return SearchData(
        works=(Work(title=title),),
        editions=(Edition(title=title),),
        authors=tuple(Author(name=name) for name in authors),
        books=(Book(title=title, authors=authors),),
    )


@pytest.mark.parametrize(
    ("spine", "author", "title", "authors", "same"),
    [
        ("BABEL", "R.F. KUANG", "Babel", ["R. F. Kuang"], True),
        ("Babel", "KUANG", "Babel: An Arcane History", ["R. F. Kuang"], True),
        ("The Body Keeps the Score", None, "The Body Keeps the Score", ["B. van der Kolk"], True),
        ("Rodham", "Curtis Sittenfeld", "Rodham (Roman)", ["Curtis Sittenfeld"], True),
        ("Rodharn", "Sittenfeld", "Rodham", ["Curtis Sittenfeld"], True),
        ("Rodham", "Somebody Else", "Rodham", ["Curtis Sittenfeld"], False),
        ("The Sellout", "Paul Beatty", "Slumberland", ["Paul Beatty"], False),
        ("Good Omens", "Pratchett & Gaiman", "Good Omens", ["Terry Pratchett"], True),
        ("", None, "Whatever", [], True),
        ("Whatever", "Nobody", "Whatever", [], True),
    ],
)
def test_title_and_surname_have_to_fit(spine, author, title, authors, same):
    detection = Detection(title=spine, author=author, confidence=0.9)
    assert fits(found(title, *authors), detection) is same


class Lookups:
    def __init__(self) -> None:
        self.asked = []

    async def enrich(self, book):
        self.asked.append((book.title, book.author, book.isbn))
        return Enriched(status=EnrichmentStatus.NOT_FOUND)


@pytest.mark.parametrize(
    ("printed", "asked"),
    [
        ("Terry Pratchett, Neil Gaiman", "Terry Pratchett & Neil Gaiman"),
        ("Kuang, R. F.", "Kuang, R. F."),
        ("van der Kolk, Bessel", "van der Kolk, Bessel"),
        (None, ""),
    ],
)
async def test_several_authors_are_asked_for_as_such(printed, asked):
    lookups = Lookups()
    result = await enriched(lookups, Detection(title="T", author=printed, confidence=0.9), at_ms=5)
    assert lookups.asked == [("T", asked, "")]
    assert (result.status, result.ended) == ("not_found", 5)
