"""Page counts out of numbers and catalogue texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.numbers import page_count


@pytest.mark.parametrize(
    ("value", "pages"),
    [
        (491, 491),
        (491.0, 491),
        ("491", 491),
        (" 491 ", 491),
        ("309.0", 309),
        ("491 p. :", 491),
        ("xvi, 491 p., [8] leaves of plates", 491),
        ("320 pages", 320),
        ("1 online resource (320 pages)", 320),
        ("253 S.", 253),
        ("301 с.", 301),
        ("250頁", 250),
        ("2 p. l., 312 p.", 312),
        (1, 1),
        (50_000, 50_000),
        (50_001, None),
        ("99999", None),
        (0, None),
        ("0", None),
        (-3, None),
        (0.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ([], None),
        ("", None),
        ("1 v.", None),
        ("unpaged", None),
        ("1234567 pages", None),
        (None, None),
    ],
)
def test_page_count(value: object, pages: int | None) -> None:
    assert page_count(value) == pages


@given(st.integers() | st.floats() | st.text(max_size=20) | st.none() | st.lists(st.integers()))
def test_a_page_count_is_plausible_or_absent(value: object) -> None:
    pages = page_count(value)
    assert pages is None or (type(pages) is int and 1 <= pages <= 50_000)
    assert page_count(pages) == pages
