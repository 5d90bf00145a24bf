"""Text that somebody sends us to keep the event loop busy: 50 KB of whatever is slow to read.

The bound is generous. Time that grows with the square of the length takes seconds here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bookstrack.normalise.dates import parse_date
from bookstrack.normalise.formats import edition_format
from bookstrack.normalise.genres import genres
from bookstrack.normalise.images import image_key
from bookstrack.normalise.markup import plain_text, without_footnotes
from bookstrack.normalise.numbers import page_count
from bookstrack.normalise.titles import display_name, name_key, title_key
from bookstrack.normalise.volumes import is_same_volume, numbered

LENGTH = 50_000
BOUND_S = 0.5
PIECES = (
    *("~", "(", "[", "(1111 ", "1111 ", "((1990", ",", " ", "a, ", "(#", "ed., ", "(ed.,", "ed./"),
    *(
        "<",
        "<a ",
        "<script>",
        "<style>",
        "<!--",
        "<br ",
        "<br\n",
        "</script",
        "&amp;",
        "amp;",
        "&#9",
    ),
    *("[1", "[1]", "[source", "[[", "](", "[a](https:", "[a]:\n", "\n[", "\n", "\n-", "\n----"),
    *(" -- ", "-- fiction", "_fiction", " & ", " / ", "vol ", "vol i ", "part one ", "bound "),
)


def read_as_name(text: str) -> object:
    return display_name(text), name_key(text)


def read_as_date(text: str) -> object:
    return parse_date(text, this_year=2026)


def read_as_subject(text: str) -> object:
    return genres((text,))


def read_as_volume(text: str) -> object:
    return is_same_volume(text[:2_500], "Vol. 1"), numbered(text[:2_500])


READERS: tuple[Callable[[str], object], ...] = (
    read_as_name,
    title_key,
    plain_text,
    without_footnotes,
    read_as_date,
    read_as_subject,
    read_as_volume,
    edition_format,
    page_count,
    image_key,
)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_no_text_takes_long(read: Callable[[str], object]) -> None:
    slow: dict[str, float] = {}
    for piece in PIECES:
        for before, after in (("", ""), ("x", "x"), ("(", ""), ("A (1990", " x)"), ("<br", "")):
            text = before + (piece * LENGTH)[: LENGTH - 10] + after
            start = time.process_time()
            read(text)
            taken = time.process_time() - start
            if taken > BOUND_S:
                slow[before + piece] = taken
                break
    assert slow == {}


def test_roles_joined_without_end_are_read_once() -> None:
    start = time.process_time()
    display_name("Ann Other, " + "ed./" * 100 + "x")
    display_name("Ann Other (" + "ed., " * 90 + "x)")
    assert time.process_time() - start < BOUND_S


def test_a_number_that_is_no_character_is_no_failure() -> None:
    assert plain_text("a &#" + "9" * 5_000 + "; b") == "a \ufffd b"


def test_hidden_text_goes_whatever_it_holds() -> None:
    text = "a<script>if (1 < 2) x()</script >b<!-- <p> -->c<style media='x'>p {}</STYLE>d"
    assert plain_text(text) == "abcd"
    assert plain_text("a<script>never ended") == "anever ended"
    assert plain_text("a<!-- never ended") == "a<!-- never ended"
