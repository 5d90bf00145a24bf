"""A book that only its barcode named is the one whose spine another photo shows (§2.7)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from PIL import Image

from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.book import Book as Flat
from bookstrack.pipelines.scan_items import Book, BookResult
from bookstrack.pipelines.scan_merging import each_once
from bookstrack.scans.detection import Box, Detection
from bookstrack.scans.results import collect
from photos import FERRY, drawn, events, said, scan, scanned, seen
from served import start, upstream

__all__ = ["start", "upstream"]

ISBN, OTHER = "9781644100370", "9780306406157"
LEFT, RIGHT = Box.between(0.1, 0.1, 0.2, 0.9), Box.between(0.5, 0.1, 0.6, 0.9)


def found(title: str, *authors: str, isbns: tuple[str, ...] = ()) -> BookResult:
    data = SearchData(
        works=(Work(title=title),),
        editions=(Edition(title=title, isbns=isbns),),
        authors=tuple(Author(name=name) for name in authors),
        books=(Flat(title=title, authors=authors),),
    )
    return BookResult(
        status=EnrichmentStatus.SUCCESS, ended=5, found=Raw(msgspec.json.encode(data))
    )


NOTHING = BookResult(status=EnrichmentStatus.NOT_FOUND, ended=5, error="no")


def spine(title: str, author: str | None = None, **facts: Any) -> Detection:
    return Detection(title=title, author=author, **{"confidence": 0.6, "box": LEFT, **facts})


def code(isbn: str = ISBN, **facts: Any) -> Detection:
    return Detection(title="", isbn=isbn, **{"confidence": 0.99, "box": RIGHT, **facts})


def merged(photos: list[list[Detection]], results: list[BookResult | None]) -> list[Book]:
    books = [
        Book(seen=seen, result=result)
        for seen, result in zip(collect(enumerate(photos)), results, strict=True)
    ]
    return each_once(books, threshold=0.7)


@pytest.mark.parametrize(
    ("on_spine", "in_catalogue", "one"),
    [
        (("BABEL", "R.F. KUANG"), ("Babel", "R. F. Kuang"), True),
        (("Babel", "Kuang"), ("Babel: An Arcane History", "R. F. Kuang"), True),
        (("Babel", None), ("Babel", "R. F. Kuang"), True),
        (("Babel", "Somebody Else"), ("Babel", "R. F. Kuang"), False),
        (("Yellowface", "R. F. Kuang"), ("Babel", "R. F. Kuang"), False),
        (("Good Omens", "Gaiman"), ("Good Omens", "Terry Pratchett, Neil Gaiman"), True),
    ],
)
def test_title_and_surname_tell(on_spine, in_catalogue, one):
    title, authors = in_catalogue
    known = found(title, *authors.split(", "))
    books = merged([[spine(*on_spine)], [code()]], [NOTHING, known])
    assert len(books) == (1 if one else 2)
    if one:
        (book,) = books
        assert (book.seen.detection.title, book.seen.detection.isbn) == (on_spine[0], ISBN)
        assert book.seen.detection.confidence == 0.99
        assert book.seen.approved
        assert sorted(book.seen.photos) == [0, 1]
        assert book.result == known


def test_an_edition_of_the_spines_book_that_bears_the_number_tells():
    books = merged(
        [[spine("Die Fähre")], [code()]],
        [found("Die Fähre", "Holloway", isbns=(ISBN,)), found("The Ferry", "Holloway")],
    )
    assert len(books) == 1


@pytest.mark.parametrize(
    ("first", "results"),
    [
        (spine("Babel"), [NOTHING, NOTHING]),
        (spine("Babel"), [NOTHING, None]),
        (spine("Babel", isbn=OTHER), [NOTHING, found("Babel")]),
        (spine("Zab", isbn=OTHER, isbn_guessed=True), [NOTHING, found("Babel")]),
        (code(OTHER, box=LEFT), [found("Babel"), found("Babel")]),
        (code(OTHER, box=LEFT), [NOTHING, found("Babel")]),
    ],
)
def test_nothing_else_does(first, results):
    assert len(merged([[first], [code()]], results)) == 2


def test_a_number_that_a_source_has_guessed_is_no_other_book():
    on_spine = spine("Babel", "Kuang", isbn=OTHER, isbn_guessed=True)
    (book,) = merged([[on_spine], [code()]], [found("Babel", "Kuang"), found("Babel", "Kuang")])
    assert book.seen.detection.isbn == ISBN


def test_the_order_is_that_of_seeing():
    photos = [[code(), spine("Qwv", box=Box())], [spine("Babel"), spine("Zab")]]
    books = merged(photos, [found("Babel", "Kuang"), NOTHING, NOTHING, NOTHING])
    assert [book.seen.detection.title for book in books] == ["Babel", "Qwv", "Zab"]
    assert books[0].seen.detection.isbn == ISBN


def test_two_places_of_one_photo_are_two_copies():
    known = found("Babel", "Kuang")
    (book,) = merged([[spine("Babel"), code()]], [NOTHING, known])
    assert (book.seen.copies, book.seen.photos) == (2, (0,))
    (book,) = merged([[spine("Babel")], [code()]], [NOTHING, known])
    assert (book.seen.copies, sorted(book.seen.photos)) == (1, [0, 1])


def test_several_spines_of_one_number_are_still_one_book():
    photos = [[spine("Babel", "Kuang")], [spine("BABEL", "R. F. Kuang")], [code()]]
    (book,) = merged(photos, [NOTHING, found("Babel", "R. F. Kuang")])
    assert sorted(book.seen.photos) == [0, 1, 2]


def backs(*isbns: str) -> bytes:
    """A photo of barcodes side by side."""
    zxingcpp = pytest.importorskip("zxingcpp")
    page = Image.new("RGB", (1500, 700), "white")
    for place, isbn in enumerate(isbns):
        drawn_code = zxingcpp.create_barcode(isbn, zxingcpp.BarcodeFormat.EAN13).to_image(scale=3)
        page.paste(Image.fromarray(drawn_code).convert("RGB"), (100 + 600 * place, 200))
    held = BytesIO()
    page.save(held, "PNG")
    return held.getvalue()


async def test_the_counts_of_a_scan_agree(start):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1")
    api.upstream.gemini.otherwise = said(seen(**FERRY, confidence=0.6), seen("Qwv Zab"))
    await scanned(api, drawn())  # is kept, so that this photo shows them and the other none
    api.upstream.gemini.otherwise = said()
    answer = await scan(api, drawn(), backs(ISBN, OTHER))
    job_id = answer.json["jobId"]
    found = await events(api, job_id)
    results = (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]
    assert [(book["title"], book.get("isbn")) for book in results["books"]] == [
        (FERRY["title"], ISBN),
        ("Qwv Zab", None),
        ("", OTHER),
    ]
    ferry = results["books"][0]
    assert (sorted(ferry["photos"]), ferry["confidence"], ferry["approved"]) == ([0, 1], 0.99, True)
    assert (ferry["enrichmentStatus"], ferry["author"]) == ("success", FERRY["author"])
    summary = results["summary"]
    assert (results["booksDetected"], results["booksUnique"]) == (4, 3)
    assert results["approved"] + results["needsReview"] == results["booksUnique"] == 3
    assert results["totalDetected"] == summary["totalProcessed"] == summary["booksUnique"] == 3
    assert (summary["successCount"], summary["failureCount"]) == (3, 0)
    assert results["booksEnriched"] == summary["enrichedCount"] == 1
    last = found[-1][1]
    assert (last["booksUnique"], last["summary"]["booksUnique"]) == (3, 3)
