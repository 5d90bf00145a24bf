"""The normalised catalogue (data-model §2.5, without embeddings)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint, text

from bookstrack.storage.database.columns import FRACTION, WHOLE, moment, number

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "works",
        number(),
        Column("title", Text, nullable=False),
        Column("title_norm", Text, nullable=False),
        Column("subtitle", Text),
        Column("original_language", Text),
        Column("first_year", WHOLE),
        Column("description", Text),
        Column("cover_url", Text),
        Column("synthetic", WHOLE, nullable=False, server_default=text("0")),
        Column("primary_provider", Text),
        Column("contributors", Text),
        Column("edition_count", WHOLE),
        Column("quality", FRACTION, nullable=False, server_default=text("0")),
        Column("isbndb_quality", WHOLE, nullable=False, server_default=text("0")),
        Column("review_status", Text, nullable=False, server_default=text("'verified'")),
        Column("last_isbndb_sync", Text),
        moment("created_at"),
        moment("updated_at"),
        CheckConstraint(
            "review_status IN ('verified', 'needsReview', 'userEdited')",
            name="ck_works_review_status",
        ),
        CheckConstraint("isbndb_quality BETWEEN 0 AND 100", name="ck_works_isbndb_quality"),
        Index("idx_works_title_norm", "title_norm"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "editions",
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
        Column("isbndb_quality", WHOLE, nullable=False, server_default=text("0")),
        moment("created_at"),
        moment("updated_at"),
        CheckConstraint(
            "format IN ('Hardcover', 'Paperback', 'E-book', 'Audiobook', 'Mass Market')",
            name="ck_editions_format",
        ),
        CheckConstraint("isbndb_quality BETWEEN 0 AND 100", name="ck_editions_isbndb_quality"),
        Index("idx_editions_work", "work_id"),
        Index("idx_editions_year", "publication_year"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "isbns",
        Column("isbn13", Text, primary_key=True, nullable=False),
        Column("isbn10", Text),
        Column("edition_id", WHOLE, ForeignKey("editions.id", ondelete="CASCADE"), nullable=False),
        Column("is_primary", WHOLE, nullable=False, server_default=text("0")),
        UniqueConstraint("isbn10", name="uq_isbns_isbn10"),
        CheckConstraint("length(isbn13) = 13", name="ck_isbns_isbn13"),
        Index("idx_isbns_edition", "edition_id"),
    )
    op.create_table(
        "authors",
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
    op.create_table(
        "work_authors",
        Column("work_id", WHOLE, ForeignKey("works.id", ondelete="CASCADE"), primary_key=True),
        Column("author_id", WHOLE, ForeignKey("authors.id", ondelete="CASCADE"), primary_key=True),
        Column("position", WHOLE, nullable=False, server_default=text("0")),
        Column("role", Text, nullable=False, server_default=text("'author'")),
        Index("idx_work_authors_author", "author_id"),
    )
    op.create_table(
        "external_ids",
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
    op.create_table(
        "subjects",
        number(),
        Column("name", Text, nullable=False),
        UniqueConstraint("name", name="uq_subjects_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "work_subjects",
        Column("work_id", WHOLE, ForeignKey("works.id", ondelete="CASCADE"), primary_key=True),
        Column(
            "subject_id", WHOLE, ForeignKey("subjects.id", ondelete="CASCADE"), primary_key=True
        ),
        Column("raw", Text),
        Index("idx_work_subjects_subject", "subject_id"),
    )
    op.create_table(
        "field_provenance",
        Column("entity_type", Text, primary_key=True, nullable=False),
        Column("entity_id", WHOLE, primary_key=True, nullable=False, autoincrement=False),
        Column("field", Text, primary_key=True, nullable=False),
        Column("provider", Text, nullable=False),
        Column("fetched_at", WHOLE, nullable=False),
        Column("confidence", FRACTION),
    )
    op.create_table(
        "ratings",
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
