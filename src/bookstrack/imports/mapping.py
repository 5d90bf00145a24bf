"""A column mapping given from outside, by a reader or by an AI that saw the first records."""

from __future__ import annotations

from collections.abc import Mapping as Pairs

from msgspec import Struct, field

from bookstrack.imports.dates import DateOrder
from bookstrack.imports.export import ReadingStatus
from bookstrack.imports.fields import Field
from bookstrack.imports.statuses import status_key


class Mapping(Struct, frozen=True, kw_only=True):
    """What the columns of one file hold.

    ``columns`` are fields by header, as the header stands in the file ("Column 1"… where there is
    none). What is ``None`` is found out from the file. ``rating_scale`` is the highest rating.
    ``statuses`` explain the file's own words; ``None`` there means none of the three.
    """

    columns: dict[str, Field]
    delimiter: str | None = None
    has_header: bool | None = None
    date_order: DateOrder | None = None
    rating_scale: int | None = None
    statuses: dict[str, ReadingStatus | None] = field(
        default_factory=dict[str, ReadingStatus | None]
    )

    def status_words(self) -> Pairs[str, ReadingStatus | None]:
        """Return the explained words as statuses are looked up."""
        return {status_key(word): status for word, status in self.statuses.items()}
