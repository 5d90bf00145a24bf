"""How often events and snapshots are written, as rules."""

from __future__ import annotations

import pytest

from bookstrack.errors import ConfigurationProblem
from bookstrack.jobs.pacing import Pacer, PersistRule, persist_rules
from bookstrack.model.job import PipelineName
from bookstrack.settings import JobSettings


def test_the_defaults_are_those_of_the_throttle_table():
    expected = {
        PipelineName.BATCH_ENRICHMENT: PersistRule(5, 10),
        PipelineName.CSV_IMPORT: PersistRule(20, 30),
        PipelineName.AI_SCAN: PersistRule(1, 60),
        PipelineName.IMPORT_WORKFLOW: PersistRule(1, 60),
    }
    assert persist_rules(JobSettings().persist_every) == expected
    assert persist_rules(()) == expected


def test_one_pipeline_can_be_changed_alone():
    rules = persist_rules(("ai_scan=3/0.5",))
    assert rules[PipelineName.AI_SCAN] == PersistRule(3, 0.5)
    assert rules[PipelineName.CSV_IMPORT] == PersistRule(20, 30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ai_scan",
        "ai_scan=1",
        "ai_scan=/60",
        "ai_scan=x/1",
        "other=1/60",
        "ai_scan=0/60",
        "ai_scan=1/0",
        "ai_scan=1/nan",
    ],
)
def test_what_cannot_be_read_is_a_mistake_of_configuration(text):
    with pytest.raises(ConfigurationProblem, match="PERSIST_EVERY"):
        persist_rules((text,))


@pytest.mark.parametrize(
    ("updates", "passed_s", "due"),
    [(1, 0, False), (4, 9.9, False), (5, 0, True), (1, 10, True), (7, 0, True)],
)
def test_a_snapshot_is_due_by_number_or_by_time(updates, passed_s, due):
    assert PersistRule(5, 10).due(updates=updates, passed_s=passed_s) is due


def test_events_are_a_tenth_of_a_second_apart():
    pacer = Pacer()
    assert pacer.wait(1000.0) == 0
    pacer.logged(1000.0)
    assert pacer.wait(1000.03) == pytest.approx(0.07)
    assert pacer.wait(1000.1) == 0
