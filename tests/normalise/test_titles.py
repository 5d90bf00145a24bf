"""Keys of titles and names, and names as readers write them (data-model §6.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.titles import display_name, name_key, title_key

TEXT = st.text(max_size=60)
WORDS = st.lists(
    st.sampled_from(
        [
            "The",
            "a",
            "AN",
            "L'",
            "l’",
            "der",
            "La",
            "&",
            "C++",
            "C#",
            "U.S.",
            "Été",
            "Ёж",
            "森",
            "-",
        ]
    ),
    max_size=6,
).map(" ".join)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("The Hitchhiker's Guide to the Galaxy", "hitchhikers guide to the galaxy"),
        ("The Hitchhiker’s Guide to the Galaxy", "hitchhikers guide to the galaxy"),
        ("A Tale of Two Cities", "tale of two cities"),
        ("An   American\tTragedy ", "american tragedy"),
        ("Pride & Prejudice", "pride and prejudice"),
        ("Catch-22", "catch 22"),
        ("Spider-Man: Homecoming!", "spider man homecoming"),
        ("U.S.A.", "usa"),
        ("C++ Primer", "cplusplus primer"),
        ("C# in Depth", "csharp in depth"),
        ("Les Misérables", "les miserables"),
        ("Die Straße", "die strasse"),
        ("Smørrebrød", "smorrebrod"),
        ("Łódź, miasto", "lodz miasto"),
        ("Encyclopædia", "encyclopaedia"),
        ("Τὰ Πολιτικά", "τα πολιτικα"),
        ("Преступление и наказание", "преступление и наказание"),
        ("Три́ сестры́", "три сестры"),
        ("Ёлка", "елка"),
        ("Чайка", "чайка"),
        ("Їжак", "їжак"),
        ("ノルウェイの森", "ノルウェイの森"),
        ("ﾉﾙｳｪｲの森", "ノルウェイの森"),
        ("ガラスの仮面 1", "ガラスの仮面 1"),
        ("「羅生門」", "羅生門"),
        ("채식주의자", "채식주의자"),
        ("ألف ليلة وليلة", "ألف ليلة وليلة"),
        ("हिन्दी", "हिन्दी"),
        ("ＡＢＣ①", "abc1"),
        ("İstanbul", "istanbul"),
        ("soft\u00adhyphen", "softhyphen"),
        ("zero\u200bwidth", "zerowidth"),
        ("The", "the"),
        ("A", "a"),
        ("The The", "the"),
        ("The A-Team", "team"),
        ("1984", "1984"),
        ("!!!", "!!!"),
        ("ʼ", "ʼ"),
        ("", ""),
        ("  \n", ""),
    ],
)
def test_title_key(title: str, key: str) -> None:
    assert title_key(title) == key


@pytest.mark.parametrize(
    ("title", "language", "key"),
    [
        ("Der Prozeß", "de", "prozess"),
        ("Das Schloss", "de", "schloss"),
        ("L'Étranger", "fr", "etranger"),
        ("L’ Étranger", "fr", "etranger"),
        ("La Peste", "fr", "peste"),
        ("La casa de los espíritus", "es", "casa de los espiritus"),
        ("Il nome della rosa", "it", "nome della rosa"),
        ("The Trial", "de", "trial"),
        ("Der Prozeß", None, "der prozess"),
        ("L'Étranger", None, "letranger"),
        ("Der Prozeß", "ja", "der prozess"),
        ("Die Hard", "en", "die hard"),
        ("Der", "de", "der"),
    ],
)
def test_articles_of_a_known_language(title: str, language: str | None, key: str) -> None:
    assert title_key(title, language=language) == key


@given(TEXT | WORDS, st.sampled_from([None, "en", "de", "fr", "es", "it", "ja"]))
def test_the_key_of_a_title_key_is_itself(title: str, language: str | None) -> None:
    key = title_key(title, language=language)
    assert title_key(key, language=language) == key


@given(TEXT)
def test_a_title_with_letters_or_digits_has_a_key(title: str) -> None:
    assert bool(title_key(title)) == bool(title.strip()) or not any(map(str.isalnum, title))


@given(st.text(alphabet="abcdefgxyz ", min_size=1, max_size=30))
def test_case_does_not_matter(title: str) -> None:
    assert title_key(title.upper()) == title_key(title)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Ursula K. Le Guin", "Ursula K. Le Guin"),
        ("Le Guin, Ursula K.", "Ursula K. Le Guin"),
        ("Weir, Andy", "Andy Weir"),
        ("Greenwood, Ed", "Ed Greenwood"),
        ("Collins, Phil", "Phil Collins"),
        ("Ma, Yo-Yo", "Yo-Yo Ma"),
        ("Allen, Charlotte Vale , 1941-", "Charlotte Vale Allen"),
        ("Dumas, Alexandre, 1802-1870.", "Alexandre Dumas"),
        ("Dumas, Alexandre.", "Alexandre Dumas"),
        ("Charlotte Vale Allen 1941-", "Charlotte Vale Allen"),
        ("Plato, ca. 427-347", "Plato"),
        ("Homer (c. 0750)", "Homer"),
        ("Nelson, Bob, Ph.D.", "Bob Nelson"),
        ("Smith, John, M.D.", "John Smith"),
        ("Doyle, Arthur Conan, Sir", "Arthur Conan Doyle"),
        ("Jane Doe (editor)", "Jane Doe"),
        ("Jane Doe (Author)", "Jane Doe"),
        ("Jane Doe (Editor, Translator)", "Jane Doe"),
        ("Jane Doe (ed.)", "Jane Doe"),
        ("Doe, Jane, editor", "Jane Doe"),
        ("Doe, Jane, ed.", "Jane Doe"),
        ("Jane Doe [Übersetzer]", "Jane Doe"),
        ("Jane Doe ~autofilled~", "Jane Doe"),
        ("Jane Doe (editor) (1941-)", "Jane Doe"),
        ("Martin Luther King, Jr.", "Martin Luther King Jr."),
        ("King, Martin Luther, Jr.", "Martin Luther King Jr."),
        ("CHARLOTTE VALE ALLEN", "Charlotte Vale Allen"),
        ("J.R.R. TOLKIEN", "J.R.R. Tolkien"),
        ("JRR TOLKIEN", "JRR Tolkien"),
        ("O'BRIEN, PATRICK", "Patrick O'Brien"),
        ("MCDONALD, ANN", "Ann McDonald"),
        ("ELIZABETH II", "Elizabeth II"),
        ("DR JAMES HERRIOT", "Dr James Herriot"),
        ("VOLTAIRE", "Voltaire"),
        ("BBC", "BBC"),
        ("bell hooks", "bell hooks"),
        ("McDonald", "McDonald"),
        ("Simon and Schuster, Inc.", "Simon and Schuster Inc."),
        ("Great Britain, Department of Health", "Great Britain, Department of Health"),
        ("Ursula K. Le Guin, Charles Vess", "Ursula K. Le Guin, Charles Vess"),
        ("One, Two, Three", "One, Two, Three"),
        ("村上, 春樹", "村上 春樹"),
        ("Толстой, Лев Николаевич", "Лев Николаевич Толстой"),
        ("  Liz    Moore ", "Liz Moore"),
        (",", ""),
        ("", ""),
    ],
)
def test_display_name(raw: str, shown: str) -> None:
    assert display_name(raw) == shown


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Weir, Andy", "andy weir"),
        ("ANDY WEIR (Author)", "andy weir"),
        ("J.R.R. Tolkien", "j r r tolkien"),
        ("J. R. R. Tolkien", "j r r tolkien"),
        ("Gabriel García Márquez", "gabriel garcia marquez"),
        ("Jean-Paul Sartre", "jean paul sartre"),
        ("O’Brien, Patrick", "patrick obrien"),
        ("村上 春樹", "村上春樹"),
        ("村上, 春樹", "村上春樹"),
        ("J・K・ローリング", "j k ローリング"),
        ("한강", "한강"),
        ("Достоевский, Фёдор", "федор достоевский"),
        ("Unknown Author", "unknown author"),
        ("???", "???"),
        ("", ""),
    ],
)
def test_name_key(name: str, key: str) -> None:
    assert name_key(name) == key


NAMES = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "Weir",
            "ANDY",
            "J.",
            "J.R.",
            ",",
            "Jr.",
            "(editor)",
            "1941-",
            "~auto~",
            "Ph.D.",
            "村上",
            "ed.",
        ]
    ),
    max_size=7,
).map(" ".join)


@given(NAMES)
def test_naming_twice_is_naming_once(name: str) -> None:
    assert display_name(display_name(name)) == display_name(name)
    assert name_key(name_key(name)) == name_key(name)


@given(NAMES)
def test_the_shown_name_has_the_key_of_the_raw_one(name: str) -> None:
    assert name_key(display_name(name)) == name_key(name)
