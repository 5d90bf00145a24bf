"""The index in memory finds books by words that were read badly."""

from __future__ import annotations

import pytest

from bookstrack.scans.candidates import BookIndex, Candidate

BOOKS = [
    Candidate(title="The Luminaries", authors=("Eleanor Catton",)),
    Candidate(title="Das Schattenhaus", authors=("Tess Gerritsen",)),
    Candidate(title="The Body Keeps the Score", authors=("Bessel van der Kolk",)),
    Candidate(title="Body of Evidence", authors=("Patricia Cornwell",)),
    Candidate(title="Attached", authors=("Amir Levine",), subtitle="The New Science of Love"),
]
INDEX = BookIndex(BOOKS)


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (["luminaries"], "The Luminaries"),
        (["luminanies"], "The Luminaries"),
        (["gerpitsen"], "Das Schattenhaus"),
        (["schatten"], "Das Schattenhaus"),
        (["bodykeepsthescore"], "The Body Keeps the Score"),
        (["keeps", "body"], "The Body Keeps the Score"),
        (["science", "love"], "Attached"),
    ],
)
async def test_found_first(words, title):
    found = await INDEX.find(words, most=3)

    assert found[0].title == title


def test_no_more_than_asked_for():
    assert len(INDEX.search(["body"], most=1)) == 1
    assert len(INDEX.search(["body"], most=5)) == 2


@pytest.mark.parametrize("words", [[], ["qqqq"], [""], ["xyzzyxyzzyxyzzy"]])
def test_nothing_found(words):
    assert INDEX.search(words, most=5) == []


def test_length_and_emptiness():
    assert len(INDEX) == 5
    assert BookIndex([]).search(["body"], most=5) == []
