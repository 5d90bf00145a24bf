"""Which import has made or filled which book (imports-and-scans §1.8)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey, Index, Text

from bookstrack.storage.database.columns import FRACTION

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "import_credits",
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
