"""A job's row plus its log is how it stands; the order of folding does not matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.jobs.snapshot import fold
from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Job, JobStatus, PipelineName, Summary

SUMMARY = Summary(
    total_processed=1, success_count=1, failure_count=0, duration=5, resource_id="job-results:j"
)


def a_job(**over):
    fitting = {
        "id": "j",
        "pipeline": PipelineName.BATCH_ENRICHMENT,
        "status": JobStatus.INITIALIZED,
        "total": 10,
        "token_expires_at": 9e9,
        "created_at": 1.0,
        "updated_at": 1.0,
    }
    return Job(**fitting | over)


def an_event(seq, **over):
    fitting = {
        "seq": seq,
        "at": 1000 + seq,
        "status": JobStatus.PROCESSING,
        "progress": 0.0,
        "processed": 0,
        "total": 10,
    }
    return Event(**fitting | over)


@st.composite
def logs(draw):
    """A log as a job writes it: event 1, then progress, then perhaps an end."""
    steps = draw(st.lists(st.integers(0, 3), max_size=20))
    events = [an_event(1, status=JobStatus.INITIALIZED, message="waiting")]
    done = 0
    for step in steps:
        done += step
        events.append(
            an_event(
                len(events) + 1,
                processed=done,
                succeeded=done,
                progress=min(0.99, done / 60),
                message=draw(st.sampled_from([None, "a", "b"])),
                current_item=draw(st.sampled_from([None, "x", "y"])),
            )
        )
    end = draw(st.sampled_from([None, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED]))
    if end is not None:
        events.append(
            an_event(
                len(events) + 1,
                status=end,
                processed=done,
                succeeded=done,
                progress=1.0,
                summary=SUMMARY,
                results_until=5.0,
            )
        )
    return events


@given(logs(), st.data())
def test_folding_in_parts_or_twice_comes_to_the_same(events, data):
    whole = fold(a_job(), events)
    cut = data.draw(st.integers(1, len(events)))
    back = data.draw(st.integers(0, cut - 1))
    part = fold(a_job(), events[:cut])
    assert fold(part.job, events[back:]) == whole
    assert fold(whole.job, events) == whole


@given(logs())
def test_nothing_goes_back_on_the_way(events):
    job = a_job()
    for event in events:
        after = fold(job, [event]).job
        assert after.progress >= job.progress
        assert after.processed >= job.processed
        assert after.last_event == event.seq
        job = after


def test_what_the_row_knows_already_changes_nothing():
    job = a_job(snapshot_event=3, last_event=3, processed=5, progress=0.5)
    found = fold(job, [an_event(2, processed=1, progress=0.1), an_event(3, processed=5)])
    assert found.job == job
    assert found.event.seq == 3


def test_a_row_may_know_of_the_start_before_the_log_does():
    job = a_job(status=JobStatus.PROCESSING)
    found = fold(job, [an_event(1, status=JobStatus.INITIALIZED)])
    assert found.job.status is JobStatus.PROCESSING
    job = a_job(status=JobStatus.PROCESSING, snapshot_event=0)
    assert fold(job, [an_event(1, status=JobStatus.INITIALIZED)]).job.status is job.status


def test_the_end_is_told_by_its_event():
    fault = Fault(code="E_X", message="x")
    event = an_event(2, status=JobStatus.FAILED, fault=fault, summary=SUMMARY, results_until=7.0)
    job = fold(a_job(), [an_event(1), event]).job
    assert (job.status, job.fault, job.summary) == (JobStatus.FAILED, fault, SUMMARY)
    assert (job.finished_at, job.results_expires_at) == (1.002, 7.0)


def test_a_log_without_its_newest_event_is_no_log():
    with pytest.raises(ValueError, match="no event"):
        fold(a_job(), [])
