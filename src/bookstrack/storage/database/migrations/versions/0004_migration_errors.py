"""What a data migration could not read (data-model §2.4)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Index, Text

from bookstrack.storage.database.columns import moment, number

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "MigrationErrors",
        number(),
        Column("cache_key", Text, nullable=False),
        Column("error_message", Text, nullable=False),
        moment("occurred_at"),
        Index("idx_migration_errors_occurred", "occurred_at"),
        sqlite_autoincrement=True,
    )
