"""Reading loosely typed values: clean or nothing, never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookstrack.model.isbn import Isbn
from bookstrack.model.record import Rating
from bookstrack.providers import reading

RELAXED = settings(deadline=None)  # the machine may be busy
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("  The \x00 Martian\n", "The Martian"),
        ("Arts &amp; Crafts", "Arts & Crafts"),
        (1984, "1984"),
        (" \t", None),
        (True, None),
        (["x"], None),
        ({"value": "x"}, None),
        (None, None),
    ],
)
def test_text_is_one_clean_line(value, line):
    assert reading.text(value) == line


def test_prose_reads_a_text_or_an_object():
    assert reading.prose(" a\nb ") == "a\nb"
    assert reading.prose({"type": "/type/text", "value": "a"}) == "a"
    assert reading.prose({"value": 3}) is None
    assert reading.prose([]) is None


def test_texts_of_a_list_are_distinct_and_clean():
    assert reading.texts(["b", None, " b", "", {"x": 1}, "a", 7]) == ("b", "a", "7")
    assert reading.texts("one") == ("one",)
    assert reading.texts(None) == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [(3, 3), ("4", 4), (2.9, 2), (0, None), (-1, None), ("x", None), (None, None), (10**400, None)],
)
def test_whole_numbers_above_zero(value, found):
    assert reading.whole(value) == found


@pytest.mark.parametrize(
    ("average", "count", "found"),
    [
        (4.125, 3, Rating(average=4.12, count=3)),
        ("4", "12", Rating(average=4.0, count=12)),
        (5.5, 3, None),
        (4, 0, None),
        (None, 3, None),
    ],
)
def test_ratings_need_a_reader_and_a_plausible_mean(average, count, found):
    assert reading.rating(average, count) == found


def test_unknown_publishers_are_absent():
    assert reading.publisher("unknown") is None
    assert reading.publisher(["Tor Books", "Gollancz"]) == "Tor Books"


def test_authors_are_unique_by_name_and_never_none():
    names = [author.name for author in reading.named(["Weir, Andy", "Andy Weir", "A. Lee", "  "])]
    assert names == ["Andy Weir", "A. Lee"]
    assert [author.name for author in reading.named([])] == ["Unknown Author"]


def test_the_asked_isbn_comes_first_where_it_is_printed():
    asked = Isbn.parse("0439708184")
    assert reading.with_first(["9780064471831", "0439708184"], asked) == [
        "9780439708180", "9780064471831", "0439708184",
    ]  # fmt: skip
    assert reading.with_first(["9780064471831"], asked) == ["9780064471831"]
    assert reading.with_first(["9780064471831"], None) == ["9780064471831"]


@RELAXED
@given(JSON)
def test_nothing_that_json_holds_raises(value):
    assert isinstance(reading.text(value), str | None)
    assert isinstance(reading.prose(value), str | None)
    assert all(isinstance(text, str) for text in reading.texts(value))
    assert isinstance(reading.number(value), float | None)
    assert (reading.whole(value) or 1) >= 1
    assert isinstance(reading.members(value), dict)
    assert isinstance(reading.elements(value), list)
    assert isinstance(reading.date_value(value), str | int | None)
    assert isinstance(reading.publisher(value), str | None)
    reading.rating(value, value)


def test_endless_texts_are_cut_before_they_are_read() -> None:
    assert len(reading.text("x" * 50_000) or "") == 2_500
    assert len(reading.prose("x" * 90_000) or "") == 50_000
    assert reading.text("&#" + "9" * 5_000 + ";") == "\ufffd"
    assert len(reading.named(["x" * 50_000])[0].name) == 500
