"""Language codes of all providers as ISO 639-1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.languages import language_code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("eng", "en"),
        ("/languages/eng", "en"),
        ("en-US", "en"),
        ("en_US", "en"),
        ("zh-Hant-TW", "zh"),
        ("eng-GB", "en"),
        ("English", "en"),
        ("ger", "de"),
        ("deu", "de"),
        ("Deutsch", "de"),
        ("fre", "fr"),
        ("Français", "fr"),
        ("Español", "es"),
        ("русский", "ru"),
        ("日本語", "ja"),
        ("한국어", "ko"),
        ("chi", "zh"),
        ("cmn", "zh"),
        ("iw", "he"),
        ("/languages/mul", None),
        ("und", None),
        ("zxx", None),
        ("Unknown", None),
        ("", None),
        ("/languages/", None),
        (None, None),
        ("GRC", "grc"),
        ("tlh", "tlh"),
        ("x", "x"),
    ],
)
def test_language_code(value: str | None, code: str | None) -> None:
    assert language_code(value) == code


@given(st.text(max_size=20))
def test_a_code_is_its_own_code(value: str) -> None:
    code = language_code(value)
    assert language_code(code) == code
