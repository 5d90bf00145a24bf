"""The subtitle of an edition: volumes of one work have titles alike and subtitles of their own."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("editions", Column("subtitle", Text))
