"""What is written while a job runs and when it ends: fenced, numbered without a hole, throttled."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from bookstrack.errors import LeaseLost
from bookstrack.model.job import CancelMode, Fault, ItemState, JobStatus
from stored_jobs import DAY_S, LEASE_S, NOW, ended, new_job, progress, result, summary

FAULT = Fault(code="E_INTERNAL", message="broke", retryable=True, details={"a": 1})


@pytest.fixture
async def job(jobs):
    """The id of a job that ``me`` runs."""
    created = await jobs.create(new_job(), now=NOW, idempotency_ttl_s=DAY_S)
    await jobs.claim(created.job.id, "me", now=NOW, lease_s=LEASE_S)
    return created.job.id


async def numbers(jobs, job):
    return [event.seq for event in await jobs.events(job)]


# --- write --------------------------------------------------------------------------------------


async def test_an_item_and_its_event_are_written_together(jobs, job):
    event = progress(1, current_item="A\x00", message="One", extra={"a": [1]}, stage="s")
    assert await jobs.write(job, "me", now=NOW + 1, items=[result(1, text=b"x")], event=event) == 2
    states = [(item.index, item.state, item.result) for item in await jobs.items(job)]
    assert states == [
        (0, ItemState.PENDING, None),
        (1, ItemState.DONE, b"x"),
        (2, ItemState.PENDING, None),
    ]
    assert (await jobs.events(job, after=1)) == [structs.replace(event, seq=2)]
    assert (await jobs.get(job)).last_event == 2


async def test_events_can_be_read_from_any_number_on(jobs, job):
    for count in range(1, 4):
        await jobs.write(job, "me", now=NOW, event=progress(count))
    assert [event.seq for event in await jobs.events(job, after=2)] == [3, 4]
    assert [event.seq for event in await jobs.events(job, after=1, limit=2)] == [2, 3]
    assert await jobs.events(job, after=4) == []


async def test_the_newest_events_of_many_jobs_are_asked_for_at_once(jobs, job):
    other = (await jobs.create(new_job("job-2"), now=NOW, idempotency_ttl_s=DAY_S)).job.id
    for count in range(1, 4):
        await jobs.write(job, "me", now=NOW, event=progress(count))
    assert await jobs.newest([job, other, "none"]) == {job: 4, other: 1}
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    assert await jobs.newest([job]) == {job: 5}
    assert await jobs.newest([]) == {}


async def test_items_without_an_event_have_no_number(jobs, job):
    items = [result(0), result(1, ItemState.ERROR), result(2, ItemState.SKIPPED)]
    assert await jobs.write(job, "me", now=NOW, items=items) is None
    assert [item.state for item in await jobs.items(job)] == [item.state for item in items]
    assert await numbers(jobs, job) == [1]


async def test_a_finished_item_stays_as_it_is(jobs, job):
    states = [ItemState.DONE, ItemState.ERROR, ItemState.SKIPPED]
    await jobs.add_items(job, "me", now=NOW, items=[b"x"], start=3)
    first = [result(index, state, b"first") for index, state in enumerate(states)]
    await jobs.write(job, "me", now=NOW, items=first)
    again = [result(index, text=b"second") for index in range(4)]
    assert await jobs.write(job, "me", now=NOW, items=again, event=progress(2)) == 2
    found = [(item.state, item.result) for item in await jobs.items(job)]
    assert found == [*((state, b"first") for state in states), (ItemState.DONE, b"second")]


async def test_the_row_changes_with_a_snapshot_only(jobs, job):
    before = await jobs.get(job)
    for count in (1, 2):
        await jobs.write(
            job,
            "me",
            now=NOW + count,
            items=[result(count)],
            event=progress(count),
            updates_since_write=count,
        )
    assert await jobs.get(job) == structs.replace(before, last_event=3)
    event = progress(3, failed=1, succeeded=2, message="m\x00", current_item="C\x00", total=4)
    await jobs.write(job, "me", now=NOW + 3, event=event, snapshot=True)
    assert await jobs.get(job) == structs.replace(
        before,
        last_event=4,
        snapshot_event=4,
        version=2,
        updated_at=NOW + 3,
        processed=3,
        succeeded=2,
        failed=1,
        total=4,
        progress=0.75,
        message="m",
        current_item="C",
    )


async def test_the_throttle_survives_a_crash(jobs, job):
    await jobs.write(job, "me", now=NOW + 4, event=progress(1), snapshot=True)
    await jobs.write(job, "me", now=NOW + 5, event=progress(1), updates_since_write=3)
    await jobs.write(job, "me", now=NOW + 6)
    taken = await jobs.claim(job, "other", now=NOW + 60, lease_s=LEASE_S)
    assert (taken.updates_since_write, taken.last_write_at) == (3, NOW + 4)


async def test_a_snapshot_needs_an_event(jobs, job):
    with pytest.raises(ValueError, match="snapshot"):
        await jobs.write(job, "me", now=NOW, items=[result(0)], snapshot=True)
    assert (await jobs.items(job))[0].state is ItemState.PENDING


async def test_who_does_not_hold_the_job_writes_nothing(jobs, job):
    owner = "other"
    before = await jobs.get(job)
    with pytest.raises(LeaseLost) as caught:
        await jobs.write(job, owner, now=NOW, items=[result(0)], event=progress(1), snapshot=True)
    assert caught.value.details == {"jobId": job}
    for act in (
        jobs.write(job, owner, now=NOW),
        jobs.add_items(job, owner, now=NOW, items=[b"x"], start=3),
        jobs.put_checkpoint(job, owner, "c", b"x", now=NOW),
        jobs.finish(job, owner=owner, now=NOW, event=ended()),
        jobs.write("nothing", "me", now=NOW),
    ):
        with pytest.raises(LeaseLost):
            await act
    assert await jobs.get(job) == before
    assert await numbers(jobs, job) == [1]
    assert {item.state for item in await jobs.items(job)} == {ItemState.PENDING}
    assert await jobs.checkpoint(job, "c") is None


async def test_an_ended_job_takes_nothing_more(jobs, job):
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    for event in (None, progress(1)):
        with pytest.raises(LeaseLost):
            await jobs.write(job, "me", now=NOW, items=[result(0)], event=event)
    assert await numbers(jobs, job) == [1, 2]


async def test_items_that_become_known_later(jobs, job):
    for _ in range(2):
        await jobs.add_items(job, "me", now=NOW, items=[b"D", b"E"], start=3)
    await jobs.write(job, "me", now=NOW, items=[result(3, text=b"d")])
    await jobs.add_items(job, "me", now=NOW, items=[b"D", b"E"], start=3)
    items = await jobs.items(job)
    assert [item.index for item in items] == [0, 1, 2, 3, 4]
    assert (items[3].state, items[3].result, items[4].input) == (ItemState.DONE, b"d", b"E")


async def test_the_first_checkpoint_of_a_name_stays(jobs, job):
    for data in (b"first", b"second"):
        await jobs.put_checkpoint(job, "me", "parse:abc", data, now=NOW)
    assert await jobs.checkpoint(job, "parse:abc") == b"first"
    assert await jobs.checkpoint(job, "other") is None


async def test_writers_at_once_leave_no_hole(jobs, job):
    await jobs.add_items(job, "me", now=NOW, items=[b"x"] * 40, start=3)
    seqs = await asyncio.gather(
        *(
            jobs.write(job, "me", now=NOW, items=[result(index)], event=progress(1))
            for index in range(43)
        )
    )
    assert sorted(seqs) == list(range(2, 45))
    assert await numbers(jobs, job) == list(range(1, 45))


async def test_a_forced_end_among_writers_is_the_last_event(jobs):
    for after in range(0, 24, 3):
        name = f"job-{after}"
        await jobs.create(new_job(name), now=NOW, idempotency_ttl_s=DAY_S)
        await jobs.claim(name, "me", now=NOW, lease_s=LEASE_S)
        await end_among_writers(jobs, name, after)


async def end_among_writers(jobs, job, after):
    written = []
    reached = asyncio.Event()

    async def writing():
        for count in range(20):
            if count == min(after, 19):
                reached.set()
            event = progress(count, total=20)
            written.append(await jobs.write(job, "me", now=NOW, event=event))

    async def ending():
        await reached.wait()
        return await jobs.finish(job, owner=None, now=NOW, event=ended(JobStatus.CANCELED, 0))

    first, last = await asyncio.gather(writing(), ending(), return_exceptions=True)
    assert first is None or isinstance(first, LeaseLost)
    log = await jobs.events(job)
    assert [event.seq for event in log] == list(range(1, len(written) + 3))
    assert log[-1] == last
    assert [event.terminal for event in log] == [False] * (len(log) - 1) + [True]
    assert [event.progress for event in log] == sorted(event.progress for event in log)
    assert [event.processed for event in log] == sorted(event.processed for event in log)


async def test_of_enders_at_once_one_ends(jobs, job):
    endings = [
        jobs.finish(job, owner=owner, now=NOW, event=ended(status))
        for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED)
        for owner in ("me", None)
    ]
    outcomes = await asyncio.gather(*endings)
    (last,) = (one for one in outcomes if one is not None)
    assert (await jobs.get(job)).status is last.status
    assert await numbers(jobs, job) == [1, 2]


# --- finish -------------------------------------------------------------------------------------


async def test_the_end_holds_results_state_and_event(jobs, job):
    event = ended(message="Done", summary=summary())
    last = await jobs.finish(
        job,
        owner="me",
        now=NOW + 9,
        event=event,
        results=b'{"a":1}',
        results_expires_at=NOW + 7209,
    )
    assert last == structs.replace(event, seq=2, results_until=NOW + 7209)
    assert await jobs.events(job, after=1) == [last]
    stored = await jobs.results(job)
    assert (stored.body, stored.expires_at) == (b'{"a":1}', NOW + 7209)
    row = await jobs.get(job)
    assert (row.status, row.progress, row.message) == (JobStatus.COMPLETED, 1.0, "Done")
    assert (row.processed, row.succeeded, row.failed) == (3, 3, 0)
    assert (row.finished_at, row.updated_at, row.results_expires_at) == (
        NOW + 9,
        NOW + 9,
        NOW + 7209,
    )
    assert (row.owner, row.lease_until, row.summary, row.fault) == (None, None, summary(), None)
    assert (row.last_event, row.snapshot_event, row.version) == (2, 2, 2)


async def test_a_failure_keeps_its_reason_and_has_no_results(jobs, job):
    event = ended(JobStatus.FAILED, 1)
    last = await jobs.finish(job, owner="me", now=NOW, event=event, fault=FAULT, summary=summary())
    assert (last.fault, last.summary, last.results_until) == (FAULT, summary(), None)
    row = await jobs.get(job)
    assert (row.status, row.fault, row.summary) == (JobStatus.FAILED, FAULT, summary())
    assert (row.results_expires_at, await jobs.results(job)) == (None, None)


async def test_an_end_is_final(jobs, job):
    await jobs.finish(job, owner="me", now=NOW, event=ended(), results=b"1", results_expires_at=5.0)
    before = await jobs.get(job)
    for owner in ("me", None, "other"):
        again = ended(JobStatus.FAILED, fault=FAULT)
        assert await jobs.finish(job, owner=owner, now=NOW, event=again, results=b"2") is None
    assert await jobs.get(job) == before
    assert (await jobs.results(job)).body == b"1"
    assert await jobs.finish("nothing", owner=None, now=NOW, event=ended()) is None


async def test_a_forced_end_does_not_go_back_behind_the_log(jobs, job):
    await jobs.write(job, "me", now=NOW, event=progress(2))
    last = await jobs.finish(job, owner=None, now=NOW, event=ended(JobStatus.CANCELED, 1))
    assert (last.progress, last.processed) == (2 / 3, 2)
    row = await jobs.get(job)
    assert (row.progress, row.processed) == (2 / 3, 2)


async def test_only_an_end_ends(jobs, job):
    with pytest.raises(ValueError, match="processing"):
        await jobs.finish(job, owner="me", now=NOW, event=progress(1))
    with pytest.raises(ValueError, match="completed"):
        await jobs.write(job, "me", now=NOW, event=ended())


# --- cancel and token ---------------------------------------------------------------------------

SOFT, HARD = CancelMode.SOFT, CancelMode.HARD


async def test_the_first_request_to_stop_counts_and_hard_wins(jobs):
    cases = {(SOFT,): SOFT, (SOFT, HARD): HARD, (HARD, SOFT): HARD, (SOFT, SOFT): SOFT}
    for modes, kept in cases.items():
        name = "-".join(modes)
        await jobs.create(new_job(name), now=NOW, idempotency_ttl_s=DAY_S)
        for passed, mode in enumerate(modes):
            row = await jobs.request_cancel(name, mode, now=NOW + passed)
        assert (row.cancel_requested_at, row.cancel_mode) == (NOW, kept)
        assert row == await jobs.get(name)
        assert row.status is JobStatus.INITIALIZED


async def test_stopping_what_has_ended_changes_nothing(jobs, job):
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    before = await jobs.get(job)
    assert await jobs.request_cancel(job, HARD, now=NOW) == before
    assert await jobs.get(job) == before
    assert await jobs.request_cancel("nothing", HARD, now=NOW) is None


async def test_of_twenty_renewals_of_a_token_one_wins(jobs, job):
    swaps = (
        jobs.swap_token(job, generation=1, now=NOW, expires_at=NOW + 9000 + n) for n in range(20)
    )
    assert sorted(await asyncio.gather(*swaps)) == [False] * 19 + [True]
    row = await jobs.get(job)
    assert row.token_generation == 2
    assert NOW + 9000 <= row.token_expires_at < NOW + 9020
    assert await jobs.swap_token(job, generation=2, now=NOW, expires_at=NOW + 9999)


async def test_an_expired_or_unknown_token_is_not_renewed(jobs, job):
    assert not await jobs.swap_token(job, generation=1, now=NOW + 7200, expires_at=NOW + 9999)
    assert not await jobs.swap_token("nothing", generation=1, now=NOW, expires_at=NOW + 9999)
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    assert await jobs.swap_token(job, generation=1, now=NOW + 7199, expires_at=NOW + 9999)
