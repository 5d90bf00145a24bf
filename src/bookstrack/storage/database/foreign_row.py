"""Reads ``canonical_metadata`` that another program or a person wrote.

Only the flat keys of data-model §1.6 are taken, and only where they have the right type; whatever
else stands there is left alone.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import DataProvider
from bookstrack.model.isbn import from_number
from bookstrack.model.record import BookRecord, ProviderId, Rating

_T = TypeVar("_T")
_UNTITLED = "Unknown Title"


def record_of_flat(isbn13: str, canonical: str) -> BookRecord:
    """Return the record that flat keys describe; unreadable text gives a record without facts."""
    flat = _object(canonical)
    images = _as(flat.get("imageLinks"), dict[str, Any]) or {}
    cover = _text(flat, "coverUrl") or _text(images, "large") or _text(images, "medium")
    average, count = _as(flat.get("averageRating"), float), _whole(flat, "ratingsCount")
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=_work(flat, cover),
        editions=(_edition(flat, cover, isbn13),),
        authors=_authors(flat),
        subtitle=_text(flat, "subtitle"),
        thumbnail_url=_text(flat, "thumbnailUrl") or _text(images, "thumbnail"),
        rating=None if average is None else Rating(average=average, count=count or 0),
    )


def _object(canonical: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(canonical, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _as(value: Any, kind: type[_T]) -> _T | None:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _text(flat: dict[str, Any], key: str) -> str | None:
    return _as(flat.get(key), str) or None


def _whole(flat: dict[str, Any], key: str) -> int | None:
    return _as(flat.get(key), int)


def _work(flat: dict[str, Any], cover: str | None) -> Work:
    key = _key(flat, "workKey")
    provider = _text(flat, "provider")
    return Work(
        title=_text(flat, "title") or _UNTITLED,
        subject_tags=_as(flat.get("categories"), tuple[str, ...]) or (),
        description=_text(flat, "description"),
        cover_image_url=cover,
        synthetic=key is None,
        primary_provider=_as(provider, DataProvider),
        open_library_id=key,
        open_library_work_id=key,
    )


def _edition(flat: dict[str, Any], cover: str | None, isbn13: str) -> Edition:
    key = _key(flat, "editionKey")
    date = _text(flat, "publishedDate")
    year = date[:4] if date else ""
    forms = from_number(isbn13).forms
    return Edition(
        isbn=forms[0] if forms else None,
        isbns=forms,
        title=_text(flat, "title"),
        publisher=_text(flat, "publisher"),
        publication_date=date,
        publication_year=int(year) if len(year) == 4 and year.isdecimal() else None,
        page_count=_whole(flat, "pageCount"),
        language=_text(flat, "language"),
        cover_image_url=cover,
        open_library_id=key,
        open_library_edition_id=key,
    )


def _key(flat: dict[str, Any], name: str) -> str | None:
    key = _text(flat, name)
    return key.rpartition("/")[2] if key else None


def _authors(flat: dict[str, Any]) -> tuple[Author, ...]:
    detailed = _as(flat.get("authorsDetailed"), list[Any]) or []
    people = tuple(author for one in detailed if (author := _as(one, Author)))
    names = _as(flat.get("authors"), tuple[str, ...]) or ()
    return people or tuple(Author(name=name) for name in names)
