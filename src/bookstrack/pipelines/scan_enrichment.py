"""Looks up the books of a scan: what a provider offers must fit what was read (§2.7)."""

from __future__ import annotations

from itertools import chain

from msgspec import UNSET, Raw
from msgspec.structs import replace
from rapidfuzz import fuzz

from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.enrichment.enricher import NOT_FOUND, Lookups
from bookstrack.model.answer import SearchData
from bookstrack.normalise.titles import name_key, title_key
from bookstrack.pipelines.scan_items import BookResult
from bookstrack.scans.detection import Detection

_SAME_TITLE = 70
_BREAKS = (":", " - ", " – ", " — ", "(")


async def enriched(lookups: Lookups, detection: Detection, *, at_ms: int) -> BookResult:
    """Return what is known of a book that was seen."""
    book = PartialBook(
        title=detection.title, author=_names(detection.author), isbn=detection.isbn or ""
    )
    found = await lookups.enrich(book)
    if found.succeeded and not fits(found.data(), detection):
        found = Enriched(status=EnrichmentStatus.NOT_FOUND, error=NOT_FOUND)
        if book.isbn and book.title:  # the number may be misread
            found = await lookups.enrich(replace(book, isbn=""))
            if found.succeeded and not fits(found.data(), detection):
                found = Enriched(status=EnrichmentStatus.NOT_FOUND, error=NOT_FOUND)
    return BookResult(
        status=found.status,
        ended=at_ms,
        found=UNSET if found.found is None else Raw(found.found),
        provider=found.provider,
        cached=found.cached,
        error=found.error,
        retry_after=found.retry_after,
    )


def _names(author: str | None) -> str:
    """Return an author with a sign between several that no inverted name has."""
    names = [name.strip() for name in (author or "").split(",")]
    several = len(names) > 1 and all(len(name.split()) > 1 for name in names)
    return " & ".join(names) if several else author or ""


def fits(found: SearchData, detection: Detection) -> bool:
    """Tell whether a book has the title, and one of the authors, that stand on the spine."""
    if not detection.title:
        return True
    titles = [work.title for work in found.works]
    titles += [edition.title for edition in found.editions if edition.title]
    if not any(_same_title(title, detection.title) for title in titles):
        return False
    names = list(
        chain(
            (author.name for author in found.authors),
            *(book.authors for book in found.books),
        )
    )
    return not detection.author or not names or _shares_a_name(names, detection.author)


def _same_title(one: str, other: str) -> bool:
    firsts, others = _forms(one), _forms(other)
    return any(fuzz.ratio(a, b) >= _SAME_TITLE for a in firsts for b in others)


def _forms(title: str) -> list[str]:
    return [key for head in heads(title) if (key := title_key(head))]


def heads(title: str) -> list[str]:
    """Return a title with and without its subtitle."""
    return [title, *(title.partition(mark)[0] for mark in _BREAKS if mark in title)]


def _shares_a_name(names: list[str], printed: str) -> bool:
    """Tell whether a surname of the book is among the words of the author on the spine."""
    words = set(name_key(printed.replace(",", " ").replace("&", " ")).split())
    return any(not words.isdisjoint(name_key(name).split()[-1:]) for name in names)
