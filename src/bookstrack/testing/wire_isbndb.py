"""ISBNdb as it really answers (providers §4): two result keys, unstable names, loose types."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote

import msgspec

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, Asked, json_answer, whole
from bookstrack.testing.things import Printing, Someone

_PLAN = 1000
_MESSAGES = {401: "Unauthorized", 403: "Forbidden", 429: "Limit Exceeded"}


class IsbndbWire:
    """Books of a catalogue. Any key in the Authorization header will do, bare.

    A key in the query, behind ``Bearer``, or beginning with ``wrong`` is refused.
    ``spent`` counts the calls of the day; ``exhausted`` makes ``/key`` say that none is left.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.spent = 0
        self.exhausted = False

    def answer(self, asked: Asked) -> Answer:
        """Answer the paths of providers §4."""
        key = asked.headers.get("authorization", "")
        if not key:
            return self.status(401)
        if key.startswith(("Bearer ", "wrong")):
            return self.status(403)
        parts = asked.path.strip("/").split("/", 1)
        if parts == ["key"]:
            return self._key()
        self.spent += 1
        match parts:
            case ["book", isbn]:
                return self._book(isbn)
            case ["books"] if asked.method == "POST":
                return self._several(asked)
            case ["books", text]:
                return self._books(text, asked.query)
            case ["search", "books"]:
                return self._search(asked.query)
            case ["author", name]:
                return self._author(name, asked.query)
            case ["authors", text]:
                names = [someone.name for someone in self._catalogue.people_named(text)]
                return json_answer({"total": len(names), "authors": names})
            case ["stats"]:
                count = len(self._catalogue.works)
                return json_answer({"books": count, "authors": count, "publishers": count})
            case _:
                return self.status(404)

    def status(self, status: int) -> Answer:
        """Answer an error; the name of the message key differs."""
        if status == 404:
            return json_answer({"errorMessage": "Not Found"}, status=404)
        return json_answer(
            {"message": _MESSAGES.get(status, "Internal server error")}, status=status
        )

    def quota(self, status: int = 429) -> Answer:
        """Refuse for the rest of the day, UTC: in the words of the short-term limit, or 404."""
        return self.status(status)

    def auth(self, status: int = 403) -> Answer:
        """Refuse the key: 401, or 403 as on the host of another plan."""
        return self.status(status)

    def _key(self) -> Answer:
        left = 0 if self.exhausted else max(0, _PLAN - self.spent)
        plan = {"total": _PLAN, "spent": _PLAN - left, "left": left}
        return json_answer({"api_host": "https://api2.isbndb.com", "plan_limit": plan})

    def _known(self, isbn: str) -> Printing | None:
        clean = isbn.replace("-", "").upper()
        found = self._catalogue.by_isbn(clean) if len(clean) in (10, 13) else None
        return None if found is None or "isbndb" in found.absent else found

    def _book(self, isbn: str) -> Answer:
        found = self._known(isbn)
        return json_answer({"book": self._full(found)}) if found else self.status(404)

    def _several(self, asked: Asked) -> Answer:
        if "json" in asked.headers.get("content-type", ""):
            isbns = [str(each) for each in msgspec.json.decode(asked.body)["isbns"]]
        else:
            isbns = parse_qs(asked.body.decode()).get("isbns", [""])[0].split(",")
        books = [self._full(found) for isbn in isbns if (found := self._known(isbn))]
        return json_answer({"total": len(books), "requested": len(isbns), "data": books})

    def _books(self, text: str, query: dict[str, str]) -> Answer:
        if len(text) > 150:
            return json_answer({"errorMessage": "Query too long"}, status=400)
        by = {"title": "title", "author": "author"}.get(query.get("column", ""))
        found = (
            self._find(title=text)
            if by == "title"
            else (self._find(author=text) if by == "author" else self._find(text=text))
        )
        books = [self._full(printing) for printing in _slice(found, query)]
        return json_answer({"total": len(found), "books": books})

    def _search(self, query: dict[str, str]) -> Answer:
        if isbn := query.get("isbn13") or query.get("isbn"):
            known = self._known(isbn)
            found = [known] if known else []
        else:
            found = self._find(
                text=f"{query.get('text', '')} {query.get('subject', '')}",
                author=query.get("author", ""),
            )
        data = [self._loose(printing) for printing in _slice(found, query)]
        return json_answer({"total": len(found), "data": data})

    def _author(self, name: str, query: dict[str, str]) -> Answer:
        found = self._find(author=name)
        if not found:
            return self.status(404)
        books = [self._full(printing) for printing in _slice(found, query)]
        return json_answer({"author": quote(name), "books": books})

    def _find(self, *, text: str = "", title: str = "", author: str = "") -> list[Printing]:
        if not (text + title + author).strip():
            return []
        found = self._catalogue.find(text, title=title, author=author, provider="isbndb")
        return [printing for printing in found if printing.isbn]

    def _full(self, printing: Printing) -> dict[str, Any]:
        work, isbn = self._catalogue.work_of(printing), printing.isbn or ""
        title = printing.title or work.title
        body: dict[str, Any] = {
            "publisher": printing.publisher,
            "synopsis": f"{work.description}<br/>",
            "language": printing.language,
            "title_long": title.title() if printing.number % 2 else title,
            "edition": printing.edition or "",
            "date_published": printing.date,
            "subjects": list(work.subjects),
            "authors": [_credited(person) for person in self._catalogue.authors_of(work)],
            "title": title,
            "isbn13": isbn,
            "msrp": "0.00",
            "binding": printing.binding,
            # ISBN-10 in older records, ISBN-13 in newer ones.
            "isbn": printing.isbn10 if printing.number % 2 else isbn,
        }
        if printing.isbn10:
            body["isbn10"] = printing.isbn10
        if printing.pages:
            body["pages"] = printing.pages
            body["dimensions_structured"] = {"height": {"unit": "inches", "value": 8.5}}
        if printing.cover:
            scheme = "https" if printing.number % 3 else "Https"
            body["image"] = f"{scheme}://images.isbndb.com/covers/{isbn[9:11]}/{isbn}.jpg"
            body["image_original"] = f"https://images.isbndb.com/original/{isbn}.jpg?Expires=7200"
        others = [p for p in work.printings if p.isbn and p is not printing]
        if others:
            body["other_isbns"] = [{"isbn": p.isbn, "binding": p.binding} for p in others]
        return body

    def _loose(self, printing: Printing) -> dict[str, Any]:
        """Write a record as searches do: empty values, a list for no pages, a misspelt key."""
        body = self._full(printing)
        for name in ("other_isbns", "image_original", "dimensions_structured", "isbn10"):
            body.pop(name, None)
        body["synopsys"] = body.pop("synopsis")
        body |= {"overview": "", "format": "", "dimensions": "", "dewey_decimal": ""}
        body.setdefault("pages", [])
        body["publish_date"] = body["date_published"]
        return body


def _slice(found: list[Printing], query: dict[str, str]) -> list[Printing]:
    size = whole(query.get("pageSize"), 20, low=1, high=1000)
    start = (whole(query.get("page"), 1, low=1) - 1) * size
    return found[start : start + size]


def _credited(person: Someone) -> str:
    """Write a name the way cataloguers left it."""
    if person.sort:
        return person.sort
    return f"{person.name} (editor)" if person.number % 10 == 8 else person.name
