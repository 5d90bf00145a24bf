"""The compatibility surface: Books (data-model §2.1)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Index, Text, text

from bookstrack.storage.database.columns import WHOLE, moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "Books",
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
