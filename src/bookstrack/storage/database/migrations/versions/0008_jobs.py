"""Jobs, their items, events, inputs and results, and who runs them (jobs-and-progress §5.4)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Text, text

from bookstrack.storage.database.columns import FRACTION, WHOLE

revision = "0008"
down_revision = "0007"

_ZERO = text("0")
_ONE = text("1")
_UNFINISHED = text("finished_at IS NULL")
_FINISHED = text("finished_at IS NOT NULL")


def upgrade() -> None:
    """Create the tables."""
    _create_jobs()
    _create_log()
    _create_artefacts()
    op.create_table(
        "executors",
        Column("id", Text, primary_key=True, nullable=False),
        Column("host", Text, nullable=False),
        Column("pid", WHOLE, nullable=False),
        Column("process", Text, nullable=False),
        Column("started_at", FRACTION, nullable=False),
        Column("heartbeat_at", FRACTION, nullable=False),
    )


def _job_id() -> Column[str]:
    owner = ForeignKey("jobs.id", ondelete="CASCADE")
    return Column("job_id", Text, owner, primary_key=True, nullable=False)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        Column("id", Text, primary_key=True, nullable=False),
        Column("pipeline", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("total", WHOLE, nullable=False),
        Column("processed", WHOLE, nullable=False, server_default=_ZERO),
        Column("succeeded", WHOLE, nullable=False, server_default=_ZERO),
        Column("failed", WHOLE, nullable=False, server_default=_ZERO),
        Column("progress", FRACTION, nullable=False, server_default=_ZERO),
        Column("status_text", Text),
        Column("current_item", Text),
        Column("options_json", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("token_generation", WHOLE, nullable=False, server_default=_ONE),
        Column("token_expires_at", FRACTION, nullable=False),
        Column("created_at", FRACTION, nullable=False),
        Column("started_at", FRACTION),
        Column("updated_at", FRACTION, nullable=False),
        Column("active_at", FRACTION, nullable=False),
        Column("finished_at", FRACTION),
        Column("owner", Text),
        Column("lease_until", FRACTION),
        Column("attempts", WHOLE, nullable=False, server_default=_ZERO),
        Column("takeovers", WHOLE, nullable=False, server_default=_ZERO),
        Column("first_takeover_at", FRACTION),
        Column("cancel_requested_at", FRACTION),
        Column("cancel_mode", Text),
        Column("results_expires_at", FRACTION),
        Column("error_json", Text),
        Column("summary_json", Text),
        Column("last_event", WHOLE, nullable=False, server_default=_ONE),
        Column("snapshot_event", WHOLE, nullable=False, server_default=_ONE),
        Column("version", WHOLE, nullable=False, server_default=_ONE),
        Column("updates_since_write", WHOLE, nullable=False, server_default=_ZERO),
        Column("last_write_at", FRACTION, nullable=False),
        CheckConstraint(
            "status IN ('initialized', 'processing', 'completed', 'failed', 'canceled')",
            name="ck_jobs_status",
        ),
        Index("idx_jobs_status", "status", "updated_at"),
        Index("idx_jobs_owner", "owner", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
        Index(
            "idx_jobs_finished", "finished_at", sqlite_where=_FINISHED, postgresql_where=_FINISHED
        ),
    )


def _create_log() -> None:
    op.create_table(
        "job_items",
        _job_id(),
        Column("idx", WHOLE, primary_key=True, nullable=False),
        Column("state", Text, nullable=False),
        Column("input_json", LargeBinary, nullable=False),
        Column("result_json", LargeBinary),
        Column("updated_at", FRACTION, nullable=False),
        CheckConstraint(
            "state IN ('pending', 'running', 'done', 'error', 'skipped')",
            name="ck_job_items_state",
        ),
    )
    op.create_table(
        "job_events",
        _job_id(),
        Column("seq", WHOLE, primary_key=True, nullable=False),
        Column("type", Text, nullable=False),
        Column("payload_json", LargeBinary, nullable=False),
        Column("created_at", FRACTION, nullable=False),
    )


def _create_artefacts() -> None:
    op.create_table(
        "job_blobs",
        _job_id(),
        Column("name", Text, primary_key=True, nullable=False),
        Column("path", Text, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("content_type", Text, nullable=False),
        Column("size", WHOLE, nullable=False),
    )
    op.create_table(
        "job_results",
        _job_id(),
        Column("body", LargeBinary, nullable=False),
        Column("expires_at", FRACTION, nullable=False),
        Index("idx_job_results_expires", "expires_at"),
    )
    op.create_table(
        "job_checkpoints",
        _job_id(),
        Column("name", Text, primary_key=True, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("created_at", FRACTION, nullable=False),
    )
