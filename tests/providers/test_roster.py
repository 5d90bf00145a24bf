"""Who is asked what, in which order."""

from __future__ import annotations

from typing import ClassVar

import pytest

from bookstrack.errors import ConfigurationProblem
from bookstrack.model.query import AuthorFactsQuery, EditionsQuery, IsbnQuery, Query
from bookstrack.model.record import Findings, ProviderId
from bookstrack.providers.base import Budget
from bookstrack.providers.roster import Roster


class Source:
    answers: ClassVar[frozenset[type]] = frozenset({IsbnQuery, EditionsQuery})

    def __init__(self, name: ProviderId) -> None:
        self.name = name

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        return Findings()


BOOKS = [Source(ProviderId.ISBNDB), Source(ProviderId.OPEN_LIBRARY), Source(ProviderId.GOOGLE)]


def order(kind, *, override=(), prefer=None):
    roster = Roster(BOOKS, order=override)
    return [str(provider.name) for provider in roster.for_query(kind, prefer=prefer)]


def test_each_kind_of_question_has_its_order():
    assert order(IsbnQuery) == ["google", "openlibrary", "isbndb"]
    assert order(EditionsQuery) == ["isbndb", "google", "openlibrary"]


def test_who_does_not_answer_a_kind_is_not_asked():
    assert order(AuthorFactsQuery) == []


def test_the_setting_goes_before_the_order_and_the_caller_before_both():
    assert order(IsbnQuery, override=["isbndb"]) == ["isbndb", "google", "openlibrary"]
    assert order(IsbnQuery, override=["isbndb"], prefer=ProviderId.OPEN_LIBRARY) == [
        "openlibrary",
        "isbndb",
        "google",
    ]


def test_a_preferred_source_that_is_not_in_use_changes_nothing():
    assert order(IsbnQuery, prefer=ProviderId.OFFLINE) == ["google", "openlibrary", "isbndb"]


def test_an_unknown_name_in_the_order_is_a_wrong_setting():
    with pytest.raises(ConfigurationProblem) as caught:
        Roster(BOOKS, order=["goggle"])
    assert caught.value.message == (
        "BOOKSTRACK_PROVIDER_ORDER: goggle is none of google, openlibrary, isbndb, ol-dump"
    )


def test_by_name():
    roster = Roster(BOOKS)
    assert roster.get(ProviderId.GOOGLE) is BOOKS[2]
    assert roster.get(ProviderId.WIKIDATA) is None
    assert set(roster.names) == {ProviderId.GOOGLE, ProviderId.OPEN_LIBRARY, ProviderId.ISBNDB}
