"""The results of scans as their clients decode them (imports-and-scans §2.7, jobs §9.3).

What the pipeline stored is sent as it is; the types here say in the document what that is.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct, field

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.job import PipelineName, Summary
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.scan_results import PhotoFacts, ScanFacts
from bookstrack.scans.detection import BookFormat, Box
from bookstrack.scans.quality import ImageMetadata, Suggestion
from bookstrack.web.envelope import encode


class ScanSummary(Summary, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The counts with two that older clients look for among them."""

    enriched_count: int
    results_url: str


class BookLookup(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What was found of a book; ``work`` is null where nothing was. The pause in ms."""

    status: str
    work: Work | None = field(default_factory=lambda: None)
    editions: tuple[Edition, ...] = field(default_factory=tuple[Edition, ...])
    authors: tuple[Author, ...] = field(default_factory=tuple[Author, ...])
    provider: str
    cached_result: bool
    error: str | None = None
    retry_after_ms: int | None = None


class ScannedBook(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """A book of a scan; title and author are empty where they are not known."""

    title: str
    author: str
    isbn: str | None = None
    format: BookFormat
    confidence: float
    bounding_box: Box
    enrichment_status: str
    enrichment: BookLookup | None = None
    cover_url: str | None = None
    publisher: str | None = None
    publication_year: int | None = None
    photo_index: int
    photos: tuple[int, ...]
    copies: int
    approved: bool
    raw_text: str


class ScanResults(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of a scan."""

    job_id: str
    pipeline: PipelineName
    status: str
    total_detected: int
    approved: int
    needs_review: int
    photos_processed: int
    books_detected: int
    books_unique: int
    books_enriched: int
    books: tuple[ScannedBook, ...] = field(default_factory=tuple[ScannedBook, ...])
    photo_results: tuple[PhotoFacts, ...] = field(default_factory=tuple[PhotoFacts, ...])
    suggestions: tuple[Suggestion, ...] = field(default_factory=tuple[Suggestion, ...])
    image_metadata: ImageMetadata
    metadata: ScanFacts
    summary: ScanSummary
    partial: bool | None = None
    expires_at: str


def scan_view(results: dict[str, Raw]) -> dict[str, Raw]:
    """Say in the summary what older clients look for there."""
    job_id = msgspec.json.decode(results["jobId"], type=str)
    summary: dict[str, Raw] = {}
    if "summary" in results:
        summary = msgspec.json.decode(results["summary"], type=dict[str, Raw])
    more = {
        "enrichedCount": results.get("booksEnriched", Raw(b"0")),
        "resultsUrl": Raw(encode(f"/v1/scan/results/{job_id}")),
    }
    return {**results, "summary": Raw(encode({**summary, **more}))}
