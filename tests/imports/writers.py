"""Exports written on purpose: the same books in the layout of each service."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bookstrack.imports.export import Format, ReadingStatus
from bookstrack.model.isbn import from_number

Rows = list[list[str]]


class Item(NamedTuple):
    """One book as a reader has it. ``authors`` are pairs of first and last name."""

    number: int
    title: str
    authors: tuple[tuple[str, str], ...]
    isbn: str | None = None
    publisher: str = ""
    year: int | None = None
    pages: int | None = None
    stars: int = 0
    status: ReadingStatus = ReadingStatus.WANT_TO_READ
    added: str = "2024-01-02"
    finished: str | None = None
    review: str = ""
    tags: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{first} {last}" for first, last in self.authors)


class Service(NamedTuple):
    """How one service writes: which facts survive, and how."""

    format: Format
    write: Callable[[Sequence[Item]], bytes]
    keeps: frozenset[str]


WORDS = {
    "dash": ("to-read", "currently-reading", "read"),
    "words": ("Want to Read", "Currently Reading", "Read"),
    "openreads": ("planned", "in_progress", "finished"),
    "bookwyrm": ("to-read", "reading", "read"),
    "librarything": ("To read", "Currently reading", "Read but unowned"),
}


def names_in(header: str) -> list[str]:
    return header.split("|")


def word(item: Item, vocabulary: str) -> str:
    return WORDS[vocabulary][list(ReadingStatus).index(item.status)]


def text_of(number: int | None) -> str:
    return "" if number is None else str(number)


def slashed(date: str | None) -> str:
    return (date or "").replace("-", "/")


def as_csv(rows: Rows, *, delimiter: str = ",", end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue().encode()


def armoured(number: str | None) -> str:
    return f'="{number or ""}"'


def isbn10(item: Item) -> str | None:
    return from_number(item.isbn).isbn10 if item.isbn else None


def goodreads(items: Sequence[Item]) -> bytes:
    header = names_in(
        "Book Id|Title|Author|Author l-f|Additional Authors|ISBN|ISBN13|My Rating|Average Rating|"
        "Publisher|Binding|Number of Pages|Year Published|Original Publication Year|Date Read|"
        "Date Added|Bookshelves|Bookshelves with positions|Exclusive Shelf|My Review|Spoiler|"
        "Private Notes|Read Count|Owned Copies"
    )
    rows = [header]
    for item in items:
        first, last = item.authors[0]
        shelf = word(item, "dash")
        shelves = [*item.tags, *([] if shelf == "read" else [shelf])]
        rows.append(
            [
                str(item.number),
                item.title,
                f"{first}   {last}",
                f"{last}, {first}",
                ", ".join(item.names[1:]),
                armoured(isbn10(item)),
                armoured(item.isbn),
                str(item.stars),
                "3.99",
                item.publisher,
                "Paperback",
                text_of(item.pages),
                text_of(item.year),
                "",
                slashed(item.finished),
                slashed(item.added),
                ", ".join(shelves),
                ", ".join(f"{one} (#1)" for one in shelves),
                shelf,
                item.review.replace("\n", "<br/>"),
                "",
                "",
                "1",
                "0",
            ]
        )
    return as_csv(rows)


def storygraph(items: Sequence[Item]) -> bytes:
    header = names_in(
        "Title|Authors|Contributors|ISBN/UID|Format|Read Status|Date Added|Last Date Read|"
        "Dates Read|Read Count|Moods|Star Rating|Review|Tags|Owned?"
    )
    rows = [header]
    for item in items:
        finished = slashed(item.finished)
        rows.append(
            [
                item.title,
                ", ".join(item.names),
                "Some Body (Narrator)",
                item.isbn or f"uid{item.number}",
                "paperback",
                word(item, "dash"),
                slashed(item.added),
                finished,
                f"{finished}-{finished}" if finished else "",
                "1",
                "tense",
                f"{item.stars:.1f}" if item.stars else "",
                item.review,
                ", ".join(item.tags),
                "No",
            ]
        )
    return as_csv(rows, end="\r\n")


def librarything(items: Sequence[Item]) -> bytes:
    """Write without any quoting, as LibraryThing does: no tabs and line ends in cells."""
    header = names_in(
        "Book Id|Title|Sort Character|Primary Author|Secondary Author|Secondary Author Roles|"
        "Publication|Date|Review|Rating|Media|Page Count|Date Started|Date Read|Tags|Collections|"
        "ISBN|ISBNs|Entry Date|Work id"
    )
    rows = [header]
    for item in items:
        names = [f"{last}, {first}" for first, last in item.authors]
        rows.append(
            [
                str(item.number),
                item.title,
                "1",
                names[0],
                "|".join([*names[1:], "Helper, Hans"]),
                "|".join([*["" for _ in names[1:]], "Translator"]),
                f"{item.publisher} (1999), Paperback" if item.publisher else "",
                text_of(item.year),
                item.review,
                text_of(item.stars or None),
                "Paperback",
                text_of(item.pages),
                "",
                f"[{item.finished}]" if item.finished else "",
                ", ".join(item.tags),
                f"Your library, {word(item, 'librarything')}",
                f"[{isbn10(item) or ''}]",
                f"{isbn10(item)}, {item.isbn}" if item.isbn else "",
                f"[{item.added}]",
                str(item.number + 500_000),
            ]
        )
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def calibre(items: Sequence[Item]) -> bytes:
    header = "authors|author_sort|rating|timestamp|isbn|identifiers|comments|tags|title|title_sort"
    rows = [[*names_in(header), "publisher", "pubdate", "uuid"]]
    for item in items:
        rows.append(
            [
                " & ".join(item.names),
                " & ".join(f"{last}, {first}" for first, last in item.authors),
                str(item.stars),
                f"{item.added}T12:00:00+01:00",
                item.isbn or "",
                f"goodreads:{item.number}",
                "",
                ", ".join(item.tags),
                item.title,
                item.title,
                item.publisher,
                f"{item.year or 101:04d}-01-01T00:00:00+00:00",
                f"00000000-0000-0000-0000-{item.number:012d}",
            ]
        )
    return as_csv(rows)


def bookwyrm(items: Sequence[Item]) -> bytes:
    header = names_in(
        "title|author_text|remote_id|openlibrary_key|asin|isbn_10|isbn_13|start_date|finish_date|"
        "stopped_date|rating|review_name|review_content|shelf|shelf_name|shelf_date"
    )
    rows = [header]
    for item in items:
        rows.append(
            [
                item.title,
                ", ".join(item.names),
                f"https://wyrm.example/book/{item.number}",
                f"OL{item.number + 1}M",
                "",
                isbn10(item) or "",
                item.isbn or "",
                "",
                item.finished or "",
                "",
                text_of(item.stars or None),
                "",
                item.review,
                word(item, "bookwyrm"),
                word(item, "bookwyrm").title(),
                item.added,
            ]
        )
    return as_csv(rows)


def hardcover(items: Sequence[Item]) -> bytes:
    header = names_in(
        "Title|Author|Series|Status|Hardcover Book ID|Hardcover Edition ID|ISBN 10|ISBN 13|ASIN|"
        "Media|Pages|Publish Date|Publisher|Tags|Lists|Date Added|Date Started|Date Finished|"
        "Rating|Review|Private Notes"
    )
    rows = [header]
    for item in items:
        rows.append(
            [
                item.title,
                ", ".join(("Trans Lator (Translator)", *item.names)),
                "",
                word(item, "words"),
                str(item.number),
                "",
                isbn10(item) or "",
                item.isbn or "",
                "",
                "Book",
                text_of(item.pages),
                f"{item.year}-06-01" if item.year else "",
                item.publisher,
                ", ".join(item.tags),
                "",
                item.added,
                "",
                item.finished or "",
                text_of(item.stars or None),
                item.review,
                "",
            ]
        )
    return as_csv(rows)


def openreads(items: Sequence[Item]) -> bytes:
    header = names_in(
        "title|subtitle|author|description|status|favourite|deleted|rating|pages|publication_year|"
        "isbn|olid|tags|my_review|notes|book_format|readings|date_added|date_modified"
    )
    rows = [header]
    for item in items:
        finished = f"|{item.finished}T00:00:00.000|" if item.finished else ""
        rows.append(
            [
                item.title,
                "",
                ", ".join(item.names),
                "Lines\n\nof a description",
                word(item, "openreads"),
                "false",
                "false",
                text_of(item.stars or None),
                text_of(item.pages),
                text_of(item.year),
                item.isbn or "",
                f"OL{item.number + 1}M",
                "|||||".join(item.tags),
                item.review,
                "",
                "paperback",
                finished,
                f"{item.added}T13:01:12.937",
                f"{item.added}T13:01:12.937",
            ]
        )
    return as_csv(rows)


def generic(items: Sequence[Item]) -> bytes:
    header = names_in(
        "Buch|Titel|Autor|Verlag|Jahr|Seiten|Bewertung|Reading Status|Date Added|Date Read|"
        "Review|Tags|ISBN-13"
    )
    rows = [header]
    for item in items:
        rows.append(
            [
                str(item.number),
                item.title,
                "; ".join(item.names),
                item.publisher,
                text_of(item.year),
                text_of(item.pages),
                "★" * item.stars,
                word(item, "words"),
                item.added,
                item.finished or "",
                item.review,
                ", ".join(item.tags),
                item.isbn or "",
            ]
        )
    return as_csv(rows, delimiter=";")


_ALL = frozenset(
    {"names", "publisher", "year", "pages", "stars", "status", "finished", "review", "tags"}
)
SERVICES = (
    Service(Format.GOODREADS, goodreads, _ALL - {"names"}),
    Service(Format.STORYGRAPH, storygraph, _ALL - {"publisher", "year", "pages"}),
    Service(Format.LIBRARYTHING, librarything, _ALL),
    Service(Format.CALIBRE, calibre, _ALL - {"pages", "status", "finished", "review"}),
    Service(Format.BOOKWYRM, bookwyrm, _ALL - {"publisher", "year", "pages", "tags"}),
    Service(Format.HARDCOVER, hardcover, _ALL),
    Service(Format.OPENREADS, openreads, _ALL - {"publisher"}),
    Service(Format.GENERIC, generic, _ALL),
)
