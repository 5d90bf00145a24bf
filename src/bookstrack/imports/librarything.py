"""Exports of LibraryThing: tab-separated, unquoted, with films and music among the books."""

from __future__ import annotations

import re

from bookstrack.imports.export import Format, ReadingStatus, SkipReason
from bookstrack.imports.fields import Field
from bookstrack.imports.layout import Cells, Layout, NameStyle
from bookstrack.imports.statuses import status_of
from bookstrack.model.isbn import Isbn
from bookstrack.normalise.formats import is_book_binding

_COLUMNS = {
    Field.LIBRARYTHING_BOOK: ("book id",),
    Field.LIBRARYTHING_WORK: ("work id",),
    Field.TITLE: ("title",),
    Field.AUTHOR: ("primary author",),
    Field.SECONDARY_AUTHORS: ("secondary author",),
    Field.SECONDARY_ROLES: ("secondary author roles",),
    Field.PUBLICATION: ("publication",),
    Field.YEAR: ("date",),
    Field.REVIEW: ("review",),
    Field.RATING: ("rating",),
    Field.NOTES: ("private comment", "comment"),
    Field.MEDIA: ("media",),
    Field.PAGES: ("page count",),
    Field.DATE_ADDED: ("entry date", "acquired"),
    Field.DATE_STARTED: ("date started",),
    Field.DATE_FINISHED: ("date read",),
    Field.SHELVES: ("tags",),
    Field.COLLECTIONS: ("collections",),
    Field.LANGUAGE: ("languages",),
    Field.ISBN: ("isbn",),
    Field.ISBN13: ("isbns",),
    Field.OCLC: ("oclc",),
}
_BRACKETED = (Field.ISBN, Field.DATE_ADDED, Field.DATE_STARTED, Field.DATE_FINISHED)
_FILM = re.compile(r"laser\s?disc|movie|film|\bcassette\b|\brecord(?:ing)?\b", re.I)
_SPOKEN = re.compile(r"audio|book", re.I)
_MOST_NUMBERS = 50
_EVERYTHING = "your library"


def _fits(names: frozenset[str]) -> bool:
    return "primary author" in names and not names.isdisjoint({"sort character", "work id"})


def _adapt(cells: Cells) -> SkipReason | None:
    media = cells.pop(Field.MEDIA, "")
    if _is_no_book(media):
        return SkipReason.NOT_A_BOOK
    if media:
        cells[Field.FORMAT] = media
    for field in _BRACKETED:
        if field in cells:
            cells[field] = cells[field].strip("[] ")
    publisher = _publisher(cells.pop(Field.PUBLICATION, ""))
    if publisher:
        cells[Field.PUBLISHER] = publisher
    _choose_isbn(cells)
    _name_helpers(cells)
    _sort_collections(cells)
    return None


def _is_no_book(media: str) -> bool:
    if not media or _SPOKEN.search(media):
        return False
    return not is_book_binding(media) or bool(_FILM.search(media))


def _publisher(publication: str) -> str:
    """Return the publisher of "Gallimard (1979), Poche"."""
    return publication.partition("(" if "(" in publication else ",")[0].strip()


def _choose_isbn(cells: Cells) -> None:
    """Keep the first valid ISBN-13 of the list, else the first valid ISBN-10."""
    listed = re.split(r"[,;|\s]+", cells.pop(Field.ISBN13, ""), maxsplit=_MOST_NUMBERS)
    found = [isbn for isbn in map(Isbn.printed, listed) if isbn is not None and isbn.isbn13]
    for isbn in sorted(found, key=lambda one: len(one.number) != 13)[:1]:
        cells[Field.ISBN13] = isbn.number


def _name_helpers(cells: Cells) -> None:
    """Put further authors beside the first, and everybody with another role into contributors."""
    names = cells.pop(Field.SECONDARY_AUTHORS, "").split("|")
    roles = cells.pop(Field.SECONDARY_ROLES, "").split("|")
    helpers: list[str] = []
    for at, name in enumerate(names):
        role = roles[at].strip() if at < len(roles) else ""
        if not name.strip():
            continue
        if role and role.casefold() != "author":
            helpers.append(f"{name.strip()} ({role})")
        else:
            known = cells.get(Field.AUTHOR)
            cells[Field.AUTHOR] = f"{known}; {name.strip()}" if known else name.strip()
    if helpers:
        cells[Field.CONTRIBUTORS] = "; ".join(helpers)


def _sort_collections(cells: Cells) -> None:
    """Take the status from the collections, and those that are no status as tags."""
    own: list[str] = []
    found: dict[ReadingStatus, str] = {}
    for name in filter(None, map(str.strip, cells.pop(Field.COLLECTIONS, "").split(","))):
        status = status_of(name).status
        if status is not None:
            found.setdefault(status, name)
        elif name.casefold() != _EVERYTHING:
            own.append(name)
    for status in (ReadingStatus.READING, ReadingStatus.WANT_TO_READ, ReadingStatus.COMPLETED):
        if status in found:
            cells[Field.STATUS] = found[status]
            break
    if own:
        cells[Field.SHELVES] = ", ".join(filter(None, (cells.get(Field.SHELVES), *own)))


LAYOUT = Layout(
    format=Format.LIBRARYTHING,
    fits=_fits,
    columns=_COLUMNS,
    adapt=_adapt,
    names=NameStyle.SORTED,
    default_status=ReadingStatus.WANT_TO_READ,
    unquoted=True,
)
