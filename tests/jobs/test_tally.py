"""Jobs are counted where they run: how they end, how long they take, what became of their items."""

from __future__ import annotations

from bookstrack.jobs.tally import Tally
from bookstrack.model.event import Event
from bookstrack.model.job import Job, JobStatus, PipelineName

BATCH = PipelineName.BATCH_ENRICHMENT


def job() -> Job:
    return Job(
        id="j",
        pipeline=BATCH,
        status=JobStatus.PROCESSING,
        total=4,
        token_expires_at=0.0,
        created_at=100.0,
        updated_at=100.0,
    )


def ended(status: JobStatus) -> Event:
    return Event(
        seq=9, at=112_000, status=status, progress=1.0, processed=4, total=4, succeeded=3, failed=1
    )


def test_a_job_counts_by_how_it_ended(metrics):
    tally = Tally(metrics)
    sample = metrics.registry.get_sample_value
    active = {"pipeline": "batch_enrichment"}
    tally.begins(job())
    assert sample("jobs_active", active) == 1
    tally.ended(job(), ended(JobStatus.COMPLETED))
    tally.leaves(job())
    assert sample("jobs_active", active) == 0
    assert sample("jobs_total", {**active, "status": "completed"}) == 1
    assert sample("job_items_total", {**active, "outcome": "success"}) == 3
    assert sample("job_items_total", {**active, "outcome": "failure"}) == 1
    assert sample("job_duration_seconds_sum", active) == 12.0


def test_a_job_that_goes_on_elsewhere_has_not_ended(metrics):
    tally = Tally(metrics)
    tally.begins(job())
    tally.leaves(job())
    sample = metrics.registry.get_sample_value
    assert sample("jobs_total", {"pipeline": "batch_enrichment", "status": "completed"}) is None


def test_a_pipeline_without_waiting_jobs_shows_none(metrics):
    tally = Tally(metrics)
    sample = metrics.registry.get_sample_value
    tally.waiting({BATCH: 3})
    assert sample("job_queue_depth", {"pipeline": "batch_enrichment"}) == 3
    assert sample("job_queue_depth", {"pipeline": "csv_import"}) == 0
    tally.waiting({})
    assert sample("job_queue_depth", {"pipeline": "batch_enrichment"}) == 0
