"""What a running job says of itself."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bookstrack.jobs.draft import Change, Draft
from bookstrack.jobs.snapshot import Snapshot
from bookstrack.model.event import Event
from bookstrack.model.job import Item, ItemState, Job, JobStatus, PipelineName


def a_draft(items=(), *, pipeline=PipelineName.AI_SCAN, **over):
    job = Job(
        id="j",
        pipeline=pipeline,
        status=JobStatus.PROCESSING,
        total=4,
        token_expires_at=0.0,
        created_at=0.0,
        updated_at=0.0,
    )
    fitting = {"status": JobStatus.PROCESSING, "progress": 0.2, "processed": 1, "total": 4}
    event = Event(seq=1, at=0, **fitting | over)
    return Draft(Snapshot(job=job, event=event), items)


changes = st.builds(
    Change,
    progress=st.none() | st.floats(-1, 3),
    message=st.none() | st.text() | st.sampled_from(["Photo 2 FAILED", "An Error", "Reading"]),
)


@given(st.lists(changes))
def test_progress_never_goes_back_and_never_reaches_the_end(told):
    draft, last = a_draft(), 0.2
    for change in told:
        draft.change(change)
        event = draft.event(at=1.0)
        assert last <= event.progress <= 0.99
        assert not re.search("error|fail", event.message or "", re.IGNORECASE)
        last = event.progress


def test_only_scans_watch_their_words():
    draft = a_draft(pipeline=PipelineName.BATCH_ENRICHMENT)
    draft.change(Change(message="2 failed"))
    assert draft.event(at=1.0).message == "2 failed"


def test_none_leaves_things_as_they_were():
    draft = a_draft()
    draft.change(Change(message="Reading", current_item="one", stage="a", total=9, extra={"n": 1}))
    before = draft.event(at=1.0)
    draft.change(Change())
    assert draft.event(at=1.0) == before
    assert (before.message, before.current_item, before.stage, before.total) == (
        "Reading",
        "one",
        "a",
        9,
    )


def test_facts_stay_until_taken_away():
    draft = a_draft(extra={"totalPhotos": 2})
    draft.change(Change(extra={"processedPhotos": 1}))
    assert draft.event(at=1.0).extra == {"totalPhotos": 2, "processedPhotos": 1}
    draft.change(Change(extra={"totalPhotos": None}))
    assert draft.event(at=1.0).extra == {"processedPhotos": 1}


def test_items_count_by_their_states_and_events_by_what_they_said():
    states = [ItemState.DONE, ItemState.ERROR, ItemState.SKIPPED, ItemState.RUNNING]
    items = [Item(index=at, state=state, input=b"") for at, state in enumerate(states)]
    draft = a_draft(items)
    assert (draft.processed, draft.succeeded, draft.failed, draft.share) == (3, 1, 1, 0.75)
    draft = a_draft(items, processed=4, succeeded=3)
    draft.count(ItemState.DONE)
    assert (draft.processed, draft.succeeded, draft.failed) == (5, 4, 1)
    assert a_draft(total=0).share == 0.0


def test_an_ended_log_is_begun_below_the_end():
    assert a_draft(progress=1.0).progress == 0.99
