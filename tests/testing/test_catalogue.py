"""The fake world is sound: numbers valid, names found, generated books always the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.model.isbn import Isbn
from bookstrack.testing.builders import a_record, a_work, an_author, an_edition
from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.generated import BOOKS, generated_index, generated_isbn, generated_work


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


def test_written_world_has_its_size(catalogue: Catalogue):
    prints = [printing for work in catalogue.works for printing in work.printings]
    assert (len(catalogue.works), len(catalogue.people), len(prints)) == (64, 27, 95)
    assert {work.language for work in catalogue.works} == {"en", "de", "fr", "es", "ru", "ja"}
    assert sum(len(work.printings) > 1 for work in catalogue.works) >= 20


def test_every_number_is_a_valid_isbn_and_unique(catalogue: Catalogue):
    isbns = [p.isbn for work in catalogue.works for p in work.printings if p.isbn]
    assert len(isbns) == len(set(isbns)) == 92
    assert all(Isbn.parse(isbn).isbn13 == isbn for isbn in isbns)


def test_every_author_of_a_work_exists(catalogue: Catalogue):
    assert all(len(catalogue.authors_of(work)) == len(work.authors) for work in catalogue.works)


@given(st.integers(0, BOOKS - 1))
def test_generated_isbns_are_valid_and_reversible(index: int):
    isbn = generated_isbn(index)
    assert isbn.startswith("97899")
    assert Isbn.parse(isbn).isbn13 == isbn
    assert generated_index(isbn) == index
    assert generated_work(index).printings[0].isbn == isbn


@pytest.mark.parametrize("index", [-1, BOOKS])
def test_generated_isbns_end(index: int):
    with pytest.raises(ValueError, match="no generated book"):
        generated_isbn(index)


def test_a_generated_book_answers_by_every_id(catalogue: Catalogue):
    isbn = generated_isbn(4711)
    printing = catalogue.by_isbn(isbn)
    assert printing is not None
    assert catalogue.by_isbn(printing.isbn10 or "") is printing
    assert catalogue.printing(printing.number) is printing
    assert catalogue.volume(printing.volume_id) is printing
    assert catalogue.work_of(printing).title == "The Orchard of Old Canal No. 4711"
    wrong = isbn[:-1] + str((int(isbn[-1]) + 1) % 10)
    assert catalogue.by_isbn(wrong) is None


def test_texts_find_folded_words_in_any_script(catalogue: Catalogue):
    assert [p.title for p in catalogue.find("GLASERNE wald grunwald")] == [
        None,
        None,
        "The Glass Forest",
    ]
    assert catalogue.find("図書館")[0].number == 70001081
    assert [p.number for p in catalogue.find(title="тихая станция", author="valenkov")] == [
        70001111,
        70001112,
        70001113,
    ]
    assert catalogue.find("ferry nowhere") == []


def test_generated_books_are_listed_when_asked():
    catalogue = Catalogue()
    assert catalogue.find(title="no. 57") == []
    catalogue.add_books(100)
    catalogue.add_books(50)
    assert [p.isbn for p in catalogue.find(title="no. 57")] == [generated_isbn(57)]
    assert len(catalogue.works) == 164


def test_an_empty_world_knows_nothing():
    catalogue = Catalogue(empty=True)
    assert catalogue.by_isbn(generated_isbn(1)) is None
    assert catalogue.people_named("holloway") == []
    assert catalogue.items_beginning("maren") == []


def test_items_are_found_by_the_beginning_of_any_name(catalogue: Catalogue):
    assert [s.wikidata for s in catalogue.items_beginning("charles WHIT")] == [
        "Q900000821",
        "Q900000021",
    ]
    assert [s.name for s in catalogue.items_beginning("白沢")] == ["Aiko Shirasawa"]


def test_builders_build_what_fits_together():
    record = a_record(title="Salt", isbn="1-64410-037-1", authors=("A", "B"), confidence=0.5)
    assert record.work.title == record.editions[0].title == "Salt"
    assert record.editions[0].isbns == ("9781644100370", "1644100371")
    assert [author.name for author in record.authors] == ["A", "B"]
    assert record.confidence == 0.5
    assert a_record(isbn=None).editions == ()
    assert a_work(title="T").title == "T"
    assert an_edition(page_count=7).page_count == 7
    assert an_author("N", birth_year=1900).birth_year == 1900
