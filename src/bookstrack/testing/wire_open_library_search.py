"""The searches of Open Library: documents are works, cut to the fields asked for."""

from __future__ import annotations

import re
from typing import Any

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, html_answer, json_answer, whole
from bookstrack.testing.folding import folded
from bookstrack.testing.things import Creation, Printing

_TERM = re.compile(r'(?:(\w+):)?(?:"([^"]*)"|(\S+))')
MARC_LANGUAGES = {"en": "eng", "de": "ger", "fr": "fre", "es": "spa", "ru": "rus", "ja": "jpn"}
_DEFAULT_FIELDS = frozenset({
    "author_key", "author_name", "cover_edition_key", "cover_i", "edition_count",
    "first_publish_year", "has_fulltext", "ia", "ia_collection_s", "key", "language",
    "public_scan_b", "title",
})  # fmt: skip


class SearchWire:
    """``/search.json`` and ``/search/authors.json`` over a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def books(self, query: dict[str, str]) -> Answer:
        """Answer a search for works."""
        found = self._sorted(self._found(query), query.get("sort", ""))
        limit = whole(query.get("limit"), 100, high=1000)
        offset = query.get("offset")
        start = whole(offset, (whole(query.get("page"), 1, low=1) - 1) * limit)
        asked = {name.strip() for name in query.get("fields", "").split(",")} - {""}
        q = query.get("q", "")
        return json_answer(
            {
                "numFound": len(found),
                "start": start,
                "numFoundExact": True,
                "num_found": len(found),
                "documentation_url": "https://openlibrary.org/dev/docs/api/search",
                "q": q,
                "offset": None if offset is None else start,
                "docs": [
                    self._document(work, hits, asked) for work, hits in found[start : start + limit]
                ],
            }
        )

    def authors(self, query: dict[str, str]) -> Answer:
        """Answer a search for authors; keys are bare."""
        if not query.get("q"):
            return html_answer("Search | Open Library")
        people = self._catalogue.people_named(query["q"])
        limit, start = whole(query.get("limit"), 100), whole(query.get("offset"), 0)
        docs = [self._person(person.number) for person in people[start : start + limit]]
        return json_answer(
            {
                "numFound": len(people),
                "start": start,
                "numFoundExact": True,
                "docs": docs,
            }
        )

    def _person(self, number: int) -> dict[str, Any]:
        person = self._catalogue.person(number)
        assert person is not None  # noqa: S101 the number comes from the catalogue
        works = self._catalogue.works_by(number)
        doc: dict[str, Any] = {
            "key": f"OL{number}A",
            "type": "author",
            "name": person.name,
            "top_work": works[0].title if works else None,
            "work_count": len(works),
            "top_subjects": list(works[0].subjects) if works else [],
            "_version_": 1_735_696_453_795_315_726,
        }
        if person.also:
            doc["alternate_names"] = list(person.also)
        if person.born:
            doc["birth_date"] = person.born
        if person.died:
            doc["death_date"] = person.died
        return doc

    def _found(self, query: dict[str, str]) -> list[tuple[Creation, list[Printing]]]:
        terms: dict[str, list[str]] = {}
        for name, quoted, bare in _TERM.findall(query.get("q", "")):
            terms.setdefault(name, []).append(quoted or bare)
        for name in ("title", "author", "isbn", "subject"):
            if query.get(name):
                terms.setdefault(name, []).append(query[name])
        if not terms:
            return []
        hits = self._hits({name: " ".join(values) for name, values in terms.items()})
        works: dict[int, list[Printing]] = {}
        for printing in hits:
            if "openlibrary" not in printing.absent:
                works.setdefault(printing.work, []).append(printing)
        return [(self._catalogue.work_of(hits[0]), hits) for hits in works.values()]

    def _hits(self, terms: dict[str, str]) -> list[Printing]:
        book = self._catalogue
        if isbn := terms.get("isbn"):
            clean = isbn.replace("-", "").upper()
            found = book.by_isbn(clean) if len(clean) in (10, 13) else None
            return [found] if found else []
        if number := terms.get("id_goodreads"):
            found = book.printing(int(number)) if number.isdecimal() else None
            return [found] if found else []
        if key := terms.get("author_key") or terms.get("key"):
            number = int("".join(filter(str.isdecimal, key)) or -1)
            by_key = book.work(number)
            works = book.works_by(number) if "author_key" in terms else [by_key] if by_key else []
            return [printing for work in works for printing in work.printings]
        text = " ".join([terms.get("", ""), terms.get("subject", "")])
        return book.find(
            text,
            title=terms.get("title", ""),
            author=terms.get("author", ""),
            provider="openlibrary",
        )

    def _sorted(
        self, found: list[tuple[Creation, list[Printing]]], sort: str
    ) -> list[tuple[Creation, list[Printing]]]:
        match sort:
            case "new":
                return sorted(found, key=lambda hit: -hit[0].year)
            case "old":
                return sorted(found, key=lambda hit: hit[0].year)
            case "title":
                return sorted(found, key=lambda hit: folded(hit[0].title))
            case "editions":
                return sorted(found, key=lambda hit: -len(hit[0].printings))
            case "rating":
                return sorted(found, key=lambda hit: -(hit[0].rating or (0, 0))[0])
            case _:
                return found

    def _document(self, work: Creation, hits: list[Printing], asked: set[str]) -> dict[str, Any]:
        whole_document = self._whole(work)
        doc = {
            name: value
            for name, value in whole_document.items()
            if "*" in asked or name in (asked or _DEFAULT_FIELDS)
        }
        inner = {name.partition(".")[2] for name in asked if name.startswith("editions.")}
        if inner or "editions" in asked:
            doc["editions"] = _editions(work, hits[0], inner or {"key", "title"})
        return doc

    def _whole(self, work: Creation) -> dict[str, Any]:
        prints = [p for p in work.printings if "openlibrary" not in p.absent]
        pages = sorted(p.pages for p in prints if p.pages)
        people = self._catalogue.authors_of(work)
        pictured = [p for p in prints if p.cover]
        doc: dict[str, Any] = {
            "key": f"/works/OL{work.number}W",
            "title": work.title,
            "author_name": [person.name for person in people],
            "author_key": [f"OL{person.number}A" for person in people],
            "first_publish_year": work.year,
            "edition_count": len(prints),
            "has_fulltext": False,
            "public_scan_b": False,
            "ebook_access": "no_ebook",
            # Numbers of all editions, in no order.
            "isbn": [n for p in reversed(prints) for n in (p.isbn10, p.isbn) if n],
            "publisher": list(dict.fromkeys(p.publisher for p in prints)),
            "publish_date": [p.date for p in prints],
            "language": list(dict.fromkeys(MARC_LANGUAGES[p.language] for p in prints)),
            "subject": list(work.subjects),
            "id_goodreads": [str(p.number) for p in prints],
            "id_librarything": [str(work.number)],
        }
        if pages:
            doc["number_of_pages_median"] = pages[len(pages) // 2]
        if pictured:
            doc["cover_i"] = pictured[0].number
            doc["cover_edition_key"] = f"OL{pictured[0].number}M"
        if work.rating:
            doc["ratings_average"], doc["ratings_count"] = work.rating
        return doc


def _editions(work: Creation, best: Printing, fields: set[str]) -> dict[str, Any]:
    doc: dict[str, Any] = {
        "key": f"/books/OL{best.number}M",
        "title": best.title or work.title,
        "publisher": [best.publisher],
        "publish_date": [best.date],
        "language": [MARC_LANGUAGES[best.language]],
    }
    if best.isbn:
        doc["isbn"] = [number for number in (best.isbn10, best.isbn) if number]
    if best.cover:
        doc["cover_i"] = best.number
    return {
        "numFound": len(work.printings),
        "start": 0,
        "numFoundExact": True,
        "docs": [{name: value for name, value in doc.items() if name in fields}],
    }
