"""Scores of answers (data-model §6.7, http-api §2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.catalogue.quality import completeness, cover_quality, data_quality, image_quality
from bookstrack.model.book import Book

GOOGLE = "https://books.google.com/books/content?id=a&zoom="
OPEN_LIBRARY = "https://covers.openlibrary.org/b/id/1-"
HIGH, MEDIUM, LOW = OPEN_LIBRARY + "L.jpg", OPEN_LIBRARY + "M.jpg", OPEN_LIBRARY + "S.jpg"


def book(*, isbn: bool = False, cover: str | None = None, letters: int = 0) -> Book:
    return Book(
        title="X",
        isbn="9780804139021" if isbn else None,
        cover_url=cover,
        description="x" * letters or None,
    )


@pytest.mark.parametrize(
    ("books", "score"),
    [
        ([], 0.0),
        ([book()], 0.0),
        ([book(isbn=True)], 0.4),
        ([book(cover=HIGH)], 0.4),
        ([book(letters=100)], 0.0),
        ([book(letters=101)], 0.2),
        ([book(isbn=True, cover=HIGH, letters=101)], 1.0),
        ([book(isbn=True, cover=HIGH, letters=101), book()], 0.5),
    ],
)
def test_data_quality(books: list[Book], score: float) -> None:
    assert data_quality(books) == score


@pytest.mark.parametrize(
    ("books", "percent"),
    [
        ([], 0),
        ([book(isbn=True)], 0),
        ([book(isbn=True, cover=LOW)], 100),
        ([book(isbn=True, cover=LOW), book(), book(cover=LOW)], 33),
    ],
)
def test_completeness(books: list[Book], percent: int) -> None:
    assert completeness(books) == percent


@pytest.mark.parametrize(
    ("url", "level"),
    [
        (GOOGLE + "0", "low"),
        (GOOGLE + "1", "high"),
        (GOOGLE + "2", "high"),
        (GOOGLE + "3", "medium"),
        (GOOGLE + "5", "medium"),
        ("https://books.google.com/books/content?id=a", "medium"),
        ("https://other.example.com/x?zoom=1", "medium"),
        (HIGH, "high"),
        (MEDIUM, "medium"),
        (LOW, "low"),
        (HIGH + "?default=false", "high"),
        ("https://images.isbndb.com/covers/1.jpg", "medium"),
        ("", "missing"),
        (None, "missing"),
    ],
)
def test_cover_quality(url: str | None, level: str) -> None:
    assert cover_quality(url) == level


@pytest.mark.parametrize(
    ("covers", "level"),
    [
        ([], "missing"),
        ([HIGH], "high"),
        ([HIGH, HIGH, LOW], "high"),
        ([HIGH, LOW], "low"),
        ([HIGH, MEDIUM], "medium"),
        ([MEDIUM, LOW, LOW], "medium"),
        ([MEDIUM] * 3 + [LOW] * 7, "low"),
        ([None, None, HIGH], "missing"),
        ([None, LOW], "low"),
        ([None], "missing"),
    ],
)
def test_image_quality(covers: list[str | None], level: str) -> None:
    assert image_quality([book(cover=cover) for cover in covers]) == level


@given(st.lists(st.builds(book, isbn=st.booleans(), cover=st.sampled_from([None, HIGH]))))
def test_scores_stay_in_their_range(books: list[Book]) -> None:
    assert 0 <= data_quality(books) <= 1
    assert 0 <= completeness(books) <= 100
