"""Folding drops case and accents, never letters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ABC", "abc"),
        ("Garçon Ñandú", "garcon nandu"),
        ("e\u0301\u0327", "e"),
        ("ØŁĐĦıÆŒŦ", "oldhiaeoet"),
        ("Ὀδύσσεια", "οδυσσεια"),
        ("ЁЙЇЎЃ", "ейїўѓ"),
        ("а́", "а"),
        ("が ぱ ガ", "が ぱ ガ"),
        ("か\u3099", "が"),
        ("한글", "한글"),
        ("한", "한"),
        ("عَرَبِيّ", "عَرَبِيّ"),
        ("\u0301abc", "\u0301abc"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(min_codepoint=0x3040, max_codepoint=0x30FF)))
def test_kana_keep_their_voiced_marks(text: str) -> None:
    assert fold(text) == unicodedata.normalize("NFKC", text)
