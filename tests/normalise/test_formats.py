"""Bindings and what they are (data-model §6.4, §6.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.model.enums import EditionFormat
from bookstrack.normalise.formats import edition_format, is_book_binding


@pytest.mark.parametrize(
    ("binding", "form"),
    [
        ("Mass Market Paperback", "Mass Market"),
        ("mass-market", "Mass Market"),
        ("massmarket", "Mass Market"),
        ("Pocket Book", "Mass Market"),
        ("Hardcover", "Hardcover"),
        ("hardback", "Hardcover"),
        ("Hard Cover", "Hardcover"),
        ("Library Binding", "Hardcover"),
        ("Board book", "Hardcover"),
        ("Bonded Leather", "Hardcover"),
        ("Cloth", "Hardcover"),
        ("School & Library Bound", "Hardcover"),
        ("Hardcover + CD", "Hardcover"),
        ("Paperback", "Paperback"),
        ("Softcover", "Paperback"),
        ("Trade Paper", "Paperback"),
        ("Perfect Paperback", "Paperback"),
        ("Spiral-bound", "Paperback"),
        ("Comb bound", "Paperback"),
        ("Plastic Comb", "Paperback"),
        ("Paperback with CD", "Paperback"),
        ("eBook", "E-book"),
        ("E-book", "E-book"),
        ("Kindle Edition", "E-book"),
        ("ePub", "E-book"),
        ("PDF", "E-book"),
        ("Digital", "E-book"),
        ("Electronic resource", "E-book"),
        ("Audiobook", "Audiobook"),
        ("Audio CD", "Audiobook"),
        ("MP3 CD", "Audiobook"),
        ("CD", "Audiobook"),
        ("Unknown Binding", "Paperback"),
        ("Abcdef", "Paperback"),
        ("", "Paperback"),
        (None, "Paperback"),
    ],
)
def test_edition_format(binding: str | None, form: str) -> None:
    assert edition_format(binding) == form


def test_the_first_telling_text_decides() -> None:
    assert edition_format(None, "", "about something", "Hardcover", "Audio CD") == "Hardcover"
    assert edition_format() == "Paperback"


@pytest.mark.parametrize(
    ("binding", "is_book"),
    [
        ("Hardcover", True),
        ("Paperback", True),
        ("Unknown Binding", True),
        (None, True),
        ("", True),
        ("Board book", True),
        ("Audiobook CD", True),
        ("MP3 CD", True),
        ("Cards (Book and Cards)", True),
        ("Calendar", False),
        ("Wall Calendar", False),
        ("DVD", False),
        ("Audio CD", False),
        ("CD-ROM", False),
        ("Toy", False),
        ("Map", False),
        ("Poster", False),
        ("Video Game", False),
        ("VHS Tape", False),
        ("Sheet music", False),
    ],
)
def test_is_book_binding(binding: str | None, is_book: bool) -> None:
    assert is_book_binding(binding) is is_book


@given(st.text())
def test_a_format_names_itself(text: str) -> None:
    form = edition_format(text)
    assert form in EditionFormat
    assert edition_format(form.value) is form
