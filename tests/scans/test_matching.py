"""Which book a spine is: proved by title and author, suggested by less, else left as read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bookstrack.scans.candidates import BookIndex, Candidate
from bookstrack.scans.detection import Detection, Orientation
from bookstrack.scans.matching import Asking, match
from bookstrack.scans.results import THRESHOLD
from bookstrack.scans.spines import Spine, spine_of
from scans.shelves import SIZE, across, down, spine, up


def book(title: str, *authors: str, isbn13: str | None = None) -> Candidate:
    return Candidate(title=title, authors=authors, isbn13=isbn13, work_id=title)


LIBRARY = [
    book("The Luminaries", "Eleanor Catton", isbn13="9780316074315"),
    book("The Sellout", "Paul Beatty"),
    book("Friends and Strangers", "J. Courtney Sullivan"),
    book("Heart of Darkness", "Joseph Conrad"),
    book("Kolibri", "Anna Roth"),
    book("Snow", "Orhan Pamuk"),
    book("It", "Stephen King"),
    book("Foundation", "Isaac Asimov"),
    book("Second Foundation", "Isaac Asimov"),
    book("Penguin Parade", "Max Muster"),
]


class Source:
    """An index that remembers what it was asked."""

    def __init__(self, books: Sequence[Candidate] = LIBRARY) -> None:
        self._index = BookIndex(books)
        self.asked: list[list[str]] = []

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        self.asked.append(list(words))
        return self._index.search(words, most=most)


async def on(*spines: Spine, books: Sequence[Candidate] = LIBRARY) -> list[Detection]:
    return await match(spines, Source(books), size=SIZE)


async def test_title_and_author_are_proof():
    (found,) = await on(spine("THE LUMINARIES", "ELEANOR CATTON", "GRANTA"))

    assert (found.title, found.author) == ("The Luminaries", "Eleanor Catton")
    assert (found.isbn, found.work_id) == ("9780316074315", "The Luminaries")
    assert found.confidence == 0.95
    assert found.orientation is Orientation.VERTICAL_DOWN
    assert found.raw_text == "THE LUMINARIES\nELEANOR CATTON\nGRANTA"
    assert 0 < found.box.x1 < found.box.x2 < 1
    assert found.box.width == pytest.approx(found.box.x2 - found.box.x1)


async def test_confidence_falls_with_the_reading():
    sure = spine_of([down("THE SELLOUT PAUL BEATTY", x=900, confidence=0.99)], SIZE)
    unsure = spine_of([down("THE SELLOUT PAUL BEATTY", x=900, confidence=0.6)], SIZE)

    (best,), (worse,) = await on(sure), await on(unsure)

    assert best.confidence >= THRESHOLD > worse.confidence


@pytest.mark.parametrize("text", ["KOLIBRI", "THE LUMINARIES"])
async def test_a_title_alone_is_for_review(text):
    (found,) = await on(spine(text))

    assert found.work_id
    assert found.confidence < THRESHOLD
    assert found.isbn is None


async def test_half_a_title_with_its_author_is_for_review():
    (found,) = await on(spine("Friends and", "J. Courtney Sullivan"))

    assert found.title == "Friends and Strangers"
    assert 0.5 < found.confidence < THRESHOLD


async def test_another_book_of_the_same_author_stays_as_read():
    (found,) = await on(spine("THE WHITE BOY SHUFFLE", "PAUL BEATTY"))

    assert found.work_id is None
    assert found.title == "THE WHITE BOY SHUFFLE PAUL BEATTY"
    assert found.confidence <= 0.4


async def test_a_longer_title_of_the_same_author_is_not_approved():
    (found,) = await on(spine("Heart of Darkness and Other Tales", "CONRAD"))

    assert found.confidence < THRESHOLD


async def test_the_right_volume_of_two():
    (found,) = await on(spine("SECOND FOUNDATION", "ISAAC ASIMOV"))

    assert found.title == "Second Foundation"
    assert found.confidence >= THRESHOLD


async def test_the_right_volume_is_not_there():
    (found,) = await on(spine("FOUNDATION AND EMPIRE", "ISAAC ASIMOV"))

    assert found.confidence < THRESHOLD


async def test_a_short_title_inside_other_words():
    assert all(
        found.confidence < THRESHOLD for found in await on(spine("ITALIAN ITINERARIES", "KING"))
    )


async def test_an_imprint_is_no_title():
    assert await on(spine("PENGUIN", "72468")) == []


@pytest.mark.parametrize("text", ["72468", "YEAR", "ab cd", "xx"])
async def test_what_says_too_little_is_dropped(text):
    assert await on(spine(text)) == []


async def test_two_books_that_were_taken_for_one_spine():
    both = spine("THE LUMINARIES ELEANOR CATTON", "THE SELLOUT PAUL BEATTY")

    found = await on(both)

    assert {one.title for one in found} == {"The Luminaries", "The Sellout"}
    assert all(one.confidence >= THRESHOLD for one in found)
    assert not found[0].box.overlap(found[1].box)


async def test_title_and_author_on_two_pieces_of_one_spine():
    title = spine_of([across("THE LUMINARIES", x=100, y=500)], SIZE)
    author = spine_of([across("ELEANOR CATTON", x=1200, y=500)], SIZE)

    (found,) = await on(title, author)

    assert found.title == "The Luminaries"
    assert found.confidence >= THRESHOLD
    assert found.raw_text == "THE LUMINARIES\nELEANOR CATTON"


async def test_an_author_far_away_does_not_count():
    title = spine_of([across("THE LUMINARIES", x=100, y=500)], SIZE)
    author = spine_of([across("ELEANOR CATTON", x=1200, y=1500)], SIZE)

    assert all(found.confidence < THRESHOLD for found in await on(title, author))


async def test_title_and_author_at_the_ends_of_a_spine():
    title = spine_of([down("THE LUMINARIES", x=1000, y=100)], SIZE)
    author = spine_of([down("ELEANOR CATTON", x=998, y=2300)], SIZE)

    (found,) = await on(title, author)

    assert (found.title, found.confidence >= THRESHOLD) == ("The Luminaries", True)


@pytest.mark.parametrize(
    "author",
    [
        up("ELEANOR CATTON", x=940, y=2300),  # read the other way round
        down("ELEANOR CATTON", x=1070, y=2300),  # on the next spine
    ],
)
async def test_an_author_far_away_must_go_on_where_the_title_ends(author):
    title = spine_of([down("THE LUMINARIES", x=1000, y=100)], SIZE)

    assert all(one.confidence < THRESHOLD for one in await on(title, spine_of([author], SIZE)))


async def test_words_set_across_a_spine():
    lines = [
        across("HEART", x=100, y=100),
        across("OF", x=150, y=220),
        across("DARKNESS", x=90, y=340),
        across("JOSEPH", x=110, y=640),
        across("CONRAD", x=100, y=760),
    ]

    found = await on(*(spine_of([line], SIZE) for line in lines))

    assert found[0].title == "Heart of Darkness"
    assert found[0].confidence >= THRESHOLD


async def test_more_spines_than_may_be_asked_about():
    """Pieces near each other share a question, so that none goes without."""
    pieces = [
        spine_of([line], SIZE)
        for row in range(20)
        for line in (
            across("THE LUMINARIES" if row == 17 else f"NOWHERE{row}", x=100, y=90 * row),
            across("ELEANOR CATTON" if row == 17 else f"NOBODY{row}", x=1100, y=90 * row),
        )
    ]
    source = Source()

    found = await match(pieces, source, size=SIZE, asking=Asking(a_photo=30))

    assert [one.title for one in found if one.confidence >= THRESHOLD] == ["The Luminaries"]
    assert len(source.asked) <= 30


async def test_neighbours_of_one_author_do_not_lend_it():
    """The author beside an unknown title belongs to the book that explains it."""
    known = spine_of([down("THE SELLOUT PAUL BEATTY", x=1000)], SIZE)
    unknown = spine_of([down("KOLIBRI", x=930)], SIZE)
    books = [*LIBRARY, book("Kolibri", "Paul Beatty")]

    found = {one.title: one.confidence for one in await on(known, unknown, books=books)}

    assert found["The Sellout"] >= THRESHOLD > found["Kolibri"]


async def test_two_books_that_fit_alike_are_for_review():
    twins = [book("Solaris", "Stan Lem"), book("Solarie", "Stan Lem")]

    (found,) = await on(spine("SOLARIX", "STAN LEM"), books=twins)

    assert found.confidence < THRESHOLD


async def test_the_source_is_asked_within_bounds():
    source = Source()
    spines = [spine(f"LONELY WORD{letter}", "SECOND LINE", "THIRD LINE") for letter in "ABCDEFGHI"]

    await match(spines, source, size=SIZE, asking=Asking(a_spine=2, a_photo=7))

    assert len(source.asked) == 7
    # To begin with each spine once, those near each other in one question.
    first = [word for words in source.asked[:5] for word in words if word.startswith("word")]
    assert sorted(first) == [f"word{letter}" for letter in "abcdefghi"]


async def test_nothing_is_asked_about_imprints_and_numbers():
    source = Source()

    await match([spine("THE LUMINARIES", "PENGUIN", "72468")], source, size=SIZE)

    assert {word for words in source.asked for word in words} == {"luminaries"}


async def test_no_spines():
    assert await on() == []
