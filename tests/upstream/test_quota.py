from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bookstrack.errors import QuotaExhausted, StorageUnavailable
from bookstrack.testing.clock import FrozenClock
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.upstream.quota import DailyQuota, day_of, next_midnight

PACIFIC = "America/Los_Angeles"
EVENING = 1_763_794_800.0  # 2025-11-22 07:00 UTC, 2025-11-21 23:00 in California


class LostLedger(MemoryLedger):
    """A ledger whose storage can fail."""

    lost = True

    async def spend(self, provider: str, *, day: str, limit: int) -> int | None:
        if self.lost:
            raise StorageUnavailable("no database")
        return await super().spend(provider, day=day, limit=limit)


def make(clock, *, limit=3, zone="UTC", ledger=None) -> DailyQuota:
    return DailyQuota(
        "google", limit=limit, zone=zone, ledger=ledger or MemoryLedger(), clock=clock
    )


async def refused(quota: DailyQuota) -> float | None:
    with pytest.raises(QuotaExhausted) as caught:
        await quota.spend()
    return caught.value.retry_after


def test_the_day_is_the_zones_own():
    assert day_of(EVENING, zone="UTC") == "2025-11-22"
    assert day_of(EVENING, zone=PACIFIC) == "2025-11-21"


@pytest.mark.parametrize(
    ("now", "zone", "hours"),
    [
        (EVENING, "UTC", 17.0),
        (EVENING, PACIFIC, 1.0),
        (1_741_507_200.0, PACIFIC, 23.0),  # 2025-03-09 00:00: the clocks go forward that night
        (1_762_066_800.0, PACIFIC, 25.0),  # 2025-11-02 00:00: and back
    ],
)
def test_next_midnight(now, zone, hours):
    assert (next_midnight(now, zone=zone) - now) / 3600 == hours


@given(st.integers(0, 4_000_000_000), st.sampled_from(["UTC", PACIFIC]))
def test_midnight_begins_another_day_and_nothing_before_it_does(now, zone):
    midnight = next_midnight(now, zone=zone)
    assert midnight > now
    assert day_of(midnight - 1, zone=zone) == day_of(now, zone=zone)
    assert day_of(midnight, zone=zone) > day_of(now, zone=zone)


@pytest.mark.parametrize(("zone", "rest"), [("UTC", 17 * 3600.0), (PACIFIC, 3600.0)])
async def test_used_up_until_the_zones_midnight(zone, rest):
    clock = FrozenClock(EVENING)
    quota = make(clock, zone=zone)
    for _ in range(3):
        await quota.spend()
    assert quota.used == 3
    assert await refused(quota) == rest
    await clock.advance(rest - 1)
    assert await refused(quota) == 1.0
    await clock.advance(1)
    assert quota.used == 0
    await quota.spend()
    assert quota.used == 1


async def test_calls_of_other_processes_count(clock):
    ledger = MemoryLedger()
    one, other = make(clock, ledger=ledger), make(clock, ledger=ledger)
    await one.spend()
    await other.spend()
    await one.spend()
    await refused(other)
    assert other.used == 3
    fresh = make(clock, ledger=ledger)
    assert fresh.used == 0
    await fresh.recall()
    assert fresh.used == 3


async def test_limit_0_counts_nothing(clock):
    ledger = MemoryLedger()
    quota = make(clock, limit=0, ledger=ledger)
    for _ in range(5):
        await quota.spend()
    assert quota.used == 0
    assert await ledger.spent("google", day=day_of(clock.time(), zone="UTC")) == 0


async def test_lost_storage_is_counted_on_from_the_last_number(clock):
    ledger = LostLedger()
    ledger.lost = False
    quota = make(clock, ledger=ledger)
    await quota.spend()
    ledger.lost = True
    with capture_logs() as logs:
        await quota.spend()
        await quota.spend()
        await refused(quota)
    assert quota.used == 3
    assert [entry["event"] for entry in logs] == ["quota_counted_locally"]


async def test_a_lost_ledger_is_tried_again(clock):
    ledger = LostLedger()
    quota = make(clock, ledger=ledger)
    await quota.spend()
    ledger.lost = False
    await quota.spend()
    assert await ledger.spent("google", day=day_of(clock.time(), zone="UTC")) == 1


@pytest.mark.parametrize("limit", [0, 3])
async def test_pause_until_midnight_or_as_long_as_told(limit):
    clock = FrozenClock(EVENING)
    quota = make(clock, limit=limit, zone=PACIFIC)
    assert quota.pause(90.0) == 90.0
    assert await refused(quota) == 90.0
    assert quota.pause(None) == 3600.0
    assert quota.wait == 3600.0
    with pytest.raises(QuotaExhausted):
        quota.check()
    await clock.advance(3600)
    quota.check()
    await quota.spend()
