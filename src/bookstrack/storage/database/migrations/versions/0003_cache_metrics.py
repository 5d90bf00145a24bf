"""Hits and misses by key (data-model §2.3)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Index, Text, text

from bookstrack.storage.database.columns import WHOLE, moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "CacheMetrics",
        Column("cache_key", Text, primary_key=True, nullable=False),
        Column("hit_count", WHOLE, nullable=False, server_default=text("0")),
        Column("miss_count", WHOLE, nullable=False, server_default=text("0")),
        moment("last_accessed"),
        Column("data_size_bytes", WHOLE),
        Column("ttl_seconds", WHOLE),
        Index("idx_cache_last_accessed", text("last_accessed DESC")),
        Index("idx_cache_hit_count", text("hit_count DESC")),
    )
