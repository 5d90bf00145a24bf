"""How well a book explains the words of a spine."""

from __future__ import annotations

import pytest

from bookstrack.scans.candidates import Candidate
from bookstrack.scans.laying import SpineText, likeness
from bookstrack.scans.scoring import Fit, fit, main_title
from scans.shelves import down, spine


def book(title: str, *authors: str, subtitle: str | None = None) -> Candidate:
    return Candidate(title=title, authors=authors, subtitle=subtitle)


def fitted(candidate: Candidate, *texts: str) -> Fit:
    return fit(SpineText(spine(*texts).lines), candidate)


LUMINARIES = book("The Luminaries", "Eleanor Catton")


def test_title_and_author():
    found = fitted(LUMINARIES, "THE LUMINARIES", "ELEANOR CATTON")

    assert (found.title, found.author, found.given, found.precision) == (1, 1, 1, 1)
    assert found.score == pytest.approx(1.0)
    assert found.used == {0, 1}
    assert found.title_lines == {0}


@pytest.mark.parametrize(
    "texts",
    [
        ("THE LUMINARIES ELEANOR CATTON",),
        ("THELUMINARIES", "ELEANORCATTON"),
        ("The Lumin aries", "Eleanor Cat ton"),
        ("THE", "LUMINARIES", "ELEANOR", "CATTON"),
        ("THE LUMNARIES", "ELEANOR CATTON"),
        ("CATTON", "The Luminaries"),
    ],
)
def test_words_run_together_parted_and_misread(texts):
    assert fitted(LUMINARIES, *texts).score > 0.9


def test_an_author_alone_is_no_title():
    found = fitted(LUMINARIES, "ELEANOR CATTON")

    assert (found.title, found.score) == (0, pytest.approx(0.3))


def test_a_title_alone_has_no_author():
    found = fitted(LUMINARIES, "THE LUMINARIES")

    assert (found.author, found.score) == (0, pytest.approx(0.7))


def test_one_word_never_proves_both():
    emma = book("Emma", "Emma Donoghue")

    found = fitted(emma, "EMMA")

    assert found.title + found.given == 1.0
    assert found.author == 0


def test_the_end_of_a_title_under_a_label():
    friends = book("Friends and Strangers", "J. Courtney Sullivan")

    whole = fitted(friends, "Friends and Strangers", "J. Courtney Sullivan")
    covered = fitted(friends, "Friends and Stran", "J. Courtney Sullivan")
    another = fitted(friends, "Friends and Lovers", "J. Courtney Sullivan")

    assert whole.title > covered.title > another.title


def test_a_longer_title_of_which_the_book_is_a_part():
    conrad = book("Heart of Darkness", "Joseph Conrad")

    assert fitted(conrad, "Conrad", "Heart of Darkness").precision == 1
    assert fitted(conrad, "Conrad", "Heart of Darkness and Other Tales").precision < 0.75


def test_the_rest_of_a_title_on_a_line_of_its_own():
    foundation = book("Foundation", "Isaac Asimov")

    assert fitted(foundation, "FOUNDATION", "AND EMPIRE", "ISAAC ASIMOV").precision < 0.75


def test_small_print_and_imprints_do_not_count():
    lines = [
        down("THE LUMINARIES", x=1000, height=90),
        down("ELEANOR CATTON", x=900, height=90),
        down("winner of a very large prize for books", x=800, height=30),
        down("GRANTA", x=700, height=90),
    ]

    assert fit(SpineText(lines), LUMINARIES).precision == 1


def test_a_known_subtitle_is_explained():
    plain = book("Attached", "Amir Levine")
    whole = book("Attached: The New Science of Adult Attachment", "Amir Levine")
    texts = ("ATTACHED", "THE NEW SCIENCE OF ADULT ATTACHMENT", "LEVINE")

    assert fitted(whole, *texts).precision == 1
    assert fitted(plain, *texts).precision < 0.75


def test_a_surname_beside_other_names_is_another_person():
    batman = book("Batman", "Gary Frank")

    assert fitted(batman, "BATMAN", "FRANK").author == 1
    assert fitted(batman, "BATMAN", "FRANK MILLER").author < 0.8


@pytest.mark.parametrize(
    ("title", "text", "agree"),
    [
        ("Neobiota 4", "NEOBIOTA 4", True),
        ("Neobiota 3", "NEOBIOTA 4", False),
        ("Neobiota", "NEOBIOTA 4", False),
        ("Maus II", "MAUS I", False),
        ("Bone: Quest for the Spark, Vol. 1", "BONE", False),
        ("Slow Horses (Slough House, #1)", "SLOW HORSES", True),
    ],
)
def test_numbers_of_volumes(title, text, agree):
    assert fitted(book(title, "Anybody Else"), text, "ELSE").numbers_agree is agree


def test_initials_that_stuck_to_a_surname():
    assert fitted(book("The Poppy War", "R. F. Kuang"), "THE POPPY WAR MEKUANG").author > 0.8


@pytest.mark.parametrize(
    ("title", "text", "agree"),
    [
        ("Neobiota, Vol. 1", "NEOBIOTA VOL. 01", True),
        ("Neobiota, Volume 1", "NEOBIOTA VOLUME I", True),
        ("Neobiota, Volume 3", "NEOBIOTA VOLUME III", True),
        ("Neobiota, Volume 11", "NEOBIOTA VOLUME II", False),
        ("Neobiota, Part 2 (Thorns, #3; Part 2)", "NEOBIOTA, PART 2", True),
        ("X-Trees, Volume 1", "X-TREES, VOLUME 1", True),
        ("X-Trees, Volume 2", "X-TREES, VOLUME 1", False),
    ],
)
def test_numbers_written_otherwise(title, text, agree):
    assert fitted(book(title, "Anybody Else"), text, "ELSE").numbers_agree is agree


def test_a_year_must_be_the_same():
    assert fitted(book("1847", "Anybody Else"), "1847", "ELSE").title == 1
    assert fitted(book("1847", "Anybody Else"), "1846", "ELSE").title == 0


def test_letters_that_look_alike():
    found = fitted(book("Night Ferry", "Ian Morrow"), "NIGHT FERRY", "lan Morrow")

    assert found.author_evidence == 1
    assert found.given > 0.9


def test_a_series_named_like_the_book():
    found = fitted(book("Thornfield (Thornfield, #1)", "Ada Grey"), "THORNFIELD", "ADA GREY")

    assert (found.title, found.precision, found.numbers_agree) == (1, 1, True)


def test_a_name_on_the_spine_is_no_title():
    assert fitted(book("Yes, Edwin!", "Edwin Marlow"), "EDWIN MARLOW").title < 0.75
    assert fitted(book("Yes, Edwin!", "Edwin Marlow"), "YES, EDWIN!", "EDWIN MARLOW").title == 1


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("MRS. TWIGGLE-WAGGLE", 0),
        ("HELLO, MRS. TWIGGLE-WAGGLE", 5),
        ("MRS. TWIGGLE-WAGGLE PICADOR", 0),
        ("MRS. TWIGCLE-WAXXXE", 0),
        ("Mrs. Twiggle-Waggle ab", 0),
    ],
)
def test_other_words_on_the_line_of_the_title(text, others):
    assert fitted(book("Mrs. Twiggle-Waggle", "Bess Ode"), text, "BESS ODE").others == others


def test_an_article_of_another_language():
    project = book("The Rowan Project", "Ada Grey")

    assert fitted(project, "THE ROWAN PROJEKT", "ADA GREY").others == 0
    assert fitted(project, "ROWAN PROJEKT", "ADA GREY").others == 0
    assert fitted(project, "DAS ROWAN PROJEKT", "ADA GREY").others == 3


def test_the_full_title_where_the_spine_shows_it():
    found = fitted(book("Dune: Messiah", "Frank Herbert"), "DUNE MESSIAH", "HERBERT")

    assert (found.title, found.precision) == (1, 1)


@pytest.mark.parametrize(
    ("wanted", "seen", "least", "most"),
    [
        ("war", "war", 1, 1),
        ("war", "wax", 0, 0),
        ("stand", "standard", 0, 0),
        ("gerritsen", "gerpitsen", 0.85, 0.95),
    ],
)
def test_likeness(wanted, seen, least, most):
    assert least <= likeness(wanted, seen) <= most


def test_main_title():
    assert main_title(book("The Hunger Games (The Hunger Games, #1)")) == "The Hunger Games"
    assert main_title(book("Attached: The New Science")) == "Attached"
    assert main_title(book("Dawn of Kings / Queen of Dust")) == "Dawn of Kings"
    assert main_title(book("11/12")) == "11/12"
    assert main_title(book("(…)")) == "(…)"
