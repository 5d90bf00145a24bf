"""Subjects of all sources as genres (data-model §6.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.genre_tables import CANONICAL, VARIATIONS
from bookstrack.normalise.genres import genres


@pytest.mark.parametrize(
    ("subject", "tags"),
    [
        # Google's hierarchy
        ("Fiction / Science Fiction / General", ["Fiction", "Science Fiction"]),
        ("Fiction / Science Fiction / Dystopian", ["Dystopian", "Fiction", "Science Fiction"]),
        ("Fiction / Fantasy / General", ["Fantasy", "Fiction"]),
        ("Fiction / Fantasy / Epic", ["Fantasy", "Fiction"]),
        ("Fiction / Mystery & Detective / General", ["Fiction", "Mystery"]),
        ("Fiction / Thrillers / General", ["Fiction", "Thriller"]),
        ("Fiction / Romance / General", ["Fiction", "Romance"]),
        ("Fiction / Horror", ["Fiction", "Horror"]),
        ("Fiction / Literary", ["Fiction", "Literary Fiction"]),
        ("Fiction / Historical / General", ["Fiction", "Historical Fiction"]),
        ("Fiction / Crime", ["Fiction", "Mystery"]),
        ("Fiction / Sea Stories", ["Fiction", "Sea Stories"]),
        ("Juvenile Fiction / Fantasy & Magic", ["Children's", "Fantasy", "Fiction"]),
        ("Juvenile Fiction", ["Children's", "Fiction"]),
        ("Juvenile Nonfiction / Animals", ["Animals", "Children's"]),
        ("Biography & Autobiography / Historical", ["Biography", "History"]),
        ("Biography & Autobiography", ["Biography"]),
        ("Business & Economics / General", ["Business"]),
        ("Comics & Graphic Novels / Manga", ["Graphic Novels"]),
        (" / Fiction / ", ["Fiction"]),
        # ISBNdb
        ("Science Fiction & Fantasy", ["Fantasy", "Science Fiction"]),
        ("Mystery & Thriller", ["Mystery", "Thriller"]),
        ("Romance & Fiction", ["Fiction", "Romance"]),
        ("Mystery/Thriller", ["Mystery", "Thriller"]),
        ("Self Service", []),
        ("Custom Stores", []),
        # Open Library
        ("Dystopian fiction", ["Dystopian", "Science Fiction"]),
        ("Science fiction", ["Science Fiction"]),
        ("Fantasy fiction", ["Fantasy"]),
        ("Detective and mystery stories", ["Mystery"]),
        ("Classic Literature", ["Classics", "Literary Fiction"]),
        ("Fiction, science fiction, general", ["Fiction", "Science Fiction"]),
        ("Fiction, historical", ["Fiction", "Historical Fiction"]),
        ("Dragons, fiction", ["Dragons", "Fiction"]),
        ("Horror, Fiction.", ["Fiction", "Horror"]),
        ("Wizards -- Fiction.", ["Fiction", "Wizards"]),
        ("Magic -- Juvenile fiction", ["Children's", "Fiction", "Magic"]),
        ("-- Fiction", ["Fiction"]),
        ("Italy -- Description and travel", ["Italy -- Description and travel"]),
        ("HORROR_FICTION", ["Fiction", "Horror"]),
        ("SCIENCE_FICTION", ["Science Fiction"]),
        ("snake_case", ["snake_case"]),
        ("Horror stories", ["Horror"]),
        ("Horror tales", ["Horror tales"]),
        ("English stories", ["English stories"]),
        ("Accessible book", []),
        ("Protected DAISY", []),
        ("In library", []),
        ("nyt:paperback=2011-01-01", []),
        ("collectionID:abc", []),
        ("series:Dune", []),
        ("award:hugo", []),
        ("PQ", []),
        ("878", []),
        ("PR6039.O32", []),
        # the scanning model
        ("Sci-fi dystopia", ["Dystopian", "Science Fiction"]),
        ("Post-apocalyptic fiction", ["Dystopian", "Science Fiction"]),
        ("Epic fantasy", ["Fantasy"]),
        # variations, spelling mistakes, everything else
        ("sci-fi", ["Science Fiction"]),
        ("SF", ["Science Fiction"]),
        ("YA", ["Young Adult"]),
        ("Children’s", ["Children's"]),
        ("manga", ["Graphic Novels"]),
        ("Philosphy", ["Philosophy"]),
        ("Science Ficton", ["Science Fiction"]),
        ("Friction", ["Friction"]),
        ("Dogs and cats", ["Dogs and cats"]),
        ("  Dogs \n here ", ["Dogs here"]),
        ("General", []),
        ("", []),
        ("日本文学", ["日本文学"]),
    ],
)
def test_one_subject(subject: str, tags: list[str]) -> None:
    assert genres([subject]) == tuple(tags)


@pytest.mark.parametrize(("variation", "name"), VARIATIONS.items())
def test_every_variation_names_its_genre(variation: str, name: str) -> None:
    assert genres([variation]) == genres([variation.upper()]) == (name,)


def test_genres_are_sorted_and_unique_but_for_case() -> None:
    assert genres(["dogs", "Fiction", "fiction", "Dogs", "Cats"]) == ("Cats", "Fiction", "dogs")
    assert genres([]) == ()


def test_known_genres_are_kept_where_there_are_too_many() -> None:
    subjects = [f"subject {number:02d}" for number in range(30)] + ["Poetry", "sf"]
    tags = genres(subjects)
    assert len(tags) == 25
    assert tags[:2] == ("Poetry", "Science Fiction")
    assert tags[2:] == tuple(f"subject {number:02d}" for number in range(23))


SUBJECTS = st.text(max_size=30) | st.lists(
    st.sampled_from(
        [
            "Fiction",
            "fiction",
            "/",
            "--",
            ",",
            "&",
            "and",
            "_FICTION",
            "General",
            "Historical",
            "SF",
            "Dogs",
            ".",
        ]
    ),
    max_size=6,
).map(" ".join)


@given(st.lists(SUBJECTS, max_size=40))
def test_genres_of_genres_are_the_same(subjects: list[str]) -> None:
    tags = genres(subjects)
    assert genres(tags) == tags
    assert list(tags) == sorted(set(tags))
    assert len(tags) <= 25


def test_every_genre_is_its_own() -> None:
    assert all(genres([name]) == (name,) for name in CANONICAL)
