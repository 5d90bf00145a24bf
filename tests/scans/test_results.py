"""Detections become books: once each, over all photos, approved from the threshold on."""

from __future__ import annotations

from typing import Any

import pytest

from bookstrack.scans.detection import BookFormat, Box, Detection
from bookstrack.scans.results import SeenBook, collect, same, with_barcodes

LEFT, RIGHT = Box.between(0.1, 0.1, 0.2, 0.9), Box.between(0.5, 0.1, 0.6, 0.9)
ISBN, OTHER_ISBN = "9780316074315", "9780306406157"


def seen(title: str = "Babel", author: str | None = "R. F. Kuang", **facts: Any) -> Detection:
    facts.setdefault("confidence", 0.9)
    facts.setdefault("box", LEFT)
    return Detection(title=title, author=author, **facts)


def only(*photos: list[Detection], **options: Any) -> SeenBook:
    (book,) = collect(enumerate(photos), **options)
    return book


def test_one_book_on_two_photos():
    book = only([seen(confidence=0.8)], [seen(author="R.F. KUANG", confidence=0.9, box=RIGHT)])

    assert (book.photos, book.copies) == ((1, 0), 1)
    assert [(place.photo, place.number) for place in book.places] == [(1, 0), (0, 0)]
    assert book.detection.confidence == 0.9


def test_two_copies_on_one_photo():
    assert only([seen(), seen(box=RIGHT)]).copies == 2
    assert only([seen(), seen()]).copies == 1
    assert only([seen(box=Box()), seen(box=Box())]).copies == 1


def test_gaps_are_filled_from_the_other():
    first = seen(author=None, confidence=0.9)
    second = seen(isbn=ISBN, format=BookFormat.HARDCOVER, confidence=0.5, work_id="7")

    book = only([first], [second])

    found = book.detection
    assert (found.author, found.isbn, found.format) == ("R. F. Kuang", ISBN, "hardcover")
    assert (found.confidence, found.work_id) == (0.9, "7")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (seen(isbn=ISBN), seen("Else", "Nobody", isbn=ISBN), True),
        (seen(isbn=ISBN), seen(isbn=OTHER_ISBN), False),
        (seen(isbn=ISBN), seen(), True),
        (seen("The Sellout", "Paul Beatty"), seen("SELLOUT", "BEATTY"), True),
        (seen("The Sellout", "Paul Beatty"), seen("The Sellout", "Anna Roth"), False),
        (seen("The Sellout", "Paul Beatty"), seen("The Sell out", None), True),
        (seen("The Sellout", None), seen("The Dinner", None), False),
        (seen("Attached", "Amir Levine, Rachel Heller"), seen("Attached", "Heller"), True),
        (seen("Attached", "Amir Levine and Rachel Heller"), seen("Attached", "A. Levine"), True),
        (seen(""), seen(""), False),
    ],
)
def test_same(one, other, expected):
    assert same(one, other) is expected
    assert same(other, one) is expected


GUESS = {"isbn": OTHER_ISBN, "isbn_guessed": True}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (seen(**GUESS), seen(isbn=ISBN), True),
        (seen(**GUESS), seen(isbn=ISBN, isbn_guessed=True), True),
        (seen(**GUESS), seen("Yellowface", isbn=ISBN), False),
        (seen(**GUESS), seen("Yellowface", isbn=OTHER_ISBN), True),
    ],
)
def test_a_number_that_nobody_read_parts_no_books(one, other, expected):
    assert same(one, other) is expected
    assert same(other, one) is expected


def test_a_number_that_was_read_wins_over_a_guess():
    for first, second in ((0.9, 0.6), (0.6, 0.9)):
        book = only([seen(**GUESS, confidence=first)], [seen(isbn=ISBN, confidence=second)])
        assert (book.detection.isbn, book.detection.isbn_guessed) == (ISBN, False)
    kept = only([seen(**GUESS)], [seen()])
    assert (kept.detection.isbn, kept.detection.isbn_guessed) == (OTHER_ISBN, True)


def test_a_barcode_corrects_a_guess():
    code = Detection(title="", isbn=ISBN, confidence=0.99, box=LEFT)

    (found,) = with_barcodes([seen(**GUESS)], [code])

    assert (found.title, found.isbn, found.isbn_guessed) == ("Babel", ISBN, False)


@pytest.mark.parametrize(
    ("confidence", "threshold", "approved"),
    [(0.7, 0.7, True), (0.69, 0.7, False), (0.5, 0.4, True), (0.94, 0.95, False)],
)
def test_threshold(confidence, threshold, approved):
    assert only([seen(confidence=confidence)], threshold=threshold).approved is approved


def test_order_is_that_of_seeing():
    books = collect([(3, [seen("B"), seen("A")]), (1, [seen("C"), seen("B")])])

    assert [book.detection.title for book in books] == ["B", "A", "C"]
    assert [book.photos for book in books] == [(3, 1), (3,), (1,)]


def test_a_barcode_on_a_book_that_was_seen():
    code = Detection(title="", isbn=ISBN, confidence=0.99, box=Box.between(0.12, 0.7, 0.18, 0.8))

    (found,) = with_barcodes([seen(confidence=0.6)], [code])

    assert (found.title, found.isbn, found.confidence) == ("Babel", ISBN, 0.99)


def test_a_barcode_elsewhere_is_a_book_of_its_own():
    code = Detection(title="", isbn=ISBN, confidence=0.99, box=RIGHT)

    assert with_barcodes([seen()], [code]) == [seen(), code]
    assert with_barcodes([], [code]) == [code]


def test_a_barcode_that_contradicts():
    code = Detection(title="", isbn=ISBN, confidence=0.99, box=LEFT)

    assert len(with_barcodes([seen(isbn=OTHER_ISBN)], [code])) == 2


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((0.1, 0.2, 0.3, 0.6), (0.1, 0.2, 0.2, 0.4)),
        ((0.3, 0.6, 0.1, 0.2), (0.1, 0.2, 0.2, 0.4)),
        ((-0.5, 0.5, 1.5, 2.0), (0.0, 0.5, 1.0, 0.5)),
        ((0.2, 0.2, 0.2, 0.9), (0.0, 0.0, 0.0, 0.0)),
        ((1.2, 0.2, 1.4, 0.9), (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_boxes(corners, expected):
    box = Box.between(*corners)

    assert (box.x, box.y, box.width, box.height) == pytest.approx(expected)
    assert (box.x1, box.y1) == (box.x, box.y)
    assert (box.x2, box.y2) == pytest.approx((box.x + box.width, box.y + box.height))


def test_boxes_together():
    assert LEFT.around(RIGHT) == Box.between(0.1, 0.1, 0.6, 0.9)
    assert LEFT.around(Box()) == LEFT
    assert Box().around(LEFT) == LEFT
    assert LEFT.overlap(RIGHT) == 0
    assert LEFT.overlap(Box()) == 0
    assert LEFT.overlap(LEFT) == pytest.approx(1)


def test_places_tell_which_detection_it_was():
    books = collect([(4, [seen("A", confidence=0.5), seen("B")]), (7, [seen("B"), seen("A")])])

    places = [[(place.photo, place.number) for place in book.places] for book in books]
    assert places == [[(7, 1), (4, 0)], [(4, 1), (7, 0)]]
