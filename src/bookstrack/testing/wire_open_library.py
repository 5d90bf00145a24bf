"""Open Library as it really answers (providers §3): records by key, ISBN look-ups, author lists.

Searches are in ``wire_open_library_search``.
"""

from __future__ import annotations

import re
from typing import Any

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, Asked, html_answer, json_answer, whole
from bookstrack.testing.things import Creation, Printing, Someone
from bookstrack.testing.wire_open_library_search import MARC_LANGUAGES, SearchWire

_KEY = re.compile(r"^/(works|books|authors)/OL(\d+)([WMA])$")
_STAMP = {"type": "/type/datetime", "value": "2021-04-02T08:15:30.123456"}


class OpenLibraryWire:
    """Works, editions and authors of a catalogue. It asks for no key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._search = SearchWire(catalogue)

    def answer(self, asked: Asked) -> Answer:
        """Answer every path of providers §3 but pictures."""
        parts = asked.path.strip("/").removesuffix(".json").split("/")
        match parts:
            case ["search"]:
                return self._search.books(asked.query)
            case ["search", "authors"]:
                return self._search.authors(asked.query)
            case ["isbn", isbn]:
                return self._isbn(isbn)
            case ["api", "books"]:
                return self._data(asked.query)
            case ["works", key, "editions"]:
                return self._editions(key, asked.query)
            case ["authors", key, "works"]:
                return self._works(key, asked.query)
            case ["works", key, "ratings"]:
                return self._ratings(key)
            case ["works" | "books" | "authors", _]:
                return self._record("/" + "/".join(parts))
            case _:
                return html_answer("Page Not Found | Open Library", status=404)

    def status(self, status: int) -> Answer:
        """Answer an error: JSON for 429, a page for everything else."""
        if status == 429:
            return json_answer({"error": "rate limit exceeded"}, status=429)
        return html_answer(f"{status} | Open Library", status=status)

    def quota(self, status: int = 403) -> Answer:
        """Refuse: Open Library has no daily quota, so this is its page for too many requests."""
        return self.status(status)

    def auth(self, status: int = 403) -> Answer:
        """Refuse this address; there is no key that could be wrong."""
        return self.status(status)

    def _isbn(self, isbn: str) -> Answer:
        printing = self._known(isbn)
        if printing is None:
            return html_answer("Page Not Found | Open Library", status=404)
        where = f"/books/OL{printing.number}M.json"
        return Answer(status=302, headers={"location": where}, content_type="text/html")

    def _known(self, isbn: str) -> Printing | None:
        clean = isbn.replace("-", "").upper()
        found = self._catalogue.by_isbn(clean) if len(clean) in (10, 13) else None
        return None if found is None or "openlibrary" in found.absent else found

    def _record(self, key: str) -> Answer:
        if target := self._catalogue.redirects.get(key):
            gone = {"type": {"key": "/type/redirect"}, "location": target}
            return json_answer({"key": key, **gone, **_history(2)})
        if key in self._catalogue.deleted:
            body = {"key": key, "type": {"key": "/type/delete"}, **_history(4)}
            del body["created"]
            return json_answer(body, status=404 if key.startswith("/works") else 200)
        record = self._body(key)
        if record is None:
            return json_answer({"error": "notfound", "key": key}, status=404)
        return json_answer(record)

    def _body(self, key: str) -> dict[str, Any] | None:
        found = _KEY.match(key)
        if found is None:
            return None
        number = int(found[2])
        match found[1], found[3]:
            case "works", "W":
                work = self._listed(number)
                return self._work(work) if work else None
            case "books", "M":
                printing = self._catalogue.printing(number)
                known = printing and "openlibrary" not in printing.absent
                return self._edition(printing) if printing and known else None
            case "authors", "A":
                person = self._catalogue.person(number)
                return _author(person) if person else None
            case _:
                return None

    def _listed(self, number: int) -> Creation | None:
        work = self._catalogue.work(number)
        return work if work and _printings(work) else None

    def _work(self, work: Creation) -> dict[str, Any]:
        # Descriptions are text or an object, as it happens to be stored.
        text = work.description
        body: dict[str, Any] = {
            "key": f"/works/OL{work.number}W",
            "title": work.title,
            "authors": [
                {"author": {"key": f"/authors/OL{number}A"}, "type": {"key": "/type/author_role"}}
                for number in work.authors
            ],
            "type": {"key": "/type/work"},
            "description": {"type": "/type/text", "value": text} if work.number % 2 else text,
            "subjects": list(work.subjects),
            "covers": [p.number if p.cover else -1 for p in _printings(work)],
            **_history(5),
        }
        if work.number % 3:
            body["first_publish_date"] = str(work.year)
        return body

    def _edition(self, printing: Printing) -> dict[str, Any]:
        work = self._catalogue.work_of(printing)
        body: dict[str, Any] = {
            "key": f"/books/OL{printing.number}M",
            "title": printing.title or work.title,
            "works": [{"key": f"/works/OL{work.number}W"}],
            "type": {"key": "/type/edition"},
            "publishers": [printing.publisher],
            "publish_date": _spoken(printing.date),
            "physical_format": printing.binding_text or printing.binding,
            "languages": [{"key": f"/languages/{MARC_LANGUAGES[printing.language]}"}],
            "identifiers": {"goodreads": [str(printing.number)]},
            "source_records": [f"promise:bt:{printing.number}"],
            **_history(3),
        }
        # Which of the two ISBN lists is there, and whether authors are, differs by record.
        if printing.isbn and (printing.number % 3 or not printing.isbn10):
            body["isbn_13"] = [printing.isbn]
        if printing.isbn10 and printing.number % 5:
            body["isbn_10"] = [printing.isbn10]
        if printing.number % 2:
            body["authors"] = [{"key": f"/authors/OL{number}A"} for number in work.authors]
        if printing.pages:
            body["pagination"] = f"{printing.pages} p. :"
            if printing.number % 4:
                body["number_of_pages"] = printing.pages
        if printing.cover:
            body["covers"] = [printing.number]
        if printing.edition:
            body["edition_name"] = printing.edition
        return body

    def _editions(self, key: str, query: dict[str, str]) -> Answer:
        work = self._listed(_number(key))
        if work is None:
            return json_answer({"error": "notfound", "key": f"/works/{key}"}, status=404)
        entries = [self._edition(printing) for printing in _printings(work)]
        return _page(f"/works/{key}", "editions", entries, query)

    def _works(self, key: str, query: dict[str, str]) -> Answer:
        number = _number(key)
        if self._catalogue.person(number) is None:
            return json_answer({"error": "notfound", "key": f"/authors/{key}"}, status=404)
        works = [work for work in self._catalogue.works_by(number) if _printings(work)]
        return _page(f"/authors/{key}", "works", [self._work(work) for work in works], query)

    def _ratings(self, key: str) -> Answer:
        work = self._listed(_number(key))
        if work is None:
            return json_answer({"error": "notfound", "key": f"/works/{key}"}, status=404)
        average, count = work.rating or (None, 0)
        return json_answer(
            {
                "summary": {"average": average, "count": count, "sortable": average},
                "counts": {str(stars): count if stars == 4 else 0 for stars in range(1, 6)},
            }
        )

    def _data(self, query: dict[str, str]) -> Answer:
        found: dict[str, Any] = {}
        for bibkey in filter(None, query.get("bibkeys", "").split(",")):
            printing = self._known(bibkey.removeprefix("ISBN:"))
            if printing:
                found[bibkey] = self._described(printing)
        answer = json_answer(found)
        if query.get("format") == "json":
            return answer
        script = b"var _OLBookInfo = " + answer.body + b";"
        return Answer(body=script, content_type="text/javascript; charset=utf-8")

    def _described(self, printing: Printing) -> dict[str, Any]:
        work, site = self._catalogue.work_of(printing), "https://openlibrary.org"
        numbers = {"openlibrary": [f"OL{printing.number}M"]}
        if printing.isbn10:
            numbers["isbn_10"] = [printing.isbn10]
        if printing.isbn and (printing.number % 4 != 1 or not printing.isbn10):
            numbers["isbn_13"] = [printing.isbn]
        body: dict[str, Any] = {
            "url": f"{site}/books/OL{printing.number}M",
            "key": f"/books/OL{printing.number}M",
            "title": printing.title or work.title,
            "authors": [
                {"name": person.name, "url": f"{site}/authors/OL{person.number}A"}
                for person in self._catalogue.authors_of(work)
            ],
            "identifiers": numbers,
            "publishers": [{"name": printing.publisher}],
            "publish_date": _spoken(printing.date),
            "subjects": [
                {"name": each, "url": f"{site}/subjects/{each}"} for each in work.subjects
            ],
        }
        if printing.pages:
            body["number_of_pages"] = printing.pages
        if printing.cover:
            stem = f"https://covers.openlibrary.org/b/id/{printing.number}"
            sizes = (("small", "S"), ("medium", "M"), ("large", "L"))
            body["cover"] = {name: f"{stem}-{letter}.jpg" for name, letter in sizes}
        return body


def _printings(work: Creation) -> list[Printing]:
    return [p for p in work.printings if "openlibrary" not in p.absent]


def _author(person: Someone) -> dict[str, Any]:
    body: dict[str, Any] = {
        "key": f"/authors/OL{person.number}A",
        "name": person.name,
        "type": {"key": "/type/author"},
        "photos": [person.number, -1],
        **_history(7),
    }
    if person.sort:
        body["personal_name"] = person.sort
    if person.also:
        body["alternate_names"] = list(person.also)
    if person.born:
        body["birth_date"] = person.born
    if person.died:
        body["death_date"] = person.died
    if person.bio:
        body["bio"] = {"type": "/type/text", "value": person.bio}
    if person.wikidata:
        body["remote_ids"] = {"wikidata": person.wikidata, "viaf": str(person.number)}
    return body


def _page(owner: str, kind: str, entries: list[dict[str, Any]], query: dict[str, str]) -> Answer:
    limit = whole(query.get("limit"), 50, high=1000)
    offset = whole(query.get("offset"), 0)
    here = f"{owner}/{kind}.json"
    links = {"self": f"{here}?offset={offset}&limit={limit}", owner.split("/")[1][:-1]: owner}
    if offset + limit < len(entries):
        links["next"] = f"{here}?limit={limit}&offset={offset + limit}"
    if offset:
        links["prev"] = f"{here}?limit={limit}&offset={max(0, offset - limit)}"
    page = entries[offset : offset + limit]
    return json_answer({"links": links, "size": len(entries), "entries": page})


def _number(key: str) -> int:
    digits = key.strip("OLWMA")
    return int(digits) if digits.isdecimal() else -1


def _history(revision: int) -> dict[str, Any]:
    return {
        "latest_revision": revision,
        "revision": revision,
        "created": _STAMP,
        "last_modified": _STAMP,
    }


def _spoken(date: str) -> str:
    """Write a date as catalogue cards do: ``2004-05-20`` becomes ``May 20, 2004``."""
    months = "January February March April May June July August September October November"
    year, *rest = date.split("-")
    if not rest:
        return year
    month = [*months.split(), "December"][int(rest[0]) - 1]
    return f"{month} {int(rest[1])}, {year}" if len(rest) == 2 else f"{month} {year}"
