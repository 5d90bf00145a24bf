"""What the fake providers say has the shape of what the real ones said.

Every key the fake sends was seen in a recorded answer at the same place, with a type seen there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Asked, Wire
from bookstrack.testing.wire_google import GoogleWire
from bookstrack.testing.wire_isbndb import IsbndbWire
from bookstrack.testing.wire_open_library import OpenLibraryWire
from bookstrack.testing.wire_wikidata import WikidataWire

WORLD = Catalogue()
WIRES: dict[str, Wire] = {
    "google-books": GoogleWire(WORLD),
    "open-library": OpenLibraryWire(WORLD),
    "isbndb": IsbndbWire(WORLD),
    "wikidata": WikidataWire(WORLD),
}
DATA_KEY = re.compile(r"^(Q\d+|P\d+|ISBN:.*|[a-z]{2}|\w+wiki|\w+wikiquote)$")
"""Map keys that are data: item ids, properties, bibkeys, languages, sites."""
ALSO = {
    # Real by the documentation or by other recordings, only not in those of the same kind.
    "google-books": ("volumeInfo.averageRating", "volumeInfo.ratingsCount"),
    "open-library": ("bio",),
    "isbndb": ("book.image_original", "book.other_isbns"),
    "wikidata": ("results.bindings[].",),
}
FIELDS = (
    "key,title,author_name,author_key,first_publish_year,edition_count,cover_i,isbn,publisher,"
    "language,subject,number_of_pages_median,ratings_average,ratings_count,id_goodreads,"
    "editions,editions.key,editions.title,editions.isbn,editions.publisher,"
    "editions.publish_date,editions.language,editions.cover_i"
)
ISBN = "9781644100370"
CASES = [
    ("google-books", "volumes-*", "/books/v1/volumes", {"q": f"isbn:{ISBN}"}),
    ("google-books", "volumes-*", "/books/v1/volumes", {"q": "intitle:ferry inauthor:holloway"}),
    ("google-books", "volumes-*", "/books/v1/volumes", {"q": "nothing at all"}),
    ("google-books", "volume-by-id*", "/books/v1/volumes/bt0070001013", {}),
    ("open-library", "constructed_search-f*", "/search.json",
     {"q": f"isbn:{ISBN}", "fields": FIELDS}),
    ("open-library", "search-q-isbn*", "/search.json", {"q": "ferry"}),
    ("open-library", "constructed_search-empty*", "/search.json", {"q": "zzzz"}),
    ("open-library", "search-authors*", "/search/authors.json", {"q": "holloway"}),
    ("open-library", "edition*", "/books/OL70001011M.json", {}),
    ("open-library", "work-O*", "/works/OL7000101W.json", {}),
    ("open-library", "author-*", "/authors/OL7000001A.json", {}),
    ("open-library", "work-editions*", "/works/OL7000101W/editions.json", {}),
    ("open-library", "constructed_author-works*", "/authors/OL7000001A/works.json",
     {"limit": "2"}),
    ("open-library", "constructed_redirect*", "/works/OL7009001W.json", {}),
    ("open-library", "constructed_delete*", "/books/OL70099991M.json", {}),
    ("open-library", "api-books*", "/api/books",
     {"bibkeys": f"ISBN:{ISBN}", "format": "json", "jscmd": "data"}),
    ("isbndb", "book-*", f"/book/{ISBN}", {}),
    ("isbndb", "search-books*", "/search/books", {"text": "ferry", "author": "holloway"}),
    ("isbndb", "constructed_key*", "/key", {}),
    ("isbndb", "constructed_error-404*", "/book/9780000000002", {}),
    ("wikidata", "constructed_wbsearch*", "/w/api.php",
     {"action": "wbsearchentities", "search": "Maren Holloway"}),
    ("wikidata", "constructed_wbsearchentities_empty*", "/w/api.php",
     {"action": "wbsearchentities", "search": "zzzz"}),
    ("wikidata", "entity-data*", "/wiki/Special:EntityData/Q900000001.json", {}),
    ("wikidata", "entity-data*", "/wiki/Special:EntityData/Q900000019.json", {}),
    ("wikidata", "sparql*", "/sparql", {"query": "VALUES ?item { wd:Q900000001 }"}),
]  # fmt: skip


def places(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            yield path, "object"
            for key, each in value.items():
                name = "*" if DATA_KEY.match(key) and key not in ("q", "id") else key
                yield from places(each, f"{path}.{name}".lstrip("."))
        case list():
            yield path, "list"
            for each in value:
                yield from places(each, f"{path}[]")
        case bool():
            yield path, "bool"
        case int() | float():
            yield path, "number"
        case str():
            yield path, "text"
        case _:
            yield path, "null"


@pytest.mark.parametrize(("folder", "pattern", "path", "query"), CASES)
def test_shape_was_seen(
    fixtures_dir: Path, folder: str, pattern: str, path: str, query: dict[str, str]
):
    files = list((fixtures_dir / "providers" / folder).glob(pattern))
    assert files
    seen = {place for file in files for place in places(msgspec.json.decode(file.read_bytes()))}
    asked = Asked(path, {**query, "key": "k"}, {"authorization": "k"})
    said = set(places(msgspec.json.decode(WIRES[folder].answer(asked).body)))
    unseen = {place for place in said - seen if not place[0].startswith(ALSO[folder])}
    assert said
    assert unseen == set()


def test_sparql_rows_are_made_of_typed_cells():
    query = {"query": "VALUES ?item { wd:Q900000006 }"}
    answer = WIRES["wikidata"].answer(Asked("/sparql", query))
    rows = msgspec.json.decode(answer.body)["results"]["bindings"]
    assert answer.content_type == "application/sparql-results+json"
    assert [(row["iso"]["value"], row["birth"]["value"]) for row in rows] == [
        ("ES", "1947-05-03T00:00:00Z"),
        ("MX", "1947-05-03T00:00:00Z"),
    ]
    assert rows[0]["citizenship"] == {
        "type": "uri",
        "value": "http://www.wikidata.org/entity/Q29",
    }
    assert "death" not in rows[0]
