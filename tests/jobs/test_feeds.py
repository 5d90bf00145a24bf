"""Following jobs: every event once, in order, whoever writes it and however slowly one reads."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from statistics import quantiles

import pytest
from structlog.testing import capture_logs

from bookstrack.clock import SystemClock
from bookstrack.errors import NotFound, StorageUnavailable
from bookstrack.jobs import feeds as feeds_module
from bookstrack.jobs.feeds import Feeds
from bookstrack.model.event import Event
from bookstrack.model.job import Job, JobStatus, PipelineName
from bookstrack.storage.bus.memory import MemoryBus


def an_event(seq, *, last=False):
    return Event(
        seq=seq,
        at=seq,
        status=JobStatus.COMPLETED if last else JobStatus.PROCESSING,
        progress=0.0,
        processed=seq,
        total=9,
    )


class Log:
    """A log in memory: what the store has, whoever was told of it."""

    def __init__(self):
        self.jobs = {}
        self.looks = 0
        self.reads = 0
        self.away = False
        self.fails = False
        self.delay = None

    def add(self, job_id, *, last=False):
        events = self.jobs.setdefault(job_id, [])
        event = an_event(len(events) + 1, last=last)
        events.append(event)
        return event

    async def get(self, job_id):
        if self.away:
            raise StorageUnavailable("away")
        if job_id not in self.jobs:
            return None
        return Job(
            id=job_id,
            pipeline=PipelineName.CSV_IMPORT,
            status=JobStatus.PROCESSING,
            total=9,
            token_expires_at=0.0,
            created_at=0.0,
            updated_at=0.0,
            last_event=len(self.jobs[job_id]),
        )

    async def newest(self, job_ids):
        self.looks += 1
        if self.away:
            raise StorageUnavailable("away")
        return {job_id: len(self.jobs[job_id]) for job_id in job_ids if job_id in self.jobs}

    async def events(self, job_id, *, after=0, limit=1000):
        self.reads += 1
        if self.away:
            raise StorageUnavailable("away")
        found = self.jobs.get(job_id, [])[after : after + limit]
        if self.delay is not None:
            await self.delay.wait()
        if self.fails:
            raise StorageUnavailable("went away")
        return found


@pytest.fixture
def log():
    log = Log()
    log.add("j")
    return log


@pytest.fixture
async def feeds(log, clock):
    feeds = Feeds(log, MemoryBus(), clock)
    yield feeds
    await feeds.close()


async def turns():
    for _ in range(20):
        await asyncio.sleep(0)


class Watcher:
    """A follower read by a task, which notes what it gets."""

    def __init__(self, feeds, job_id="j", after=0):
        self.follower = feeds.follow(job_id, after=after)
        self.seen = []
        self.task = asyncio.create_task(self._read())

    async def _read(self):
        async for event in self.follower:
            self.seen.append(event.seq)

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_follower_gets_what_there_is_then_what_comes_then_the_end(log, feeds):
    for _ in range(3):
        log.add("j")
    watcher = Watcher(feeds)
    await turns()
    assert watcher.seen == [1, 2, 3, 4]
    await feeds.tell("j", log.add("j"))
    await turns()
    assert watcher.seen == [1, 2, 3, 4, 5]
    await feeds.tell("j", log.add("j", last=True))
    await turns()
    assert watcher.seen == [1, 2, 3, 4, 5, 6]
    assert watcher.task.done()


@pytest.mark.parametrize(("after", "seen"), [(0, [1, 2, 3]), (2, [3]), (3, []), (9, [])])
async def test_an_ended_job_is_told_to_its_end_whenever_one_comes(log, feeds, after, seen):
    log.add("j")
    log.add("j", last=True)
    watcher = Watcher(feeds, after=after)
    await turns()
    assert watcher.seen == seen
    assert watcher.task.done()
    again = Watcher(feeds, after=after)
    await turns()
    assert again.seen == seen


async def test_what_is_told_here_needs_no_reading(log, feeds):
    watchers = [Watcher(feeds) for _ in range(50)]
    await turns()
    reads = log.reads
    assert reads == 1
    for _ in range(100):
        await feeds.tell("j", log.add("j"))
        await turns()
    assert all(watcher.seen == list(range(1, 102)) for watcher in watchers)
    assert log.reads == reads
    for watcher in watchers:
        await watcher.stop()


async def test_what_comes_while_a_feed_is_opened_is_neither_lost_nor_repeated(log, feeds):
    log.delay = asyncio.Event()
    watcher = Watcher(feeds)
    await turns()
    for _ in range(5):  # the log has been read already, but the answer is under way
        await feeds.tell("j", log.add("j"))
    assert watcher.seen == []
    log.delay.set()
    await turns()
    assert watcher.seen == [1, 2, 3, 4, 5, 6]
    await watcher.stop()


async def test_numbers_that_were_skipped_are_read_and_known_ones_are_dropped(log, feeds):
    watcher = Watcher(feeds)
    await turns()
    events = [log.add("j") for _ in range(4)]  # 2 to 5
    await feeds.tell("j", events[3])
    await feeds.tell("j", events[1])
    await turns()
    await feeds.tell("j", events[0])
    await turns()
    assert watcher.seen == [1, 2, 3, 4, 5]
    await watcher.stop()


async def test_a_hint_from_elsewhere_makes_the_log_be_read(log, feeds):
    watcher = Watcher(feeds)
    await turns()
    log.add("j")
    for text in ("", "job", "job j", "job j x", "job j 1", "job other 9", "cancel j"):
        feeds.heard(text)
    await turns()
    assert watcher.seen == [1]
    feeds.heard("job j 2")
    await turns()
    assert watcher.seen == [1, 2]
    await watcher.stop()


async def test_hints_during_a_read_are_not_lost(log, feeds):
    watcher = Watcher(feeds)
    await turns()
    log.delay = asyncio.Event()
    log.add("j")
    feeds.heard("job j 2")
    await turns()
    log.add("j")
    feeds.heard("job j 3")
    log.delay.set()
    await turns()
    assert watcher.seen == [1, 2, 3]
    await watcher.stop()


async def test_without_any_hint_one_question_for_all_jobs_is_asked_every_half_second(
    log, feeds, clock
):
    log.add("k")
    watchers = [Watcher(feeds), Watcher(feeds, "k")]
    await turns()
    await clock.advance(0.5)  # the first events are news enough
    looks, reads = log.looks, log.reads
    await clock.advance(0.5)
    await clock.advance(0.5)
    assert log.looks == looks + 2
    assert log.reads == reads
    log.add("k")
    await clock.advance(0.5)
    await turns()
    assert log.looks == looks + 3
    assert log.reads == reads + 1
    assert [watcher.seen for watcher in watchers] == [[1], [1, 2]]
    for watcher in watchers:
        await watcher.stop()


async def test_without_any_hint_the_log_is_read_every_half_second(log, feeds, clock):
    watcher = Watcher(feeds)
    await turns()
    log.add("j")
    await clock.advance(0.4)
    assert watcher.seen == [1]
    for _ in range(3):
        await clock.advance(0.5)
    assert watcher.seen == [1, 2]
    await watcher.stop()


async def test_a_busy_or_ended_or_unfollowed_job_is_not_read_by_the_clock(log, feeds, clock):
    watcher = Watcher(feeds)
    await turns()
    await clock.advance(0.5)
    looks, reads = log.looks, log.reads
    await feeds.tell("j", log.add("j"))
    await clock.advance(0.5)
    assert log.looks == looks
    await clock.advance(0.5)
    assert log.looks == looks + 1
    await feeds.tell("j", log.add("j", last=True))
    for _ in range(10):
        await clock.advance(0.5)
    assert log.looks == looks + 1
    assert log.reads == reads
    assert watcher.task.done()
    assert feeds.followed == 1
    del watcher
    for _ in range(3):
        await clock.advance(0.5)
    assert feeds.followed == 0
    assert clock.sleepers == 0


async def test_an_outage_is_logged_and_made_good(log, feeds, clock):
    watcher = Watcher(feeds)
    await turns()
    log.away = True
    log.add("j")
    with capture_logs() as logs:
        await clock.advance(0.5)
        await clock.advance(0.5)
    assert {line["event"] for line in logs} == {"job_feeds_unread"}
    log.away = False
    await clock.advance(0.5)
    assert watcher.seen == [1, 2]
    await watcher.stop()


async def test_what_cannot_be_followed_says_so_and_can_be_tried_again(log, feeds):
    follower = feeds.follow("unknown", after=0)
    with pytest.raises(NotFound):
        await anext(follower)
    log.away = True
    follower = feeds.follow("j", after=0)
    with pytest.raises(StorageUnavailable):
        await anext(follower)
    log.away = False
    assert (await anext(follower)).seq == 1
    assert feeds.followed == 1


async def test_a_slow_follower_reads_the_log_and_skips_nothing(log, feeds, monkeypatch):
    monkeypatch.setattr(feeds_module, "TAIL", 8)
    monkeypatch.setattr(feeds_module, "PAGE", 5)
    slow, quick = feeds.follow("j", after=0), Watcher(feeds)
    assert (await anext(slow)).seq == 1
    await turns()
    reads = log.reads
    for _ in range(99):
        await feeds.tell("j", log.add("j"))
        await turns()
    assert slow.lag == 99
    assert log.reads == reads
    seen = [(await anext(slow)).seq for _ in range(99)]
    assert seen == quick.seen[1:] == list(range(2, 101))
    assert log.reads > reads
    assert slow.lag == 0
    await quick.stop()


async def test_long_logs_are_followed_from_any_number(log, feeds, monkeypatch):
    monkeypatch.setattr(feeds_module, "TAIL", 8)
    monkeypatch.setattr(feeds_module, "_READ", 3)
    for _ in range(48):
        log.add("j")
    log.add("j", last=True)
    for after in (0, 1, 20, 41, 42, 43, 49):
        assert [event.seq async for event in feeds.follow("j", after=after)] == list(
            range(after + 1, 51)
        )


async def test_a_deleted_job_ends_who_is_behind(log, feeds, monkeypatch):
    monkeypatch.setattr(feeds_module, "TAIL", 4)
    for _ in range(30):
        log.add("j")
    follower = feeds.follow("j", after=25)
    assert (await anext(follower)).seq == 26
    follower = feeds.follow("j", after=0)
    log.jobs["j"] = log.jobs["j"][:0]
    with pytest.raises(StopAsyncIteration):
        await anext(follower)


async def test_who_stops_following_is_forgotten(log, feeds, clock):
    follower = feeds.follow("j", after=0)
    assert (await anext(follower)).seq == 1
    await follower.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(follower)
    del follower
    for _ in range(3):
        await clock.advance(0.5)
    assert feeds.followed == 0


async def test_three_hundred_events_before_anybody_comes_are_all_told(world, here):
    """A job of 300 books, one each 100 ms, that nobody watches until it is nearly over."""

    async def work(ctx, item):
        await world.clock.sleep(0.1)

    world.books.work, world.books.at_once = work, 1
    started = await world.start(here, books=301)
    await world.passing(30.05)
    watcher = Watcher(here.feeds, started.job.id)
    await world.settle()
    assert len(watcher.seen) >= 300
    await world.passing(2)
    assert watcher.task.done()
    assert watcher.seen == list(range(1, len(watcher.seen) + 1))


async def test_two_processes_tell_the_same(any_world):
    """One runs the job; the other hears of it by the bus, or finds it by itself."""
    worker = await any_world.process()
    deaf = await any_world.process(works=False)
    for leave in deaf.leave:
        leave()
    web = await any_world.process(works=False)

    async def work(ctx, item):
        await any_world.clock.sleep(0.15)

    any_world.books.work = work
    started = await any_world.start(worker, books=20)
    watchers = [
        Watcher(process.feeds, started.job.id, after)
        for process in (worker, web, deaf)
        for after in (0, 0, 3)
    ]
    await any_world.passing(4)
    events = await worker.board.events(started.job.id)
    assert events[-1].terminal
    for watcher in watchers:
        assert watcher.task.done()
        assert watcher.seen in ([event.seq for event in events], list(range(4, len(events) + 1)))


@pytest.mark.slow
async def test_a_thousand_followers_hear_within_50_ms_and_cost_little():
    """100 jobs of 10 followers; each job tells 10 events a second."""
    log = Log()
    feeds = Feeds(log, MemoryBus(), SystemClock())
    late = []
    told = {}

    async def watch(job_id):
        async for event in feeds.follow(job_id, after=0):
            if (job_id, event.seq) in told:
                late.append(time.perf_counter() - told[job_id, event.seq])

    async def job(job_id, offset):
        await asyncio.sleep(offset)
        for number in range(30):
            event = log.add(job_id, last=number == 29)
            told[job_id, event.seq] = time.perf_counter()
            await feeds.tell(job_id, event)
            await asyncio.sleep(0.1)

    names = [f"job-{number}" for number in range(100)]
    for name in names:
        log.add(name)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    watchers = [asyncio.create_task(watch(name)) for name in names for _ in range(10)]
    await asyncio.sleep(0.2)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await asyncio.gather(*(job(name, place / 1000) for place, name in enumerate(names)))
    await asyncio.wait_for(asyncio.gather(*watchers), 60)
    await feeds.close()
    assert len(late) == 30_000
    assert quantiles(late, n=100)[98] < 1  # `make bench` measures; this only sees a jam
    assert (after - before) / 1000 < 10_000


async def test_everybody_who_waits_for_an_opening_hears_that_it_failed(log, feeds):
    log.delay = asyncio.Event()
    followers = [Watcher(feeds) for _ in range(3)]
    await turns()
    log.away = True
    log.fails = True
    log.delay.set()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*(one.task for one in followers), return_exceptions=True)
    assert [type(end) for end in ends] == [StorageUnavailable] * 3
