"""Feature flags and how far they are rolled out (operations §3)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, Text

from bookstrack.storage.database.columns import FRACTION, WHOLE

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "feature_flags",
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
