"""When two titles, two names, or a question and a record mean the same (data-model §5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.catalogue.matching import (
    asked_names,
    authors_match,
    confidence,
    known_names,
    main_title_key,
    titles_match,
)
from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.record import BookRecord, ProviderId

ENOUGH = 0.6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Martian", "martian"),
        ("Les Misérables", "Les Miserables"),
        ("The Hobbit", "The Hobbit; or, There and Back Again"),
        ("Neuromancer", "Neuromancer (Sprawl, #1)"),
        ("Brave New World", "Brave New World: A Novel"),
        ("It", "It: A Novel"),
        ("Emma", "Emma (a novel)"),
        ("Обломов", "Обломов: роман"),
        ("こころ", "こころ：長編小説"),
        ("The Name of the Wind", "The Name of teh Wind"),
        ("Преступление и наказание", "Преступление и наказаніе"),
        ("Fahrenheit 451", "Fahrenheit 451: 50th Anniversary"),
        ("Dune, Vol. 1", "Dune Vol 1"),
        ("Dune, Vol. 1", "Dune Volume I"),
        ("Faust, Teil zwei", "Faust Teil 2"),
        ("Slaughterhouse-Five", "Slaughterhouse 5"),
        ("Henry V", "Henry 5"),
        ("A History of World War II", "A History of World War 2"),
        ("The 100-Year-Old Man Who Climbed Out", "The Hundred-Year-Old Man Who Climbed Out"),
        ("Le Guide, tome deux", "Le Guide Tome II"),
        ("El libro, parte tres", "El libro Parte III"),
    ],
)
def test_titles_of_one_work(one: str, other: str) -> None:
    assert titles_match(one, other)
    assert titles_match(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It", "Italy"),
        ("It", "It Ends with Us"),
        ("Dune", "Dune Messiah"),
        ("Dune", "Dune: House Atreides"),
        ("Foundation", "Foundation and Empire"),
        ("Fullmetal Alchemist, Vol. 1", "Fullmetal Alchemist, Vol. 2"),
        ("Harry Potter and the Goblet of Fire", "Harry Potter and the Order of the Phoenix"),
        ("ノルウェイの森", "海辺のカフカ"),
        ("", ""),
        ("", "Dune"),
        (":", ""),
        ("The Complete Sherlock Holmes Volume I", "The Complete Sherlock Holmes Volume II"),
        ("The Complete Tales Part One", "The Complete Tales Part Two"),
        ("Ulysses", "Ulysses II"),
        ("Die Buddenbrooks Band eins", "Die Buddenbrooks Band zwei"),
        ("Les Misérables, tome un", "Les Misérables, tome cinq"),
        ("Henry IV", "Henry V"),
        ("Foundation", "Foundation 2"),
    ],
)
def test_titles_of_different_works(one: str, other: str) -> None:
    assert not titles_match(one, other)
    assert not titles_match(other, one)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Emma: A Novel", "emma"),
        ("Emma (a novel)", "emma"),
        ("The Martian", "martian"),
        ("Dune: House Atreides", "dune house atreides"),
        ("Обломов: роман", "обломов"),
        (": a novel", "novel"),
        ("", ""),
    ],
)
def test_main_title_key(title: str, key: str) -> None:
    assert main_title_key(title) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Andy Weir", "Weir, Andy"),
        ("Andy Weir", "A. Weir"),
        ("Andy Weir", "Weir A"),
        ("J.R.R. Tolkien", "JRR Tolkien"),
        ("J.R.R. Tolkien", "J. R. R. Tolkien"),
        ("J.R.R. Tolkien", "John Ronald Reuel Tolkien"),
        ("J. R. Tolkien", "John Ronald Reuel Tolkien"),
        ("Ursula Le Guin", "Ursula K. Le Guin"),
        ("Liu Cixin", "Cixin Liu"),
        ("Stephen King", "King"),
        ("Martin Luther King Jr.", "Martin King"),
        ("Gabriel García Márquez", "Garcia Marquez, Gabriel"),
        ("村上 春樹", "村上春樹"),
        ("Фёдор Достоевский", "Достоевский Федор"),
        ("Jr.", "Jr."),
    ],
)
def test_names_of_one_person(one: str, other: str) -> None:
    assert authors_match(one, other)
    assert authors_match(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Stephen King", "Tabitha King"),
        ("A. B. Smith", "A. C. Smith"),
        ("J. Rowling", "K. Rowling"),
        ("Andy Weir", "Andy Wier"),
        ("Anna Maria Berg", "Anna Berta Cora Berg"),
        ("John Smith", "James Smith"),
        ("", "Andy Weir"),
        ("", ""),
    ],
)
def test_names_of_different_people(one: str, other: str) -> None:
    assert not authors_match(one, other)
    assert not authors_match(other, one)


def record(title: str, *names: str, subtitle: str | None = None, edition: str = "") -> BookRecord:
    return BookRecord(
        provider=ProviderId.GOOGLE,
        work=Work(title=title),
        subtitle=subtitle,
        editions=(Edition(title=edition or None),),
        authors=tuple(Author(name=name) for name in names),
    )


def sure(title: str, author: str, found: BookRecord) -> float:
    return round(confidence(title=title, author=author, record=found), 4)


def test_confidence_weighs_title_and_author() -> None:
    martian = record("The Martian", "Andy Weir")
    assert sure("The Martian", "Andy Weir", martian) == 1.0
    assert sure("Martian", "Weir, Andy", martian) == 1.0
    assert sure("The Martien", "Andy Weir", martian) == round(0.6 * 6 / 7 + 0.4, 4)
    assert sure("The Martian", "Andy Wier", martian) == round(0.6 + 0.4 * 7 / 9, 4)


def test_what_was_not_asked_does_not_count() -> None:
    martian = record("The Martian", "Andy Weir")
    assert sure("The Martian", " ", martian) == 1.0
    assert sure("", "Andy Weir", martian) == 1.0
    assert sure("", "Stephen King", martian) < ENOUGH
    assert sure("Artemis", "", martian) < ENOUGH


def test_a_contradiction_is_never_enough() -> None:
    assert sure("The Martian", "Stephen King", record("The Martian", "Andy Weir")) == 0.59
    goblet = record("Harry Potter and the Goblet of Fire", "J. K. Rowling")
    phoenix = "Harry Potter and the Order of the Phoenix"
    assert sure(phoenix, "J. K. Rowling", goblet) == 0.59
    assert sure("Akira 1", "Otomo", record("Akira 2", "Otomo")) == 0.59
    assert sure("Akira 1", "", record("Akira 2", "Otomo")) == 0.59


def test_records_without_authors_need_the_exact_title() -> None:
    unknown = record("The Martian", "Unknown Author")
    assert sure("The Martian", "Andy Weir", unknown) == ENOUGH
    assert sure("The Martien", "Andy Weir", unknown) < ENOUGH


def test_names_in_another_script_neither_prove_nor_contradict() -> None:
    assert sure("ノルウェイの森", "Haruki Murakami", record("ノルウェイの森", "村上春樹")) == ENOUGH


def test_a_subtitle_does_not_hide_a_book() -> None:
    sapiens = record("Sapiens: A Brief History of Humankind", "Yuval Noah Harari")
    assert sure("Sapiens", "Harari", sapiens) == round(0.6 * 0.95 + 0.4, 4)
    assert sure("Sapiens", "", sapiens) < ENOUGH
    apart = record("Sapiens", "Yuval Noah Harari", subtitle="A Brief History of Humankind")
    assert sure("Sapiens: A Brief History of Humankind", "Harari", apart) == 1.0
    assert sure("The Hobbit: There and Back Again", "", record("The Hobbit", "X")) == 0.95
    assert sure("?", "Harari", record("Sapiens", "Yuval Noah Harari")) == 0.4


def test_the_subtitle_tells_the_volume() -> None:
    second = record("Fables", "Bill Willingham", subtitle="Vol. 2")
    assert confidence(title="Fables Vol. 1", author="Bill Willingham", record=second) < ENOUGH
    assert confidence(title="Fables, Vol. 1", author="Bill Willingham", record=second) < ENOUGH
    assert confidence(title="Fables, Volume Two", author="", record=second) >= ENOUGH
    assert confidence(title="Fables", author="", record=second) >= ENOUGH


def test_the_title_of_an_edition_counts() -> None:
    found = record("Die Verwandlung", "Franz Kafka", edition="The Metamorphosis")
    assert sure("Metamorphosis", "Kafka", found) == 1.0


def test_one_of_several_authors_is_enough() -> None:
    omens = record("Good Omens", "Terry Pratchett", "Neil Gaiman")
    assert sure("Good Omens", "Neil Gaiman", omens) == 1.0
    assert sure("Good Omens", "Terry Pratchett & Neil Gaiman", omens) == 1.0
    assert asked_names("Terry Pratchett & Neil Gaiman; X and Y") == [
        "Terry Pratchett", "Neil Gaiman", "X", "Y",
    ]  # fmt: skip


def test_placeholders_name_nobody() -> None:
    assert known_names(record("X", "Unknown Author", "unknown", "", "Ann Lee")) == ["Ann Lee"]


TITLES = st.text(max_size=20) | st.lists(
    st.sampled_from(["It", "A Novel", ":", "(", "Dune", "1", "2", "the", "Messiah", "roman"]),
    max_size=5,
).map(" ".join)
NAMES = st.text(max_size=20) | st.lists(
    st.sampled_from(["J.", "R.", "JR", "Tolkien", "Jr.", ",", "Anna", "A", "村上"]), max_size=5
).map(" ".join)


@given(TITLES, TITLES)
def test_titles_match_both_ways(one: str, other: str) -> None:
    assert titles_match(one, other) == titles_match(other, one)


@given(TITLES)
def test_a_title_matches_itself(title: str) -> None:
    assert titles_match(title, title) == bool(title.strip())


@given(NAMES, NAMES)
def test_names_match_both_ways(one: str, other: str) -> None:
    assert authors_match(one, other) == authors_match(other, one)


@given(TITLES, NAMES, TITLES, NAMES)
def test_confidence_is_a_share(title: str, author: str, found: str, name: str) -> None:
    assert 0 <= confidence(title=title, author=author, record=record(found, name)) <= 1
