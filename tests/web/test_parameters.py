"""Query parameters: trimmed, cut, required, and refused with the error that names them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.errors import InvalidIsbn, InvalidQuery, MissingParameter
from bookstrack.web import parameters


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, ""),
        ("", ""),
        ("  Dune  ", "Dune"),
        ("The\tLeft\nHand\x00of", "The Left Hand of"),
        ("雪国", "雪国"),
        ("a" * 300, "a" * 200),
        ("a" * 199 + "  b", "a" * 199),
    ],
)
def test_text(given, read):
    assert parameters.text(given) == read


@given(st.text())
def test_text_is_printable_short_and_stable(given):
    read = parameters.text(given)
    assert read.isprintable()
    assert len(read) <= 200
    assert read == read.strip() == parameters.text(read)


def test_query_text_takes_the_first_that_is_given():
    assert parameters.query_text(None, " ", "Dune", "Emma", name="q") == "Dune"


@pytest.mark.parametrize("values", [(), (None,), ("",), (" a ",), ("\x00",)])
def test_query_text_refuses_what_is_too_short(values):
    with pytest.raises(InvalidQuery) as caught:
        parameters.query_text(*values, name="q")
    assert caught.value.message == "q must have at least 2 characters"
    assert caught.value.details == {"parameter": "q"}


def test_required_takes_one_character():
    assert parameters.required(" a ", "title") == "a"


@pytest.mark.parametrize("value", [None, "", "  ", "\t"])
def test_required_refuses_nothing(value):
    with pytest.raises(MissingParameter) as caught:
        parameters.required(value, "title")
    assert caught.value.message == "title is required"
    assert caught.value.details == {"parameter": "title"}


def test_isbn():
    assert parameters.isbn("978-0-261-10334-4").canonical == "9780261103344"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_isbn_refuses_nothing(value):
    with pytest.raises(InvalidIsbn) as caught:
        parameters.isbn(value)
    assert caught.value.details == {"parameter": "isbn"}


def test_isbn_refuses_what_is_none():
    with pytest.raises(InvalidIsbn):
        parameters.isbn("12345")


@pytest.mark.parametrize(
    ("limit", "max_results", "size"), [(5, 7, 5), (None, 7, 7), (None, None, 20)]
)
def test_page(limit, max_results, size):
    assert parameters.page(limit, max_results, default=20) == size
