"""Where a job is found: the paths of its status, stream and results. Pure."""

from __future__ import annotations

from urllib.parse import urlencode

from bookstrack.model.job import PipelineName

_FAMILIES = {
    PipelineName.BATCH_ENRICHMENT: "/api/v2/enrichments",
    PipelineName.CSV_IMPORT: "/api/v2/imports",
    PipelineName.AI_SCAN: "/api/v2/scans",
}


def status_path(job_id: str, pipeline: PipelineName) -> str:
    """Return the path of a job's status."""
    return f"{_FAMILIES[pipeline]}/{job_id}"


def stream_path(job_id: str, pipeline: PipelineName) -> str:
    """Return the path of a job's event stream."""
    return f"{_FAMILIES[pipeline]}/{job_id}/stream"


def results_path(job_id: str) -> str:
    """Return the path of a job's results, the same for every pipeline."""
    return f"/v1/jobs/{job_id}/results"


def cancel_path(job_id: str) -> str:
    """Return the path whose ``DELETE`` cancels a job."""
    return f"/v1/jobs/{job_id}"


def socket_path(job_id: str, token: str | None) -> str:
    """Return the path of a job's socket, with the token where one is given."""
    query = {"jobId": job_id} if token is None else {"jobId": job_id, "token": token}
    return f"/ws/progress?{urlencode(query)}"
