"""Books that only a barcode named, merged with the spines they turn out to be (§2.7). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
from msgspec import UNSET

from bookstrack.model.answer import SearchData
from bookstrack.pipelines.scan_enrichment import heads
from bookstrack.pipelines.scan_items import Book, BookResult
from bookstrack.scans.detection import Detection
from bookstrack.scans.results import same, united

_FOUND = msgspec.json.Decoder(SearchData)


def each_once(books: Sequence[Book], *, threshold: float) -> list[Book]:
    """Return the books of a scan, those that are one as one, in the order of seeing.

    Title and author of a book of which just the barcode was seen are known when it was looked up.
    """
    slots: list[Book | None] = list(books)
    for at, book in enumerate(books):
        data = None if book.seen.detection.title else _found(book.result)
        if data is None:
            continue
        names = list(_named(book.seen.detection, data))
        for other_at, other in enumerate(slots):
            if other is not None and other_at != at and _is_one(names, other):
                seen = united([book.seen, other.seen], threshold=threshold)
                slots[at] = slots[other_at] = None
                slots[min(at, other_at)] = msgspec.structs.replace(book, seen=seen)
                break
    return [book for book in slots if book is not None]


def _found(result: BookResult | None) -> SearchData | None:
    return None if result is None or result.found is UNSET else _FOUND.decode(result.found)


def _named(code: Detection, data: SearchData) -> Iterator[Detection]:
    """Yield what would have been seen had the spine been read, under every title it may bear."""
    titles = [work.title for work in data.works]
    titles += [edition.title for edition in data.editions if edition.title]
    author = ", ".join(author.name for author in data.authors)
    for title in dict.fromkeys(chain.from_iterable(map(heads, titles))):
        yield msgspec.structs.replace(code, title=title, author=author)


def _is_one(names: Sequence[Detection], other: Book) -> bool:
    spine = other.seen.detection
    if not spine.title:
        return False
    is_read = spine.isbn and not spine.isbn_guessed
    data = None if is_read else _found(other.result)
    editions = () if data is None else data.editions
    numbers = {isbn for edition in editions for isbn in edition.isbns}
    return any(name.isbn in numbers or same(name, spine) for name in names)
