"""The results of scans as they are sent: what was stored, and what every job's results have."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from bookstrack.model.job import Summary
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.scan_shapes import ScanFindings
from bookstrack.web.envelope import encode


class ScanSummary(Summary, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The counts with two that older clients look for among them."""

    enriched_count: int
    results_url: str


class ScanResults(ScanFindings, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of a scan."""

    status: str
    summary: ScanSummary
    partial: bool | None = None
    expires_at: str


def scan_view(results: dict[str, Raw]) -> dict[str, Raw]:
    """Say in the summary what older clients look for there."""
    job_id = msgspec.json.decode(results["jobId"], type=str)
    summary: dict[str, Raw] = {}
    if "summary" in results:
        summary = msgspec.json.decode(results["summary"], type=dict[str, Raw])
    more = {
        "enrichedCount": results.get("booksEnriched", Raw(b"0")),
        "resultsUrl": Raw(encode(f"/v1/scan/results/{job_id}")),
    }
    return {**results, "summary": Raw(encode({**summary, **more}))}
