"""Words of spines: folded, parted where capitals show it, publishers told from titles."""

from __future__ import annotations

import pytest

from bookstrack.scans.words import is_imprint, tells, weight, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bhagavad-gītā wie sie ist", ("bhagavad", "gita", "wie", "sie", "ist")),
        ("SlowHorses", ("slow", "horses")),
        ("SLOWHORSES", ("slowhorses",)),
        ("Lassie BAND2", ("lassie", "band", "2")),
        ("O'Brien", ("obrien",)),
        ("R.F.KUANG", ("r", "f", "kuang")),
        ("Große Straße", ("grosse", "strasse")),
        ("· — !", ()),
    ],
)
def test_words(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "imprint"),
    [
        ("PENGUIN", True),
        ("Random House", True),
        ("Little, Brown", True),
        ("Goldmann 45690", True),
        ("72468", True),
        ("b1anvalet", True),
        ("SOMEVERLAG", True),
        ("The Russia House", False),
        ("Little Women", False),
        ("Jonathan", False),
        ("Verlag der Träume", False),
    ],
)
def test_imprints(text, imprint):
    assert is_imprint(words_of(text)) is imprint


@pytest.mark.parametrize(
    ("word", "telling"), [("luminaries", True), ("the", False), ("ab", False), ("1984", False)]
)
def test_words_worth_asking_for(word, telling):
    assert tells(word) is telling


def test_common_words_weigh_little():
    assert weight("the") < weight("war") < weight("luminaries")
