"""Volume numbers, however they are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.titles import title_key
from bookstrack.normalise.volumes import is_same_volume, names_volume, numbered


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Volume II", "volume 2"),
        ("Vol. I: Legends", "vol 1 legends"),
        ("Part One", "part 1"),
        ("Teil zwölf", "teil 12"),
        ("tome deux", "tome 2"),
        ("parte siete", "parte 7"),
        ("Zweiter Teil", "2 teil"),
        ("The Third Book", "3 book"),
        ("Henry IV", "henry 4"),
        ("Henry V", "henry 5"),
        ("Rocky XXXIX", "rocky 39"),
        ("Slaughterhouse-Five", "slaughterhouse 5"),
        ("V", "v"),
        ("I, Claudius", "i claudius"),
        ("One Hundred Years of Solitude", "one hundred years of solitude"),
        ("Part of Me", "part of me"),
        ("Mix", "mix"),
        ("", ""),
    ],
)
def test_numbered(title: str, key: str) -> None:
    assert numbered(title_key(title)) == key


@pytest.mark.parametrize(
    ("subtitle", "names"),
    [
        ("Vol. 1", True),
        ("Legends in Exile, Part Two", True),
        ("2", True),
        ("Volume A", True),
        ("Zweiter Band", True),
        ("The Second Volume", True),
        ("A History of Europe since 1945", False),
        ("1914-1918", False),
        ("A Novel", False),
        ("The Book of the Dead", False),
        ("20th Anniversary Edition", False),
        (None, False),
    ],
)
def test_names_volume(subtitle: str | None, names: bool) -> None:
    assert names_volume(subtitle) is names


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_same_volume_both_ways(one: str, other: str) -> None:
    assert is_same_volume(one, one)
    assert is_same_volume(one, other) == is_same_volume(other, one)
    assert numbered(numbered(title_key(one))) == numbered(title_key(one))
