"""Which records an advanced search accepts. Pure."""

from __future__ import annotations

from msgspec import Struct

from bookstrack.catalogue.matching import authors_match, titles_match
from bookstrack.model.record import BookRecord
from bookstrack.normalise.languages import language_code
from bookstrack.normalise.titles import title_key


class Filters(Struct, frozen=True, kw_only=True):
    """Filters that are set; a record of which the filtered fact is unknown is not accepted."""

    year: int | None = None
    publisher: str = ""
    language: str = ""

    def accept(self, record: BookRecord) -> bool:
        """Tell whether the record meets every filter."""
        return (
            (self.year is None or self.year in _years(record))
            and (not self.publisher or self._has_publisher(record))
            and (not self.language or language_code(self.language) in _languages(record))
        )

    def _has_publisher(self, record: BookRecord) -> bool:
        wanted = title_key(self.publisher)
        return any(wanted in title_key(e.publisher or "") for e in record.editions)


def _years(record: BookRecord) -> set[int | None]:
    dates = {
        int(e.publication_date[:4])
        for e in record.editions
        if e.publication_date and e.publication_date[:4].isdigit()
    }
    return {record.work.first_publication_year, *dates} - {None}


def _languages(record: BookRecord) -> set[str | None]:
    return {record.work.original_language, *(e.language for e in record.editions)} - {None}


def plausible(record: BookRecord, *, title: str, author: str) -> bool:
    """Tell whether a record may be what somebody searches for.

    Looser than matching, where the answer is taken without a person looking at it: some words of
    a title are enough here. An author who was given must be one of the record's.
    """
    if author and not any(authors_match(author, a.name) for a in record.authors):
        return False
    titles = (record.work.title, *(e.title for e in record.editions if e.title))
    return not title or any(_fits(title, found) for found in titles)


def _fits(asked: str, found: str) -> bool:
    words = set(title_key(asked).split())
    return bool(words and words <= set(title_key(found).split())) or titles_match(asked, found)
