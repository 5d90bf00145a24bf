"""What the reader says about a book: status, stars, days, words and tags."""

from __future__ import annotations

from datetime import timedelta

from bookstrack.imports.cells import one_line, prose
from bookstrack.imports.dates import DateOrder, counted_day, is_before, read_date
from bookstrack.imports.export import Doubt, Reading, ReadingStatus
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells
from bookstrack.imports.ratings import stars, whole_stars
from bookstrack.imports.statuses import Standing, status_key, status_of
from bookstrack.imports.ways import Ways

Doubts = list[tuple[Doubt, str]]
"""What is doubtful about a row, with the words to say so."""

_SEPARATORS = ("|||||", ";", "|", ",")
_MOST_TAGS = 500
_PLAIN_SHELVES = frozenset({"to read", "currently reading", "read"})


def reading_of(cells: Cells, ways: Ways, doubts: Doubts) -> Reading:
    """Return what a row says about its reader; what is dropped is added to ``doubts``."""
    started, finished = _days(cells, ways, doubts)
    tags = _tags(cells.get(Field.SHELVES, ""))
    word = cells.get(Field.STATUS) or _word_among(tags, ways)
    standing = status_of(word, given=ways.statuses) if word else Standing(False)
    exact = stars(cells[Field.RATING], ways.scale) if Field.RATING in cells else None
    return Reading(
        status=_status(standing, cells, ways, (started, finished)),
        source_status=word,
        rating=whole_stars(exact) if exact is not None else None,
        rating_exact=exact,
        date_added=_day(cells, Field.DATE_ADDED, ways, doubts),
        date_started=started,
        date_finished=finished,
        review=prose(cells.get(Field.REVIEW, "")),
        notes=prose(cells.get(Field.NOTES, "")),
        tags=_without_status(tags, word, standing),
    )


def _word_among(tags: list[str], ways: Ways) -> str | None:
    """Return the tag that says the status, in files where no column does."""
    if not ways.status_from_shelves:
        return None
    known = (tag for tag in tags if status_of(tag, given=ways.statuses, is_tag=True).is_known)
    return next(known, None)


def _status(
    standing: Standing, cells: Cells, ways: Ways, days: tuple[str | None, str | None]
) -> ReadingStatus | None:
    """Return the library's status; an unknown word leaves it to the dates."""
    started, finished = days
    if standing.status is not None:
        return standing.status
    has_stopped = Field.DATE_STOPPED in cells
    if standing.is_known or has_stopped:
        is_going_on = started and not finished and not has_stopped
        return ReadingStatus.READING if is_going_on else None
    if finished:
        return ReadingStatus.COMPLETED
    return ReadingStatus.READING if started else ways.layout.default_status


def _tags(cell: str) -> list[str]:
    sign = next((sign for sign in _SEPARATORS if sign in cell), ",")
    return list(dict.fromkeys(filter(None, map(one_line, cell.split(sign)[:_MOST_TAGS]))))


def _without_status(tags: list[str], word: str | None, standing: Standing) -> tuple[str, ...]:
    """Leave out the tag that says the status; an own shelf of the reader is a tag."""
    said = status_key(word) if word else ""
    hidden = {*_PLAIN_SHELVES, said} if standing.is_known else _PLAIN_SHELVES
    own = [tag for tag in tags if status_key(tag) not in hidden]
    if word and not standing.is_known and said not in map(status_key, own):
        own.append(word)
    return tuple(own)


def _days(cells: Cells, ways: Ways, doubts: Doubts) -> tuple[str | None, str | None]:
    """Return start and finish, without days that cannot be."""
    started = _past(_day(cells, Field.DATE_STARTED, ways, doubts), "start", ways, doubts)
    finished = _past(_day(cells, Field.DATE_FINISHED, ways, doubts), "finish", ways, doubts)
    if started and finished and is_before(finished, started):
        doubts.append(
            (
                Doubt.FINISHED_BEFORE_START,
                f"Finished on {finished}, before the start on {started}: the finish was dropped",
            )
        )
        finished = None
    return started, finished


def _day(cells: Cells, field: Field, ways: Ways, doubts: Doubts) -> str | None:
    cell = cells.get(field)
    if cell is None:
        return None
    text = cell.strip("[] ")
    found = read_date(text, ways.orders.get(field, DateOrder.MONTH_FIRST)) or counted_day(text)
    if found is None and not set(cell) <= set("0-/. "):
        doubts.append((Doubt.UNREADABLE_DATE, f"“{cell[:40]}” is no date"))
    return found


def _past(day: str | None, what: str, ways: Ways, doubts: Doubts) -> str | None:
    """Drop a day that lies ahead by more than one day, as no time zone explains."""
    if day is None or ways.today is None:
        return day
    tomorrow = (ways.today + timedelta(days=1)).isoformat()
    if not is_before(tomorrow, day):
        return day
    doubts.append((Doubt.DATE_IN_FUTURE, f"The {what} on {day} lies ahead and was dropped"))
    return None
