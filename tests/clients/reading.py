"""What the clients' decoders insist on, whatever the route (http-api §2.3, §5, §9)."""

from __future__ import annotations

import re
from typing import Any

from bookstrack.model.enums import AuthorGender, CulturalRegion, EditionFormat, ReviewStatus

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PROVIDERS = {"google-books", "openlibrary", "isbndb", "gemini"}
WORK_LISTS = {
    "subjectTags",
    "goodreadsWorkIDs",
    "amazonASINs",
    "librarythingIDs",
    "googleBooksVolumeIDs",
}
EDITION_LISTS = {"isbns", "amazonASINs", "googleBooksVolumeIDs", "librarythingIDs"}


def check_envelope(body: dict[str, Any], *, success: bool) -> None:
    """Check what both shipping decoders require in every body."""
    assert body["success"] is success
    assert TIME.fullmatch(body["metadata"]["timestamp"])
    assert type(body["metadata"]["processingTime"]) is int
    if success:
        assert "error" not in body
    else:
        error = body["error"]
        assert type(error["statusCode"]) is int
        assert type(error["retryable"]) is bool
        assert error["message"]
        assert not nulls(error.get("details", {}))


def nulls(value: Any) -> bool:
    """Tell whether there is a null at any depth."""
    if isinstance(value, dict):
        return any(map(nulls, value.values()))
    if isinstance(value, list):
        return any(map(nulls, value))
    return value is None


def check_work(work: dict[str, Any]) -> None:
    assert work["title"]
    assert all(isinstance(work[name], list) for name in WORK_LISTS)
    assert 0 <= work["isbndbQuality"] <= 100
    assert work["reviewStatus"] in set(ReviewStatus)
    assert work.get("primaryProvider", "google-books") in PROVIDERS
    assert set(work.get("contributors", ())) <= PROVIDERS
    check_url(work.get("coverImageURL"))
    assert not nulls(work)


def check_edition(edition: dict[str, Any]) -> None:
    assert all(isinstance(edition[name], list) for name in EDITION_LISTS)
    assert edition["format"] in set(EditionFormat)
    assert 0 <= edition["isbndbQuality"] <= 100
    assert edition.get("primaryProvider", "google-books") in PROVIDERS
    assert "description" not in edition
    assert re.fullmatch(r"\d{4}(-\d\d){0,2}", edition.get("publicationDate", "2000"))
    check_url(edition.get("coverImageURL"))
    assert not nulls(edition)


def check_author(author: dict[str, Any]) -> None:
    assert author["name"]
    assert author["gender"] in set(AuthorGender)
    assert author.get("culturalRegion", "Africa") in set(CulturalRegion)
    assert not nulls(author)


def check_book(book: dict[str, Any]) -> None:
    assert book["title"]
    assert isinstance(book["authors"], list)
    assert all(isinstance(name, str) for name in book["authors"])
    assert book["author"] == ", ".join(book["authors"])
    assert isinstance(book["categories"], list)
    assert len(book.get("isbn", "9" * 13)) == 13
    check_url(book.get("coverUrl"))
    assert not nulls(book)


def check_url(url: str | None) -> None:
    assert url is None or re.fullmatch(r"https://[!-~]+", url)


def check_search_data(data: dict[str, Any]) -> None:
    """Check works, editions and authors, and that ``editions[i]`` belongs to ``works[i]``."""
    for work in data["works"]:
        check_work(work)
    for edition in data["editions"]:
        check_edition(edition)
    for author in data["authors"]:
        check_author(author)
    for book in data["books"]:
        check_book(book)
    assert data["resultCount"] == len(data["works"]) == len(data["books"])
    assert data["totalResults"] >= data["resultCount"]
    assert len(data["editions"]) >= len(data["works"])
    pairs = zip(data["works"], data["editions"], data["books"], strict=False)
    for work, edition, book in pairs:
        assert book["title"] == edition.get("title", work["title"])
        if edition["isbns"]:
            assert book["isbn"] in edition["isbns"]
        else:
            assert "isbn" not in book
    assert data["book"] == (data["books"][0] if data["books"] else None)
