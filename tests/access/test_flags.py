"""Feature flags: stable buckets, the order of the rules, and changes that reach everybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.access.flags import REMEMBER_S, Flags, default_flags
from bookstrack.errors import InvalidRequest, StorageUnavailable
from bookstrack.model.flag import BUCKETS, Flag, bucket
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.flags import FlagStore
from bookstrack.storage.kv.memory import MemoryKeyValue

USERS = [f"user-{number}" for number in range(10_000)]
NAME = "useHTTPEnrichment"


class Cut(FlagStore):
    """A store that counts its readings and can be cut off."""

    readings = 0
    reachable = True

    async def read(self):
        type(self).readings += 1
        if not self.reachable:
            raise StorageUnavailable("the database is away")
        return await super().read()


@pytest.fixture
async def store(database_url, metrics):
    Cut.readings = 0
    async with open_database(database_url, metrics=metrics) as opened:
        yield Cut(opened)


@pytest.fixture
def flags(store, clock):
    return Flags(store, clock, defaults=default_flags())


# --- buckets ------------------------------------------------------------------------------------


def test_the_bucket_is_the_one_the_rule_gives():
    # Fixed numbers: they must never change, or users would change groups.
    assert bucket("bookstrack:sse-rollout:v1", "reader-1") == 7930
    assert bucket("useHTTPEnrichment", "reader-1") == 1894


@given(user=st.text(min_size=1, max_size=128), rollout=st.integers(0, 100))
def test_a_user_gets_the_same_answer_a_thousand_times(user, rollout):
    answers = {Flag(name="a", rollout=rollout).on(user) for _ in range(1000)}
    assert len(answers) == 1
    assert 0 <= Flag(name="a").bucket(user) < BUCKETS


@given(user=st.text(min_size=1, max_size=128))
def test_raising_the_percentage_only_adds_users(user):
    on = [Flag(name="a", rollout=percent).on(user) for percent in (0, 5, 25, 50, 100)]
    assert on == sorted(on)
    assert (on[0], on[-1]) == (False, True)


@pytest.mark.parametrize("salt", ["", "bookstrack:sse-rollout:v1", "another"])
@pytest.mark.parametrize("percent", [5, 25, 50, 100])
def test_ten_thousand_users_are_split_as_asked(salt, percent):
    flag = Flag(name="feature", rollout=percent, salt=salt)
    share = 100 * sum(map(flag.on, USERS)) / len(USERS)
    assert abs(share - percent) <= 1.5


def test_flags_of_different_salts_are_independent():
    one, other = (Flag(name=name, rollout=50) for name in ("one", "other"))
    both = sum(one.on(user) and other.on(user) for user in USERS)
    assert abs(100 * both / len(USERS) - 25) <= 1.5
    same = Flag(name="third", rollout=50, salt="one")
    assert [one.on(user) for user in USERS] == [same.on(user) for user in USERS]


# --- the order of the rules ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "on"),
    [
        (Flag(name="f", deny=("u",), allow=("u",)), False),
        (Flag(name="f", deny=("u",)), False),
        (Flag(name="f", allow=("u",), enabled=False), True),
        (Flag(name="f", allow=("u",), rollout=0), True),
        (Flag(name="f", enabled=False, rollout=100), False),
        (Flag(name="f", rollout=100), True),
        (Flag(name="f", rollout=0), False),
    ],
)
def test_the_first_rule_that_fits_decides(flag, on):
    assert flag.on("u") is on


def test_without_a_user_a_part_is_nobody_unless_a_book_decides():
    half = Flag(name="f", rollout=50)
    assert not half.on()
    assert Flag(name="f").on()
    assert not Flag(name="f", enabled=False).on()
    isbns = [f"9789900000{number:03d}" for number in range(1000)]
    assert 400 < sum(half.on(isbn=isbn) for isbn in isbns) < 600
    assert half.on("reader", isbn=isbns[0]) == half.on("reader")


# --- where they are kept ------------------------------------------------------------------------


async def test_what_nobody_has_set_is_as_configured(flags):
    assert await flags.enabled("enable_d1_reads", "u")
    assert not await flags.enabled("semantic_search", "u")
    assert not await flags.enabled("no_such_flag", "u")
    with_backends = default_flags(semantic_search=True, ai=True)
    assert with_backends["semantic_search"].on("u")
    assert with_backends["ai_csv_parser"].on("u")


async def test_a_whole_flag_comes_back_as_it_was_written(flags, clock, store):
    flag = Flag(
        name="new",
        enabled=False,
        rollout=25,
        allow=("a", "b"),
        deny=("c",),
        salt="pepper",
        updated_by="ada",
        reason="too many complaints",
    )
    written = await flags.put(flag)
    assert written.updated_at == clock.time()
    assert await store.read() == {"new": written}
    assert await flags.flag("new") == written
    assert (await flags.every())["new"] == written


async def test_a_change_is_seen_at_once_here_and_within_ten_seconds_elsewhere(flags, store, clock):
    elsewhere = Flags(store, clock, defaults=default_flags())
    assert await elsewhere.enabled(NAME, "u")
    await flags.change(NAME, enabled=False, by="ada", reason="errors")
    assert not await flags.enabled(NAME, "u")
    assert await elsewhere.enabled(NAME, "u"), "remembered"
    await clock.advance(REMEMBER_S)
    assert not await elsewhere.enabled(NAME, "u")
    await elsewhere.remove(NAME)
    assert await elsewhere.enabled(NAME, "u")


async def test_the_bus_makes_it_immediate(store, clock):
    bus = MemoryBus()
    here, there = (Flags(store, clock, defaults=default_flags(), bus=bus) for _ in range(2))
    assert await there.enabled(NAME, "u")
    await here.change(NAME, rollout=0)
    assert not await there.enabled(NAME, "u")
    there.close()
    await here.change(NAME, rollout=100)
    assert not await there.enabled(NAME, "u"), "it listens no longer"


async def test_a_rollout_keeps_everything_else(flags):
    await flags.put(Flag(name=NAME, allow=("a",), salt="s"))
    changed = await flags.change(NAME, rollout=5)
    assert (changed.allow, changed.salt, changed.rollout, changed.enabled) == (("a",), "s", 5, True)
    assert (await flags.change("unheard_of", rollout=10)).enabled


@pytest.mark.parametrize("percent", [-1, 101])
async def test_no_more_than_everybody_and_no_fewer_than_nobody(flags, percent):
    with pytest.raises(InvalidRequest):
        await flags.change(NAME, rollout=percent)


async def test_it_is_read_once_in_five_seconds(flags, clock, store):
    for _ in range(50):
        await flags.enabled(NAME, "u")
    assert store.readings == 1
    await clock.advance(REMEMBER_S)
    await flags.enabled(NAME, "u")
    assert store.readings == 2


async def test_while_the_database_is_away_what_was_known_holds(flags, clock, store):
    await flags.change(NAME, enabled=False)
    assert not await flags.enabled(NAME, "u")
    store.reachable = False
    await clock.advance(REMEMBER_S)
    for _ in range(10):
        assert not await flags.enabled(NAME, "u")
    assert store.readings <= 4, "it is not asked again at every look"
    fresh = Flags(store, clock, defaults=default_flags())
    assert await fresh.enabled(NAME, "u"), "never read: as configured"


async def test_it_is_mirrored_under_the_old_key(store, clock):
    mirror = MemoryKeyValue(clock)
    flags = Flags(store, clock, defaults=default_flags(), mirror=mirror)
    await flags.change("enable_d1_reads", enabled=False)
    assert await mirror.get("feature:enable_d1_reads") == b"false"
    await flags.change("enable_d1_reads", enabled=True)
    assert await mirror.get("feature:enable_d1_reads") == b"true"
    await flags.change("enable_d1_reads", rollout=0)
    assert await mirror.get("feature:enable_d1_reads") == b"false"
    await flags.remove("enable_d1_reads")
    assert await mirror.get("feature:enable_d1_reads") == b"true"
