"""Counts what becomes of the jobs that this process runs."""

from __future__ import annotations

from collections.abc import Mapping

from bookstrack.model.event import Event
from bookstrack.model.job import Job, PipelineName
from bookstrack.telemetry.metrics import Metrics


class Tally:
    """Keeps the job families of the metrics; an item counts when its job has ended."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def begins(self, job: Job) -> None:
        """Count a job that is run here from now on."""
        self._metrics.jobs_active.labels(job.pipeline.value).inc()

    def leaves(self, job: Job) -> None:
        """Count a job that is not run here any more, whether or not it has ended."""
        self._metrics.jobs_active.labels(job.pipeline.value).dec()

    def ended(self, job: Job, event: Event) -> None:
        """Count a job that has ended here with its terminal event."""
        pipeline = job.pipeline.value
        self._metrics.jobs.labels(pipeline, event.status.value).inc()
        self._metrics.job_duration.labels(pipeline).observe(
            max(0.0, event.at / 1000 - job.created_at)
        )
        for outcome, count in (("success", event.succeeded), ("failure", event.failed)):
            if count:
                self._metrics.job_items.labels(pipeline, outcome).inc(count)

    def waiting(self, depths: Mapping[PipelineName, int]) -> None:
        """Set how many jobs nobody has begun yet, in all processes together."""
        for pipeline in PipelineName:
            self._metrics.job_queue_depth.labels(pipeline.value).set(depths.get(pipeline, 0))
