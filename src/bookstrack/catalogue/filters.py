"""What an advanced search may ask of an edition besides title and author. Pure."""

from __future__ import annotations

from msgspec import Struct

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
