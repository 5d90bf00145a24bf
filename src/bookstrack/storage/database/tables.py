"""Every table of the database (data-model §2), as SQLAlchemy Core.

The migrations are the truth of the schema; a test checks that both say the same.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bookstrack.storage.database import job_tables as job_tables  # registers its tables
from bookstrack.storage.database.columns import FRACTION, WHOLE, moment, number
from bookstrack.storage.database.schema import metadata

_ZERO = text("0")

# --- layer A: the compatibility surface ---------------------------------------------------------

books = Table(
    "Books",
    metadata,
    Column("isbn", Text, primary_key=True, nullable=False),
    Column("title", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("authors_detailed", Text),
    Column("publication_year", WHOLE),
    Column("publisher", Text),
    Column("page_count", WHOLE),
    Column("language", Text, server_default=text("'en'")),
    Column("categories", Text),
    Column("description", Text),
    Column("cover_url", Text),
    Column("thumbnail_url", Text),
    Column("canonical_metadata", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    Index("idx_books_year", "publication_year"),
    Index("idx_books_language", "language"),
    Index("idx_books_created", "created_at"),
    Index("idx_books_updated", "updated_at"),
)

user_library = Table(
    "UserLibrary",
    metadata,
    number(),
    Column("user_id", Text, nullable=False),
    Column("isbn", Text, ForeignKey("Books.isbn", ondelete="CASCADE"), nullable=False),
    Column("status", Text),
    Column("rating", WHOLE),
    Column("review", Text),
    moment("added_at"),
    Column("started_at", WHOLE),
    Column("completed_at", WHOLE),
    CheckConstraint(
        "status IN ('want_to_read', 'reading', 'completed')", name="ck_user_library_status"
    ),
    CheckConstraint("rating BETWEEN 1 AND 5", name="ck_user_library_rating"),
    UniqueConstraint("user_id", "isbn", name="uq_user_library_user_isbn"),
    Index("idx_user_library_user", "user_id"),
    Index("idx_user_library_status", "user_id", "status"),
    Index("idx_user_library_rating", "user_id", "rating"),
    Index("idx_user_library_added", text("added_at DESC")),
    sqlite_autoincrement=True,
)

cache_metrics = Table(
    "CacheMetrics",
    metadata,
    Column("cache_key", Text, primary_key=True, nullable=False),
    Column("hit_count", WHOLE, nullable=False, server_default=_ZERO),
    Column("miss_count", WHOLE, nullable=False, server_default=_ZERO),
    moment("last_accessed"),
    Column("data_size_bytes", WHOLE),
    Column("ttl_seconds", WHOLE),
    Index("idx_cache_last_accessed", text("last_accessed DESC")),
    Index("idx_cache_hit_count", text("hit_count DESC")),
)

migration_errors = Table(
    "MigrationErrors",
    metadata,
    number(),
    Column("cache_key", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    moment("occurred_at"),
    Index("idx_migration_errors_occurred", "occurred_at"),
    sqlite_autoincrement=True,
)

# --- layer B: the catalogue ---------------------------------------------------------------------

works = Table(
    "works",
    metadata,
    number(),
    Column("title", Text, nullable=False),
    Column("title_norm", Text, nullable=False),
    Column("subtitle", Text),
    Column("original_language", Text),
    Column("first_year", WHOLE),
    Column("description", Text),
    Column("cover_url", Text),
    Column("synthetic", WHOLE, nullable=False, server_default=_ZERO),
    Column("primary_provider", Text),
    Column("contributors", Text),
    Column("edition_count", WHOLE),
    Column("quality", FRACTION, nullable=False, server_default=_ZERO),
    Column("isbndb_quality", WHOLE, nullable=False, server_default=_ZERO),
    Column("review_status", Text, nullable=False, server_default=text("'verified'")),
    Column("last_isbndb_sync", Text),
    moment("created_at"),
    moment("updated_at"),
    CheckConstraint(
        "review_status IN ('verified', 'needsReview', 'userEdited')", name="ck_works_review_status"
    ),
    CheckConstraint("isbndb_quality BETWEEN 0 AND 100", name="ck_works_isbndb_quality"),
    Index("idx_works_title_norm", "title_norm"),
    sqlite_autoincrement=True,
)

editions = Table(
    "editions",
    metadata,
    number(),
    Column("work_id", WHOLE, ForeignKey("works.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text),
    Column("title_norm", Text),
    Column("publisher", Text),
    Column("publication_date", Text),
    Column("publication_year", WHOLE),
    Column("page_count", WHOLE),
    Column("format", Text, nullable=False, server_default=text("'Paperback'")),
    Column("language", Text),
    Column("cover_url", Text),
    Column("thumbnail_url", Text),
    Column("edition_title", Text),
    Column("description", Text),
    Column("primary_provider", Text),
    Column("contributors", Text),
    Column("last_isbndb_sync", Text),
    Column("isbndb_quality", WHOLE, nullable=False, server_default=_ZERO),
    moment("created_at"),
    moment("updated_at"),
    Column("subtitle", Text),
    CheckConstraint(
        "format IN ('Hardcover', 'Paperback', 'E-book', 'Audiobook', 'Mass Market')",
        name="ck_editions_format",
    ),
    CheckConstraint("isbndb_quality BETWEEN 0 AND 100", name="ck_editions_isbndb_quality"),
    Index("idx_editions_work", "work_id"),
    Index("idx_editions_year", "publication_year"),
    sqlite_autoincrement=True,
)

isbns = Table(
    "isbns",
    metadata,
    Column("isbn13", Text, primary_key=True, nullable=False),
    Column("isbn10", Text),
    Column("edition_id", WHOLE, ForeignKey("editions.id", ondelete="CASCADE"), nullable=False),
    Column("is_primary", WHOLE, nullable=False, server_default=_ZERO),
    UniqueConstraint("isbn10", name="uq_isbns_isbn10"),
    CheckConstraint("length(isbn13) = 13", name="ck_isbns_isbn13"),
    Index("idx_isbns_edition", "edition_id"),
)

authors = Table(
    "authors",
    metadata,
    number(),
    Column("name", Text, nullable=False),
    Column("name_norm", Text, nullable=False),
    Column("gender", Text, nullable=False, server_default=text("'Unknown'")),
    Column("nationality", Text),
    Column("cultural_region", Text),
    Column("birth_year", WHOLE),
    Column("birth_date", Text),
    Column("death_year", WHOLE),
    Column("wikidata_id", Text),
    Column("ol_id", Text),
    Column("book_count", WHOLE),
    Column("enriched_at", WHOLE),
    UniqueConstraint("wikidata_id", name="uq_authors_wikidata"),
    UniqueConstraint("ol_id", name="uq_authors_ol"),
    Index("idx_authors_name_norm", "name_norm"),
    sqlite_autoincrement=True,
)

work_authors = Table(
    "work_authors",
    metadata,
    Column("work_id", WHOLE, ForeignKey("works.id", ondelete="CASCADE"), primary_key=True),
    Column("author_id", WHOLE, ForeignKey("authors.id", ondelete="CASCADE"), primary_key=True),
    Column("position", WHOLE, nullable=False, server_default=_ZERO),
    Column("role", Text, nullable=False, server_default=text("'author'")),
    Index("idx_work_authors_author", "author_id"),
)

external_ids = Table(
    "external_ids",
    metadata,
    Column("entity_type", Text, primary_key=True, nullable=False),
    Column("provider", Text, primary_key=True, nullable=False),
    Column("external_id", Text, primary_key=True, nullable=False),
    Column("entity_id", WHOLE, nullable=False),
    CheckConstraint(
        "entity_type IN ('work', 'edition', 'author')", name="ck_external_ids_entity_type"
    ),
    CheckConstraint(
        "provider IN ('google-books', 'openlibrary', 'isbndb', 'goodreads', 'amazon', "
        "'librarything', 'wikidata', 'oclc', 'lccn', 'isbn-misprint')",
        name="ck_external_ids_provider",
    ),
    Index("idx_external_ids_entity", "entity_type", "entity_id"),
)

subjects = Table(
    "subjects",
    metadata,
    number(),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="uq_subjects_name"),
    sqlite_autoincrement=True,
)

work_subjects = Table(
    "work_subjects",
    metadata,
    Column("work_id", WHOLE, ForeignKey("works.id", ondelete="CASCADE"), primary_key=True),
    Column("subject_id", WHOLE, ForeignKey("subjects.id", ondelete="CASCADE"), primary_key=True),
    Column("raw", Text),
    Index("idx_work_subjects_subject", "subject_id"),
)

field_provenance = Table(
    "field_provenance",
    metadata,
    Column("entity_type", Text, primary_key=True, nullable=False),
    Column("entity_id", WHOLE, primary_key=True, nullable=False, autoincrement=False),
    Column("field", Text, primary_key=True, nullable=False),
    Column("provider", Text, nullable=False),
    Column("fetched_at", WHOLE, nullable=False),
    Column("confidence", FRACTION),
)

ratings = Table(
    "ratings",
    metadata,
    Column(
        "work_id",
        WHOLE,
        ForeignKey("works.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("average", FRACTION, nullable=False),
    Column("count", WHOLE, nullable=False),
    Column("source", Text),
)

# --- layer B: operations ------------------------------------------------------------------------

kv_entries = Table(
    "kv_entries",
    metadata,
    Column("key", Text, primary_key=True, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("cached_at", WHOLE, nullable=False),
    Column("ttl_seconds", WHOLE, nullable=False),
    Column("expires_at", WHOLE, nullable=False),
    Column("access_count", WHOLE, nullable=False, server_default=_ZERO),
    Column("last_accessed", WHOLE),
    Column("quality", FRACTION),
    Index("idx_kv_entries_expires", "expires_at"),
)

cold_index = Table(
    "cold_index",
    metadata,
    Column("cache_key", Text, primary_key=True, nullable=False),
    Column("object_path", Text, nullable=False),
    Column("archived_at", WHOLE, nullable=False),
    Column("original_ttl", WHOLE),
    Column("reason", Text),
    Column("checksum", Text),
)

images = Table(
    "images",
    metadata,
    Column("key", Text, primary_key=True, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("width", WHOLE),
    Column("height", WHOLE),
    Column("bytes", WHOLE, nullable=False),
    Column("source_url", Text),
    Column("isbn13", Text),
    Column("provider", Text),
    Column("kind", Text, nullable=False),
    Column("job_id", Text),
    moment("created_at"),
    Column("last_accessed", WHOLE),
    CheckConstraint("kind IN ('cover', 'scan', 'proxy')", name="ck_images_kind"),
    Index("idx_images_isbn13", "isbn13"),
)

provider_state = Table(
    "provider_state",
    metadata,
    Column("provider", Text, primary_key=True, nullable=False),
    Column("breaker_state", Text, nullable=False, server_default=text("'closed'")),
    Column("failures", WHOLE, nullable=False, server_default=_ZERO),
    Column("successes", WHOLE, nullable=False, server_default=_ZERO),
    Column("opened_at", FRACTION),
    Column("quota_reset_at", FRACTION),
    Column("next_slot_at", FRACTION),
)

provider_usage = Table(
    "provider_usage",
    metadata,
    Column("provider", Text, primary_key=True, nullable=False),
    Column("day", Text, primary_key=True, nullable=False),
    Column("calls", WHOLE, nullable=False, server_default=_ZERO),
)

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("key", Text, primary_key=True, nullable=False),
    Column("count", WHOLE, nullable=False),
    Column("started_at", FRACTION, nullable=False),
    Column("expires_at", FRACTION, nullable=False),
    Index("idx_rate_windows_expires", "expires_at"),
)

import_credits = Table(
    "import_credits",
    metadata,
    Column(
        "job_id",
        Text,
        ForeignKey("jobs.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
    ),
    Column("key", Text, primary_key=True, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("made_at", FRACTION, nullable=False),
    Index("idx_import_credits_key", "key"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", Text, primary_key=True, nullable=False),
    Column("key", Text, primary_key=True, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", WHOLE),
    Column("body", LargeBinary),
    Column("headers", Text),
    moment("created_at"),
    Column("expires_at", WHOLE, nullable=False),
    Index("idx_idempotency_expires", "expires_at"),
)

cache_access_daily = Table(
    "cache_access_daily",
    metadata,
    Column("cache_key", Text, primary_key=True, nullable=False),
    Column("day", Text, primary_key=True, nullable=False),
    Column("hits", WHOLE, nullable=False, server_default=_ZERO),
    Column("misses", WHOLE, nullable=False, server_default=_ZERO),
    Index("idx_cache_access_daily_day", "day"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    moment("created_at"),
    Column("last_used_at", WHOLE),
    Column("expires_at", WHOLE),
    Column("revoked_at", WHOLE),
    UniqueConstraint("token_hash", name="uq_api_tokens_hash"),
    Index("idx_api_tokens_user", "user_id"),
)

feature_flags = Table(
    "feature_flags",
    metadata,
    Column("name", Text, primary_key=True, nullable=False),
    Column("enabled", WHOLE, nullable=False),
    Column("rollout", WHOLE, nullable=False),
    Column("allow_json", Text, nullable=False),
    Column("deny_json", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("updated_at", FRACTION, nullable=False),
    Column("updated_by", Text),
    Column("reason", Text),
    CheckConstraint("rollout BETWEEN 0 AND 100", name="ck_feature_flags_rollout"),
)
