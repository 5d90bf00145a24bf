"""Caches, quotas, limits, pictures and tokens (data-model §2.6, first part)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Text, UniqueConstraint, text

from bookstrack.storage.database.columns import FRACTION, WHOLE, moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "kv_entries",
        Column("key", Text, primary_key=True, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("cached_at", WHOLE, nullable=False),
        Column("ttl_seconds", WHOLE, nullable=False),
        Column("expires_at", WHOLE, nullable=False),
        Column("access_count", WHOLE, nullable=False, server_default=text("0")),
        Column("last_accessed", WHOLE),
        Column("quality", FRACTION),
        Index("idx_kv_entries_expires", "expires_at"),
    )
    op.create_table(
        "cold_index",
        Column("cache_key", Text, primary_key=True, nullable=False),
        Column("object_path", Text, nullable=False),
        Column("archived_at", WHOLE, nullable=False),
        Column("original_ttl", WHOLE),
        Column("reason", Text),
        Column("checksum", Text),
    )
    op.create_table(
        "images",
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
    op.create_table(
        "provider_state",
        Column("provider", Text, primary_key=True, nullable=False),
        Column("breaker_state", Text, nullable=False, server_default=text("'closed'")),
        Column("failures", WHOLE, nullable=False, server_default=text("0")),
        Column("successes", WHOLE, nullable=False, server_default=text("0")),
        Column("opened_at", FRACTION),
        Column("quota_reset_at", FRACTION),
        Column("next_slot_at", FRACTION),
    )
    op.create_table(
        "provider_usage",
        Column("provider", Text, primary_key=True, nullable=False),
        Column("day", Text, primary_key=True, nullable=False),
        Column("calls", WHOLE, nullable=False, server_default=text("0")),
    )
    op.create_table(
        "rate_windows",
        Column("key", Text, primary_key=True, nullable=False),
        Column("count", WHOLE, nullable=False),
        Column("started_at", FRACTION, nullable=False),
        Column("expires_at", FRACTION, nullable=False),
        Index("idx_rate_windows_expires", "expires_at"),
    )
    op.create_table(
        "idempotency",
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
    op.create_table(
        "cache_access_daily",
        Column("cache_key", Text, primary_key=True, nullable=False),
        Column("day", Text, primary_key=True, nullable=False),
        Column("hits", WHOLE, nullable=False, server_default=text("0")),
        Column("misses", WHOLE, nullable=False, server_default=text("0")),
        Index("idx_cache_access_daily_day", "day"),
    )
    op.create_table(
        "api_tokens",
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
