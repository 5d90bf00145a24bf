"""The results of a scan as its clients decode them (imports-and-scans §2.7, jobs §9.3).

They are stored like this and sent like this; what every job's results have is added by ``web``.
"""

from __future__ import annotations

from msgspec import Struct

from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.job import PipelineName
from bookstrack.model.naming import camel_name
from bookstrack.scans.detection import BookFormat, Box
from bookstrack.scans.quality import ImageMetadata, Suggestion


class BookLookup(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What was found of a book; ``work`` is null where nothing was. The pause in ms."""

    status: EnrichmentStatus
    work: Work | None
    editions: tuple[Edition, ...]
    authors: tuple[Author, ...]
    provider: str
    cached_result: bool
    error: str | None = None
    retry_after_ms: int | None = None


class ScannedBook(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """A book of the results; title and author are empty where they are not known.

    ``spine_url`` is the path of its picture, for whoever has the token of the job.
    """

    title: str
    author: str
    isbn: str | None = None
    format: BookFormat
    confidence: float
    bounding_box: Box
    enrichment_status: EnrichmentStatus
    enrichment: BookLookup | None = None
    cover_url: str | None = None
    publisher: str | None = None
    publication_year: int | None = None
    photo_index: int
    photos: tuple[int, ...]
    copies: int
    approved: bool
    spine_url: str | None = None
    raw_text: str


class PhotoFacts(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What became of one photo, its number under two names."""

    index: int
    photo_index: int
    status: str
    books_found: int
    error: str | None = None
    error_code: str | None = None
    image_metadata: ImageMetadata | None = None


class TokenUsage(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Tokens paid for."""

    prompt_tokens: int
    output_tokens: int
    total_tokens: int


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """How one photo was read; times in ms.

    ``instead_of`` names the reader whose turn it would have been, ``instead_because`` the code of
    what kept it from reading.
    """

    photo_index: int
    provider: str
    model: str
    processing_time_ms: int
    token_usage: TokenUsage | None = None
    instead_of: str | None = None
    instead_because: str | None = None
    timestamp: str


class ScanFacts(Struct, frozen=True, kw_only=True, rename=camel_name):
    """How the scan was made; the time it took in ms, its end as text and in epoch ms."""

    model_used: str
    processing_time: int
    enriched_count: int
    timestamp: str
    timestamp_ms: int
    photos: tuple[Reading, ...]


class ScanFindings(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of a scan, without status, summary and time of expiry."""

    job_id: str
    pipeline: PipelineName
    total_detected: int
    approved: int
    needs_review: int
    photos_processed: int
    books_detected: int
    books_unique: int
    books_enriched: int
    books: tuple[ScannedBook, ...]
    photo_results: tuple[PhotoFacts, ...]
    suggestions: tuple[Suggestion, ...]
    image_metadata: ImageMetadata
    metadata: ScanFacts
