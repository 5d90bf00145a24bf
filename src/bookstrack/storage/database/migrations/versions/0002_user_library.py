"""Readers' libraries (data-model §2.2)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint, text

from bookstrack.storage.database.columns import WHOLE, moment, number

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "UserLibrary",
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
