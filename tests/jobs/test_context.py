"""What a pipeline tells: item results at once, events and snapshots at their pace."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from bookstrack.errors import JobFailed
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import Blob, CancelMode, ItemResult, ItemState, JobStatus, PipelineName


class Told:
    """A running job whose context the test holds in its hand."""

    def __init__(self, world, process, pipeline):
        self.world, self.process = world, process
        self.pipeline = world.pipelines[pipeline]
        self.over = asyncio.Event()
        self.ctx = None

    async def begin(self, **over):
        async def script(ctx):
            self.ctx = ctx
            await self.over.wait()
            return self.pipeline.outcome(ctx.job, await ctx.items())

        self.pipeline.script = script
        started = await self.world.start(
            self.process, pipeline=self.pipeline.name, **{"books": 50} | over
        )
        self.id = started.job.id
        await self.world.settle()
        await self.world.passing(0.1)  # the start has had its event
        return self

    async def events(self):
        return await self.process.board.events(self.id, after=2)

    async def row(self):
        return await self.process.store.get(self.id)

    async def end(self):
        self.over.set()
        await self.world.settle()


@pytest.fixture
async def enrichment(world, here):
    return await Told(world, here, PipelineName.BATCH_ENRICHMENT).begin()


@pytest.fixture
async def scan(world, here):
    return await Told(world, here, PipelineName.AI_SCAN).begin()


# --- the pace of events [J10] ---------------------------------------------------------------


async def test_a_first_event_comes_at_once_later_ones_replace_each_other(world, enrichment):
    for number in range(1, 6):
        await enrichment.ctx.emit(progress=number / 10, message=f"book {number}")
    assert [event.message for event in await enrichment.events()] == ["book 1"]
    await world.passing(0.099)
    assert len(await enrichment.events()) == 1
    await world.passing(0.002)  # nothing else happens, and yet it is told
    assert [event.message for event in await enrichment.events()] == ["book 1", "book 5"]
    await world.passing(5)
    assert len(await enrichment.events()) == 2


async def test_events_are_a_tenth_of_a_second_apart_however_many_there_are(world, enrichment):
    for number in range(500):
        await enrichment.ctx.emit(progress=number / 500)
        await world.passing(0.007)
    times = [event.at for event in await enrichment.events()]
    assert 32 <= len(times) <= 36
    assert all(later - former >= 100 for former, later in itertools.pairwise(times))


async def test_important_ones_are_told_one_after_the_other(world, scan):
    await scan.ctx.emit(stage="reading", progress=0.1, important=True)
    await scan.ctx.emit(message="replaced")
    await scan.ctx.emit(stage="found", progress=0.5, important=True)
    await scan.ctx.emit(stage="enriching", progress=0.7, important=True)
    await scan.ctx.emit(message="last")
    assert [event.stage for event in await scan.events()] == ["reading"]
    await world.passing(1)
    events = await scan.events()
    assert [event.stage for event in events] == ["reading", "found", "enriching", "enriching"]
    assert [event.message for event in events][1:] == ["replaced", "replaced", "last"]
    times = [event.at for event in events]
    assert all(later - former >= 100 for former, later in itertools.pairwise(times))


async def test_the_end_waits_its_turn_and_nothing_before_it_is_lost(world, scan):
    await scan.ctx.emit(stage="reading", important=True)
    await scan.ctx.emit(stage="found", extra={"photos": [1]}, important=True)
    await scan.ctx.emit(message="the last word")
    await scan.end()
    await world.passing(1)
    events = await scan.events()
    assert [event.stage for event in events] == ["reading", "found", "found", "found"]
    assert [event.extra for event in events] == [{}, *[{"photos": [1]}] * 3]
    assert events[2].message == "the last word"
    assert [event.status for event in events][2:] == [JobStatus.PROCESSING, JobStatus.COMPLETED]
    times = [event.at for event in events[:-1]]
    assert all(later - former >= 100 for former, later in itertools.pairwise(times))


async def test_a_canceled_job_ends_without_waiting_its_turn(world, scan):
    await scan.ctx.emit(stage="reading", important=True)
    await scan.ctx.emit(stage="found", important=True)
    await scan.ctx.emit(message="nobody hears this")
    canceling = asyncio.create_task(scan.process.board.cancel(scan.id, CancelMode.SOFT))
    await world.settle()
    await scan.end()
    await canceling
    events = await scan.events()
    assert [event.stage for event in events] == ["reading", "found", "found"]
    assert events[-1].status is JobStatus.CANCELED


async def test_a_cancel_that_comes_while_the_end_waits_hurries_it(world, scan):
    await scan.ctx.emit(stage="reading", important=True)
    await scan.ctx.emit(stage="found", important=True)
    await scan.end()
    assert [event.stage for event in await scan.events()] == ["reading"]
    await scan.process.board.cancel(scan.id, CancelMode.SOFT)
    events = await scan.events()
    assert [event.stage for event in events] == ["reading", "found", "found"]
    assert events[-1].status is JobStatus.CANCELED


async def test_an_item_may_be_told_of_whatever_follows(world, scan, the_result):
    first, second, *_ = await scan.ctx.items()
    await scan.ctx.emit(stage="reading")
    await scan.ctx.done(the_result(first), ok=True, message="first", important=True)
    await scan.ctx.done(the_result(second), ok=True, message="second", important=True)
    await world.passing(1)
    assert [event.message for event in await scan.events()][1:] == ["first", "second"]
    assert [event.processed for event in await scan.events()] == [0, 1, 2]


async def test_the_total_may_become_known_later(world, enrichment):
    await enrichment.ctx.emit(total=7)
    assert (await enrichment.events())[-1].total == 7


# --- items and events -----------------------------------------------------------------------


async def test_a_result_is_stored_when_done_returns_whether_or_not_an_event_is_due(
    world, enrichment, the_result
):
    items = await enrichment.ctx.items()
    for item in items[:4]:
        await enrichment.ctx.done(the_result(item), ok=True, current_item=f"Book {item.index}")
        stored = await enrichment.ctx.items()
        assert stored[item.index].state is ItemState.DONE
    assert [event.processed for event in await enrichment.events()] == [1]
    await world.passing(0.1)
    last = (await enrichment.events())[-1]
    assert (last.processed, last.current_item, last.progress) == (4, "Book 3", 4 / 50)
    assert enrichment.ctx.processed == 4
    assert enrichment.ctx.progress == 4 / 50


async def test_an_event_goes_into_the_transaction_of_its_item(enrichment, here, the_result):
    item = (await enrichment.ctx.items())[0]
    before = here.store.calls["write"]
    await enrichment.ctx.done(the_result(item), ok=True)
    assert here.store.calls["write"] == before + 1
    assert [event.processed for event in await enrichment.events()] == [1]


async def test_what_ends_while_another_is_written_goes_together(enrichment, here, the_result):
    items = await enrichment.ctx.items()
    before = here.store.calls["write"]
    await asyncio.gather(*(enrichment.ctx.done(the_result(item), ok=True) for item in items[:20]))
    assert here.store.calls["write"] - before <= 2
    stored = await enrichment.ctx.items()
    assert sum(item.state is ItemState.DONE for item in stored) == 20


async def test_an_item_cut_off_while_it_is_stored_is_kept(world, enrichment, the_result):
    item = (await enrichment.ctx.items())[0]
    storing = asyncio.create_task(enrichment.ctx.done(the_result(item), ok=True))
    await asyncio.sleep(0)
    storing.cancel()
    await world.settle()
    assert storing.cancelled()
    assert (await enrichment.ctx.items())[0].state is ItemState.DONE


async def test_what_is_not_ok_is_an_error_and_what_is_skipped_stays_so(enrichment):
    for index, state in enumerate((ItemState.DONE, ItemState.SKIPPED)):
        result = ItemResult(index=index, state=state, result=b"{}")
        await enrichment.ctx.done(result, ok=False)
    states = [item.state for item in await enrichment.ctx.items()]
    assert states[:2] == [ItemState.ERROR, ItemState.SKIPPED]


async def test_progress_of_another_weight_is_taken(world, scan, the_result):
    item = (await scan.ctx.items())[0]
    await scan.ctx.done(the_result(item), ok=True, progress=0.8, extra={"booksDetected": 4})
    (event,) = await scan.events()
    assert (event.progress, event.extra) == (0.8, {"booksDetected": 4})


async def test_items_can_be_added_later(enrichment):
    await enrichment.ctx.add_items([b"{}", b"[]"], start=50)
    await enrichment.ctx.add_items([b"{}", b"[]"], start=50)
    assert len(await enrichment.ctx.items()) == 52


# --- the pace of snapshots [P1] -------------------------------------------------------------


async def updates(told, world, number):
    """So many books end, each with its event."""
    for item in [item for item in await told.ctx.items() if item.state is ItemState.PENDING][
        :number
    ]:
        await told.ctx.done(
            ItemResult(index=item.index, state=ItemState.DONE, result=b"{}"), ok=True
        )
        await world.passing(0.1)


async def test_four_updates_write_nothing_the_fifth_writes(world, enrichment):
    await updates(enrichment, world, 4)
    row = await enrichment.row()
    assert (row.version, row.processed, row.last_event) == (1, 0, 6)
    assert (await enrichment.process.board.status(enrichment.id)).job.processed == 4
    await updates(enrichment, world, 1)
    row = await enrichment.row()
    assert (row.version, row.processed, row.snapshot_event) == (2, 5, row.last_event)
    await updates(enrichment, world, 4)
    assert (await enrichment.row()).version == 2
    await updates(enrichment, world, 1)
    assert (await enrichment.row()).version == 3


async def test_ten_seconds_write_too(world, enrichment):
    await updates(enrichment, world, 1)
    assert (await enrichment.row()).version == 1
    await world.passing(9.7)
    await updates(enrichment, world, 1)
    assert (await enrichment.row()).version == 1
    await updates(enrichment, world, 1)  # 10 s after the job was made
    assert (await enrichment.row()).version == 2


async def test_every_update_of_a_scan_writes(world, scan):
    for expected in (2, 3, 4):
        await scan.ctx.emit(progress=expected / 10)
        await world.passing(0.1)
        assert (await scan.row()).version == expected


async def test_updates_without_event_count_and_are_written_with_the_next(world, enrichment):
    for number in range(1, 8):
        await enrichment.ctx.emit(progress=number / 10)
    assert (await enrichment.row()).version == 1
    await world.passing(0.1)
    row = await enrichment.row()
    assert (row.version, row.progress) == (2, 0.7)


async def test_the_count_survives_a_crash(world, here, enrichment):
    await updates(enrichment, world, 4)
    await here.die()
    world.gone.add(here.executor)
    there = await world.process()
    there.engine._run(enrichment.id)
    await world.settle()
    await world.passing(0.1)
    assert (await there.store.get(enrichment.id)).version == 1
    await updates(enrichment, world, 1)
    assert (await there.store.get(enrichment.id)).version == 2


# --- other things ---------------------------------------------------------------------------


async def test_a_costly_reply_is_made_once(world, here, enrichment):
    made = []

    async def make():
        made.append(1)
        return b"reply"

    assert await enrichment.ctx.checkpoint("page-1", make) == b"reply"
    assert await enrichment.ctx.checkpoint("page-1", make) == b"reply"
    await here.die()
    world.gone.add(here.executor)
    there = await world.process()
    there.engine._run(enrichment.id)
    await world.settle()
    assert await enrichment.ctx.checkpoint("page-1", make) == b"reply"
    assert made == [1]


async def test_a_reply_is_kept_even_if_the_store_is_away_for_a_while(world, here, enrichment):
    async def make():
        here.store.away = {"put_checkpoint"}
        return b"reply"

    keeping = asyncio.create_task(enrichment.ctx.checkpoint("page-1", make))
    await world.passing(30)
    assert not keeping.done()
    here.store.away = frozenset()
    await world.passing(5)
    assert await keeping == b"reply"


async def test_no_reply_is_paid_for_after_a_loss(world, here, enrichment):
    async def make():
        await here.store.seize(enrichment.id, "thief", now=world.clock.time(), lease_s=30)
        return b"reply"

    with pytest.raises(Interrupted):
        await enrichment.ctx.checkpoint("page-1", make)
    with pytest.raises(Interrupted):
        enrichment.ctx.check()
    with pytest.raises(Interrupted):
        await enrichment.ctx.checkpoint("page-2", make)


async def test_results_of_a_lost_job_are_refused(world, here, enrichment, the_result):
    items = await enrichment.ctx.items()
    await here.store.seize(enrichment.id, "thief", now=world.clock.time(), lease_s=30)
    for item in items[:2]:
        with pytest.raises(Interrupted):
            await enrichment.ctx.done(the_result(item), ok=True)
    with pytest.raises(Interrupted):
        await enrichment.ctx.emit(message="still here")


async def test_inputs_come_from_the_object_store(world, here):
    await world.blobs.put("jobs/photo", b"pixels")
    blob = Blob(name="photo-0", path="jobs/photo", sha256="", content_type="image/png", size=6)
    told = await Told(world, here, PipelineName.AI_SCAN).begin(blobs=(blob,))
    assert await told.ctx.blob("photo-0") == b"pixels"
    with pytest.raises(JobFailed, match="photo-1"):
        await told.ctx.blob("photo-1")
    await world.blobs.delete("jobs/photo")
    with pytest.raises(JobFailed, match="photo-0"):
        await told.ctx.blob("photo-0")


async def test_a_broken_write_fails_the_job(world, here, enrichment, the_result):
    item = (await enrichment.ctx.items())[0]

    async def broken(*_, **__):
        raise ZeroDivisionError

    here.store.write = broken
    with pytest.raises(ZeroDivisionError):
        await enrichment.ctx.done(the_result(item), ok=True)
    with pytest.raises(ZeroDivisionError):
        await enrichment.ctx.emit(message="again")
