"""The results of scans as they are sent: what was stored, and what every job's results have."""

from __future__ import annotations

from bookstrack.model.job import Summary
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.scan_shapes import ScanFindings


class ScanResults(ScanFindings, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of a scan."""

    status: str
    summary: Summary
    partial: bool | None = None
    expires_at: str
