"""Authors of Open Library: their facts, and which of several a name means."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookstrack.providers.open_library_people import (
    author_document,
    author_from_document,
    choose_author,
)
from bookstrack.providers.open_library_records import Basis
from bookstrack.providers.open_library_wire import AuthorDocument, AuthorHit, AuthorHits

BASIS = Basis(this_year=2026, covers="https://covers.openlibrary.org")
RELAXED = settings(deadline=None)  # the machine may be busy
JSON = st.none() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(
    st.sampled_from(["wikidata", "key"]), st.text() | st.none()
)  # fmt: skip


def hits(*people: tuple[str, str, int] | AuthorHit) -> AuthorHits:
    return AuthorHits(
        docs=tuple(
            person
            if isinstance(person, AuthorHit)
            else AuthorHit(key=person[0], name=person[1], work_count=person[2])
            for person in people
        )
    )


def key_of(found: AuthorHits, name: str) -> object:
    chosen = choose_author(found, name)
    return None if chosen is None else chosen.key


@pytest.fixture
def read(fixtures_dir):
    def decode(name, into):
        body = (fixtures_dir / "providers" / "open-library" / name).read_bytes()
        return msgspec.json.decode(body, type=into)

    return decode


def test_a_recorded_author(read):
    document = read("author-OL34184A_roald-dahl_remote-ids.json", AuthorDocument)
    author, facts = author_from_document(document, BASIS)
    assert (author.name, author.birth_year, author.death_year) == ("Roald Dahl", 1916, 1990)
    assert author.open_library_id == "OL34184A"
    assert facts.wikidata_id == "Q25161"
    assert facts.birth_date == "13 September 1916"


def test_a_recorded_author_with_hardly_anything(read):
    author, facts = author_from_document(read("author-OL1A.json", AuthorDocument), BASIS)
    assert (author.name, author.birth_year, author.death_year) == ("Sachi Rautroy", 1916, 2004)
    assert facts.wikidata_id is None


def test_a_recorded_author_search(read):
    found = read("search-authors-q_steven-spielberg.json", AuthorHits)
    assert key_of(found, "SPIELBERG, Steven") == "OL4326311A"
    author, _ = author_from_document(author_document(found.docs[0]), BASIS)
    assert (author.name, author.birth_year) == ("Steven Spielberg", 1947)


def test_the_exact_name_with_most_works_is_meant():
    found = hits(
        ("OL1A", "Stephen King's Fans", 900),
        ("OL2A", "Stephen King", 3),
        ("OL3A", "STEPHEN KING", 400),
    )
    assert key_of(found, "King, Stephen") == "OL3A"


def test_spaces_between_initials_do_not_matter():
    assert key_of(hits(("OL1A", "J. R. R. Tolkien", 300)), "J.R.R. Tolkien") == "OL1A"
    assert key_of(hits(("OL1A", "JRR Tolkien", 300)), "J. R. R. Tolkien") == "OL1A"


def test_further_names_come_next_and_parts_of_a_name_last():
    known_as = AuthorHit(
        key="OL1A", name="Samuel Clemens", alternate_names=["Mark Twain"], work_count=2
    )
    longer = ("OL2A", "Mark Twain Jones", 50)
    assert key_of(hits(longer, known_as), "mark twain") == "OL1A"
    assert key_of(hits(longer), "mark twain") == "OL2A"


def test_nobody_else_is_meant():
    assert key_of(hits(("OL1A", "Andy Warhol", 50)), "Andy Weir") is None
    assert key_of(hits(AuthorHit(name="Andy Weir")), "Andy Weir") is None
    assert choose_author(AuthorHits(), "Andy Weir") is None
    assert key_of(hits(("OL1A", "Andy Weir", 5)), "  ") is None


@RELAXED
@given(
    people=st.lists(
        st.dictionaries(
            st.sampled_from(["key", "name", "alternate_names", "birth_date", "work_count"]), JSON
        )
    ),
    remote=JSON,
    name=st.text(),
)
def test_no_field_can_break_an_author(people, remote, name):
    found = msgspec.convert({"docs": people}, AuthorHits)
    choose_author(found, name)
    for hit in found.docs or ():
        document = msgspec.structs.replace(author_document(hit), remote_ids=remote)
        author, _ = author_from_document(document, BASIS)
        assert author.name
