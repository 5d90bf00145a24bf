"""ISBN rules of data-model §4: shapes, check digits, two notations of one identity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.errors import InvalidIsbn
from bookstrack.model.isbn import Isbn, clean, from_number, isbn_list

PAIRS = [
    ("0439708184", "9780439708180"),
    ("207042779X", "9782070427796"),
    ("133831291X", "9781338312911"),
    ("0064471837", "9780064471831"),
]


@pytest.mark.parametrize(("ten", "thirteen"), PAIRS)
def test_both_notations_are_one_identity(ten: str, thirteen: str) -> None:
    from_ten, from_thirteen = Isbn.parse(ten), Isbn.parse(thirteen)
    assert from_ten.forms == from_thirteen.forms == (thirteen, ten)
    assert from_ten.canonical == from_thirteen.canonical == thirteen
    assert from_ten.is_valid
    assert from_thirteen.is_valid
    assert (from_ten.number, from_thirteen.number) == (ten, thirteen)


def test_979_numbers_have_no_isbn_10() -> None:
    isbn = Isbn.parse("9791234567896")
    assert isbn.isbn13 == "9791234567896"
    assert isbn.isbn10 is None
    assert isbn.forms == ("9791234567896",)


@pytest.mark.parametrize(
    "text",
    [
        "0-439-70818-4",
        " 978-0-439-70818-0 ",
        "978 0 439 70818 0",
        "978\u00a00439\u00a0708180",
        "978\u20130439\u2011708\u20121\u201580",
        "978\u2212043970818\u22120",
        "978\u00ad0439708180\u200b",
        "\ufeff9780439708180",
        "ISBN 9780439708180",
        "ISBN: 0439708184",
        "ISBN-13: 978-0-439-70818-0",
        "ISBN-10: 0-439-70818-4",
        "ISBN13 9780439708180",
        "isbn:0439708184",
        "urn:isbn:0439708184",
        "e-ISBN 9780439708180",
        '="9780439708180"',
        '="0439708184"',
        "'9780439708180",
        "“9780439708180”",
        "９７８０４３９７０８１８０",
    ],
)
def test_an_isbn_is_read_as_people_write_it(text: str) -> None:
    assert Isbn.parse(text).canonical == "9780439708180"
    assert Isbn.find(text) == Isbn.parse(text)


def test_a_small_x_is_the_check_character_ten() -> None:
    assert Isbn.parse("2-07-042779-x").number == "207042779X"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ISBN",
        "12345",
        "978043970818",
        "97804397081801",
        "978043970818X",
        "X439708184",
        "04397X8184",
        "9770439708183",
        "1234567890123",
        "012345678905",
        "2049-3630",
        "harry potter",
        "0439708184 harry potter",
        "9" * 300,
        "0-4-3-9-7-0-8-1-8-4--",  # longer than 17 characters
    ],
)
def test_other_shapes_are_no_isbn(text: str) -> None:
    with pytest.raises(InvalidIsbn) as raised:
        Isbn.parse(text)
    assert raised.value.details == {"isbn": text.strip()[:64]}
    assert Isbn.find(text) is None


def test_no_text_is_no_isbn() -> None:
    assert Isbn.find(None) is None
    assert Isbn.printed(None) is None


@pytest.mark.parametrize("number", ["1234567890", "9780439708181", "0439708185", "9791234567890"])
def test_a_wrong_check_digit_is_a_misprint_not_an_error(number: str) -> None:
    isbn = Isbn.parse(number)
    assert not isbn.is_valid
    assert (isbn.isbn13, isbn.isbn10, isbn.forms) == (None, None, ())
    assert isbn.canonical == number


@pytest.mark.parametrize(
    "text",
    [
        "0439708184 (pbk.)",
        "0439708184 pbk",
        "0439708184 : $9.95",
        "0-439-70818-4 [hardcover]",
        "9780439708180; 9780439708173",
        "9780439708180/0439708184",
        "978043970818051299",
        "978043970818012",
        "9780439708180 51299",
        "9780439708180.0",
    ],
)
def test_catalogue_texts_hold_more_than_the_number(text: str) -> None:
    found = Isbn.printed(text)
    assert found is not None
    assert found.canonical == "9780439708180"


def test_numbers_of_nine_characters_are_read_where_they_may_occur() -> None:
    assert Isbn.printed("345339681") is None
    assert Isbn.printed("345-33968-1", sbn=True) == from_number("0345339681")
    assert Isbn.printed("345339682", sbn=True) is None
    assert Isbn.printed("0345339681", sbn=True) == from_number("0345339681")


@pytest.mark.parametrize("text", ["n/a", "B00ABC1234", "012345678905", "9771234567898"])
def test_other_codes_are_not_taken_for_isbns(text: str) -> None:
    assert Isbn.printed(text, sbn=True) is None


def test_isbns_of_an_edition_are_clean_unique_and_long_ones_first() -> None:
    numbers = ["0439708184", "978-0-439-70818-0", "bad", "9791234567896", "0439708185"]
    isbns, misprints = isbn_list(numbers)
    assert isbns == ("9780439708180", "9791234567896", "0439708184")
    assert misprints == ("0439708185",)


def test_no_numbers_give_no_isbns() -> None:
    assert isbn_list([]) == ((), ())


def _ten(nine: str) -> str:
    total = sum((10 - place) * int(digit) for place, digit in enumerate(nine))
    check = -total % 11
    return nine + ("X" if check == 10 else str(check))


NINE = st.text("0123456789", min_size=9, max_size=9)


@given(NINE)
def test_every_isbn_10_and_its_isbn_13_lead_to_each_other(nine: str) -> None:
    isbn = Isbn.parse(_ten(nine))
    assert isbn.isbn13 is not None
    assert isbn.isbn10 == _ten(nine)
    assert isbn.isbn13.startswith("978" + nine)
    assert Isbn.parse(isbn.isbn13).forms == isbn.forms


@given(NINE, st.integers(0, 9))
def test_exactly_one_check_digit_is_right(nine: str, offset: int) -> None:
    right = Isbn.parse(_ten(nine)).isbn13
    assert right is not None
    last = str((int(right[-1]) + offset) % 10)
    assert Isbn.parse(right[:-1] + last).is_valid == (offset == 0)


@given(NINE, st.lists(st.sampled_from(["-", " ", "\u2010", "\u00a0"]), min_size=7, max_size=7))
def test_separators_do_not_matter(nine: str, marks: list[str]) -> None:
    number = _ten(nine)
    written = "".join(
        digit + (marks[place] if place < 7 else "") for place, digit in enumerate(number)
    )
    assert Isbn.parse(written) == Isbn.parse(number)


@given(st.text(max_size=40))
def test_reading_never_fails_and_is_stable(text: str) -> None:
    found = Isbn.printed(text, sbn=True)
    if found is not None:
        assert Isbn.parse(found.canonical).canonical == found.canonical
    assert clean(clean(text)) == clean(text)
