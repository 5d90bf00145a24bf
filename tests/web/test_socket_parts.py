"""The parts of the sockets that need no server: backlog, texts, upgrade requests, phases."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.errors import RateLimited
from bookstrack.model.event import Event
from bookstrack.model.job import JobStatus
from bookstrack.web.open_streams import OpenStreams
from bookstrack.web.socket_backlog import Backlog
from bookstrack.web.socket_inbound import Malformed, latency, understand
from bookstrack.web.socket_phase import Programs
from bookstrack.web.socket_upgrade import read_upgrade
from bookstrack.web.socket_wire import ascii_json, encoded

WORKING = JobStatus.PROCESSING


def event(seq: int, status: JobStatus = WORKING, **facts) -> Event:
    return Event(seq=seq, at=seq, status=status, progress=0.1, processed=1, total=9, **facts)


def drained(backlog: Backlog) -> list[int]:
    found = []
    while (taken := backlog.take()) is not None:
        found.append(taken.seq)
    return found


def test_a_backlog_keeps_the_order():
    backlog = Backlog()
    for seq in range(1, 501):
        backlog.add(event(seq))
    assert len(backlog) == 500
    assert drained(backlog) == list(range(1, 501))
    assert backlog.take() is None


def test_a_backlog_never_leaves_out_what_matters():
    backlog = Backlog()
    backlog.add(event(1, JobStatus.INITIALIZED))
    for seq in range(2, 2000):
        photos = {"photos": []} if seq % 100 == 0 else {}
        backlog.add(event(seq, stage=str(seq // 250), extra=photos))
    backlog.add(event(2000, JobStatus.COMPLETED))
    assert backlog.ended
    kept = drained(backlog)
    assert kept[0] == 1
    assert kept[-1] == 2000
    assert {seq for seq in range(100, 2000, 100)} <= set(kept)
    assert {seq for seq in range(250, 2000, 250)} <= set(kept)
    assert 500 <= len(kept) < 560


def test_a_backlog_of_things_that_matter_overflows():
    backlog = Backlog()
    for seq in range(1, 1001):
        backlog.add(event(seq, stage=str(seq)))
    assert not backlog.overflowing
    backlog.add(event(1001, stage="last"))
    assert backlog.overflowing


def test_only_the_last_event_can_be_taken_alone():
    backlog = Backlog()
    assert backlog.last() is None
    assert not backlog.ended
    backlog.add(event(1))
    assert not backlog.ended
    backlog.add(event(2, JobStatus.FAILED))
    last = backlog.last()
    assert last is not None
    assert last.seq == 2
    assert len(backlog) == 0


@given(st.text())
def test_texts_are_ascii_and_mean_the_same(text):
    value = {"text": text, "list": [text]}
    said = encoded(value)
    assert said.isascii()
    assert json.loads(said) == value


def test_astral_characters_become_pairs():
    assert ascii_json('"😀é"'.encode()) == '"\\ud83d\\ude00\\u00e9"'


def test_whole_numbers_keep_their_point():
    assert encoded({"progress": 1.0}) == '{"progress":1.0}'


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(data):
    try:
        said = understand(data)
    except Malformed:
        return
    assert isinstance(msgspec.json.decode(data)["type"], str)
    assert said.after is None or said.after >= 0


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"type":"sync","lastEventId":7}', 7),
        ('{"type":"sync","lastEventId":"7"}', 7),
        ('{"type":"sync","payload":{"lastEventId":7}}', 7),
        ('{"type":"sync","lastEventId":-7}', None),
        ('{"type":"sync","lastEventId":true}', None),
        ('{"type":"sync","lastEventId":7.5}', None),
        ('{"type":"sync","lastEventId":"x"}', None),
    ],
)
def test_numbers_of_events_are_read(text, after):
    assert understand(text).after == after


@pytest.mark.parametrize(
    ("sent", "expected"), [(900, 100), (1100, 0), (1e300, None), (-1e18, None), (None, None)]
)
def test_latency_is_told_where_clocks_agree(sent, expected):
    message = {"type": "ping"} if sent is None else {"type": "ping", "timestamp": sent}
    assert latency(understand(msgspec.json.encode(message)), 1000) == expected


def test_of_repeated_parameters_the_first_counts():
    asked = read_upgrade(b"jobId=a&jobId=b&reconnect=TRUE&lastEventId=3", (), "")
    assert asked.job_id == "a"
    assert asked.wish.reconnect
    assert asked.wish.after == 3


def test_an_empty_token_is_none():
    assert read_upgrade(b"", ("bookstrack-auth.",), "").token is None
    assert read_upgrade(b"", ("x", "bookstrack-auth.t"), "").token == "t"


def test_only_so_many_programs_have_a_name():
    programs = Programs()
    assert programs.name("BooksTracker/47 CFNetwork/1494") == "BooksTracker"
    assert programs.name("") == programs.name("(none)") == "unknown"
    names = {programs.name(f"program{number}/1") for number in range(100)}
    assert len(names) <= 50
    assert "other" in names
    assert programs.name("BooksTracker/48") == "BooksTracker"


async def test_places_are_counted_per_caller():
    streams = OpenStreams(1)
    with streams.enter("a"), streams.enter("b"):
        assert streams.total == 2
        with pytest.raises(RateLimited), streams.enter("a"):
            pytest.fail("a second place")
    assert streams.total == 0
    streams.close()
    assert streams.closing.is_set()
    assert streams.ending().done()
