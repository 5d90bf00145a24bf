"""One row to one book, by the rules that hold for every format."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypedDict

from msgspec import Struct, field

from bookstrack.imports.cells import one_line, prose
from bookstrack.imports.dates import DateOrder, read_date
from bookstrack.imports.export import Contributor, Doubt, ImportedBook, RowProblem
from bookstrack.imports.external import LOOKED_UP, external_ids
from bookstrack.imports.fields import Field
from bookstrack.imports.isbns import FoundIsbn, find_isbn
from bookstrack.imports.layout import Cells, NameStyle
from bookstrack.imports.people import People, people, style_beside
from bookstrack.imports.reading import Doubts, reading_of
from bookstrack.imports.titles import series_number, series_title
from bookstrack.imports.ways import Ways
from bookstrack.model.enums import EditionFormat
from bookstrack.normalise.formats import edition_format
from bookstrack.normalise.languages import language_code
from bookstrack.normalise.numbers import page_count

_LONGEST_WORDS = 200
_SEPARATED = re.compile(r"[,;|&]")
_YEAR = re.compile(r"(-?\d{1,4})(?:\.0+)?")
_YEAR_INSIDE = re.compile(r"(?<!\d)(?:1[4-9]|20)\d\d(?!\d)")
_FIRST_YEAR, _LAST_YEAR = -4_000, 2_200


class ReadRow(Struct, frozen=True, kw_only=True):
    """What one row gave: a book, or why there is none; and what is doubtful about it."""

    book: ImportedBook | None = None
    problem: RowProblem | None = None
    message: str = ""
    doubts: Doubts = field(default_factory=Doubts)


def read_row(cells: Cells, ways: Ways, *, row: int) -> ReadRow:
    """Return the book of one row, or the problem with it."""
    isbn = find_isbn(cells, padded=ways.layout.padded_isbn)
    title = one_line(cells.get(Field.TITLE, "")) or None
    keys = external_ids(cells)
    is_findable = any(scheme in keys for scheme in LOOKED_UP)
    if title is None and isbn.isbn is None and not is_findable:
        return _problem(cells, isbn)
    doubts: Doubts = []
    if isbn.doubt is not None:
        doubts.append((isbn.doubt, _isbn_message(isbn)))
    persons = _people(cells, ways)
    book = ImportedBook(
        rows=(row,),
        authors=persons.authors,
        contributors=persons.contributors,
        isbn=isbn.isbn,
        isbn_raw=isbn.raw,
        external_ids=keys,
        reading=reading_of(cells, ways, doubts),
        low_confidence=not (persons.authors or isbn.isbn or is_findable),
        description=prose(cells.get(Field.DESCRIPTION, "")),
        **_titles(cells, title),
        **_edition(cells, ways),
    )
    return ReadRow(book=book, doubts=doubts)


def _problem(cells: Cells, isbn: FoundIsbn) -> ReadRow:
    if isbn.raw is not None:
        return ReadRow(problem=RowProblem.INVALID_ISBN, message=_isbn_message(isbn))
    if Field.AUTHOR in cells:
        message = "The row has an author but neither title nor ISBN"
    else:
        message = "The row has neither title nor ISBN"
    return ReadRow(problem=RowProblem.MISSING_TITLE, message=message)


def _isbn_message(isbn: FoundIsbn) -> str:
    shown = (isbn.raw or "")[:40]
    if isbn.doubt is Doubt.RUINED_ISBN:
        return f"A spreadsheet turned the ISBN into “{shown}”; its digits are lost"
    return f"“{shown}” is not a valid ISBN"


def _people(cells: Cells, ways: Ways) -> People:
    """Return authors and contributors; the sorted form of names proves how the others stand."""
    cell, style = cells.get(Field.AUTHOR, ""), ways.names
    in_order = cells.get(Field.AUTHOR_SORTED, "")
    if cell:
        found = people(cell, style_beside(cell, in_order, style))
    else:
        found = people(in_order, NameStyle.SORTED) if in_order else People()
    if Field.CONTRIBUTORS not in cells:
        return found
    listed = NameStyle.LISTED if style is NameStyle.WHOLE else style
    helpers = people(cells[Field.CONTRIBUTORS], listed)
    return People(found.authors, (*found.contributors, *_as_helpers(helpers, found.authors)))


def _as_helpers(helpers: People, authors: tuple[str, ...]) -> tuple[Contributor, ...]:
    plain = (Contributor(name) for name in helpers.authors if name not in authors)
    return (*plain, *helpers.contributors)


class _Titles(TypedDict):
    title: str | None
    subtitle: str | None
    series: str | None
    series_number: str | None


def _titles(cells: Cells, title: str | None) -> _Titles:
    """Return title and series; a column for the series beats brackets after the title."""
    inside = series_title(title or "")
    series = one_line(cells.get(Field.SERIES, "")) or inside.series
    number = cells.get(Field.SERIES_NUMBER) if series else None
    return {
        "title": inside.title or None,
        "subtitle": one_line(cells.get(Field.SUBTITLE, "")) or None,
        "series": series,
        "series_number": series_number(number) if number else inside.number,
    }


class _Edition(TypedDict):
    publisher: str | None
    published: str | None
    year: int | None
    original_year: int | None
    pages: int | None
    language: str | None
    format: EditionFormat | None


def _edition(cells: Cells, ways: Ways) -> _Edition:
    published = cells.get(Field.YEAR, "")
    order = ways.orders.get(Field.YEAR, DateOrder.MONTH_FIRST)
    year = year_of(published, order)
    day = read_date(published, order) if published else None
    return {
        "publisher": one_line(cells.get(Field.PUBLISHER, "")) or None,
        "published": day or (f"{year}" if year is not None and year >= 1000 else None),
        "year": year,
        "original_year": year_of(cells.get(Field.ORIGINAL_YEAR, ""), order),
        "pages": page_count(cells[Field.PAGES]) if Field.PAGES in cells else None,
        "language": _language(cells.get(Field.LANGUAGE, "")),
        "format": form_of(cells.get(Field.FORMAT, "")),
    }


@lru_cache(maxsize=4_096)
def year_of(cell: str, order: DateOrder) -> int | None:
    """Return the year of ``1979``, ``-700``, a date, or a text with one year in it."""
    text = cell.strip("[] ")[:_LONGEST_WORDS]
    match = _YEAR.fullmatch(text)
    if match is not None:
        year = int(match[1])
        return year if year and _FIRST_YEAR <= year <= _LAST_YEAR else None
    day = read_date(text, order)
    if day is not None:
        return int(day[:4])
    inside = _YEAR_INSIDE.search(text)
    return int(inside[0]) if inside is not None else None


@lru_cache(maxsize=1_024)
def form_of(cell: str) -> EditionFormat | None:
    """Return the format a cell names, or ``None`` where it names none."""
    text = cell[:_LONGEST_WORDS]
    foreign = next((form for word, form in _FOREIGN.items() if word in text.casefold()), None)
    if foreign is not None or not text:
        return foreign
    # Two defaults that differ: what comes back for both was named by the cell.
    named = edition_format(text, EditionFormat.HARDCOVER.value)
    return named if named is edition_format(text, EditionFormat.EBOOK.value) else None


_FOREIGN = {
    "taschenbuch": EditionFormat.PAPERBACK,
    "broschiert": EditionFormat.PAPERBACK,
    "gebunden": EditionFormat.HARDCOVER,
    "hörbuch": EditionFormat.AUDIOBOOK,
    "poche": EditionFormat.MASS_MARKET,
    "broché": EditionFormat.PAPERBACK,
    "relié": EditionFormat.HARDCOVER,
    "tapa blanda": EditionFormat.PAPERBACK,
    "tapa dura": EditionFormat.HARDCOVER,
    "copertina flessibile": EditionFormat.PAPERBACK,
    "copertina rigida": EditionFormat.HARDCOVER,
}


@lru_cache(maxsize=1_024)
def _language(cell: str) -> str | None:
    first = _SEPARATED.split(cell[:_LONGEST_WORDS])[0]
    code = language_code(first)
    return code if code is not None and len(code) <= 3 else None
