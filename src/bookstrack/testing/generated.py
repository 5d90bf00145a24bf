"""An endless supply of made-up books: every valid ISBN-13 that begins with 97899 names one.

Load tests and benches can thus ask for thousands of different numbers.
"""

from __future__ import annotations

from functools import cache, lru_cache

from stdnum import ean

from bookstrack.testing.things import Creation, Printing, Someone

GENERATED = 90_000_000
"""Numbers of generated works and authors begin here; printings have ten times as much."""
BOOKS = 10_000_000
PEOPLE = 997

_PREFIX = "97899"
_FIRST = (
    "Ada", "Bram", "Cleo", "Dario", "Edda", "Falk", "Greta", "Hugo",
    "Ilse", "Jonas", "Kaja", "Lars", "Mila", "Nils", "Odile", "Piet",
)  # fmt: skip
_MIDDLE = ("Anders", "Blom", "Corvin", "Dahl", "Ekman", "Frost", "Gray", "Holm")
_LAST = ("Aske", "Brandt", "Carrow", "Delmar", "Eng", "Farrow", "Gage", "Hollis")
_NOUNS = (
    "Lantern", "Orchard", "Compass", "Harbour", "Ledger",
    "Meadow", "Signal", "Archive", "Bridge", "Garden",
)  # fmt: skip
_PLACES = ("North Coast", "Old Canal", "Seventh Hill", "Paper Mill", "Salt Road", "Winter Quay")
_BINDINGS = ("Paperback", "Hardcover", "Paperback", "E-book", "Mass Market Paperback")
_GENDERS = ("Q6581072", "Q6581097")
_COUNTRIES = ("Q30", "Q145", "Q183", "Q142", "Q17", "Q1033", "Q414")


def generated_isbn(index: int) -> str:
    """Return the ISBN-13 of a generated book; ``index`` is 0 to 9 999 999.

    Raises:
        ValueError: the index is outside that range.
    """
    if not 0 <= index < BOOKS:
        raise ValueError(f"no generated book has the index {index}")
    stem = f"{_PREFIX}{index:07d}"
    return stem + str(ean.calc_check_digit(stem))


@lru_cache(maxsize=4096)
def generated_work(index: int) -> Creation:
    """Return the made-up book of this index; the same one every time."""
    noun, place = _NOUNS[index % len(_NOUNS)], _PLACES[index % len(_PLACES)]
    number, year = GENERATED + index, 1950 + index % 75
    printing = Printing(
        isbn=generated_isbn(index),
        publisher=f"Foundry {index % 40} Press",
        date=f"{year}-{index % 12 + 1:02d}-{index % 28 + 1:02d}",
        language="en",
        pages=90 + index % 600,
        binding=_BINDINGS[index % len(_BINDINGS)],
        number=number * 10 + 1,
        work=number,
    )
    return Creation(
        number=number,
        title=f"The {noun} of {place} No. {index}",
        authors=(GENERATED + index % PEOPLE,),
        year=year,
        language="en",
        subjects=("Fiction", "Mystery" if index % 2 else "Science fiction"),
        description=f"What became of the {noun.lower()} of {place}, told as story {index}.",
        printings=(printing,),
        rating=(3 + index % 20 / 10, 10 + index % 500),
    )


@lru_cache(maxsize=PEOPLE)
def generated_person(index: int) -> Someone:
    """Return the made-up author of this index, 0 to 996."""
    first, rest = _FIRST[index % 16], index // 16
    return Someone(
        number=GENERATED + index,
        name=f"{first} {_MIDDLE[rest % 8]} {_LAST[rest // 8 % 8]}",
        wikidata=f"Q{11 * GENERATED + index}",
        born=str(1920 + index % 80),
        gender=_GENDERS[index % 2],
        countries=(_COUNTRIES[index % len(_COUNTRIES)],),
    )


@cache
def generated_people() -> tuple[Someone, ...]:
    """Return all made-up authors."""
    return tuple(map(generated_person, range(PEOPLE)))


def generated_index(isbn13: str) -> int | None:
    """Return the index of a generated ISBN-13, ``None`` for any other number."""
    digits = isbn13[len(_PREFIX) : 12]
    if not isbn13.startswith(_PREFIX) or len(isbn13) != 13 or not digits.isdecimal():
        return None
    index = int(digits)
    return index if generated_isbn(index) == isbn13 else None
