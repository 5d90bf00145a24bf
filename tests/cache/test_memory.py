"""The bounds of the memory tier, in entries and in bytes, whatever entries grow to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookstrack.cache.memory import Entry, Facts, MemoryTier
from bookstrack.model.enums import CacheSource


def entry(size: int) -> Entry:
    """Return an entry that weighs ``size`` bytes with everything around it."""
    body = b"x" * (size - 400)
    facts = Facts(provider="google-books")
    return Entry(body, facts, cached_at=1000, ttl=60, quality=0.5, origin=CacheSource.API)


def test_ages_and_what_is_left():
    made = entry(400)
    assert (made.age(1000), made.left(1000)) == (0, 60)
    assert (made.age(1059.9), made.left(1059.9)) == (59, 0)
    assert (made.age(2000), made.left(2000)) == (1000, 0)
    assert made.age(900) == 0


def test_no_more_entries_than_allowed():
    tier = MemoryTier(max_entries=3, max_bytes=10_000_000)
    for number in range(5):
        tier.put(str(number), entry(500))
    assert len(tier) == 3
    assert [number for number in range(5) if tier.get(str(number))] == [2, 3, 4]


def test_no_more_bytes_than_allowed():
    tier = MemoryTier(max_entries=1000, max_bytes=10_000)
    for number in range(30):
        tier.put(str(number), entry(1000))
    assert len(tier) == 10
    assert tier.bytes == 10_000


def test_what_was_read_stays_longest():
    tier = MemoryTier(max_entries=2, max_bytes=100_000)
    tier.put("a", entry(500))
    tier.put("b", entry(500))
    tier.get("a")
    tier.put("c", entry(500))
    assert (tier.get("a") is not None, tier.get("b")) == (True, None)


def test_bytes_are_those_held_not_the_share_of_an_entry():
    tier = MemoryTier(max_entries=10, max_bytes=1_000_000)
    tier.put("a", entry(500))
    assert tier.bytes == 500


def test_a_rendition_counts_and_drives_others_out():
    tier = MemoryTier(max_entries=100, max_bytes=10_000)
    entries = {str(number): entry(1000) for number in range(10)}
    for key, kept in entries.items():
        tier.put(key, kept)
    entries["9"].keep("works", b"y" * 4000)
    assert tier.bytes == 10_000
    assert len(tier) == 6
    assert tier.get("9") is entries["9"]
    assert tier.get("3") is None


def test_a_rendition_that_grows_is_weighed_again():
    tier = MemoryTier(max_entries=100, max_bytes=10_000)
    kept, view = entry(1000), bytearray(b"y" * 1000)
    tier.put("other", entry(5000))
    tier.put("a", kept)
    kept.keep("works", view)
    view.extend(b"y" * 4000)
    kept.keep("works", view)
    assert tier.get("other") is None
    assert tier.bytes == 6000


def test_an_entry_that_outgrows_the_tier_leaves_it():
    tier = MemoryTier(max_entries=100, max_bytes=10_000)
    kept = entry(1000)
    tier.put("a", kept)
    kept.keep("works", b"y" * 10_000)
    assert len(tier) == 0
    assert len(kept.renditions["works"]) == 10_000  # who holds it can still send it


def test_an_entry_that_was_replaced_grows_without_effect():
    tier = MemoryTier(max_entries=100, max_bytes=10_000)
    old, new = entry(1000), entry(1000)
    tier.put("a", old)
    tier.put("a", new)
    old.keep("works", b"y" * 5000)
    assert tier.get("a") is new
    assert tier.bytes == 1000


def test_an_answer_too_large_to_keep_drives_out_what_it_replaces():
    tier = MemoryTier(max_entries=100, max_bytes=10_000)
    tier.put("a", entry(1000))
    tier.put("a", entry(10_001))
    assert tier.get("a") is None
    tier.put("a", entry(10_000))
    assert tier.bytes == 10_000


def test_a_tier_of_no_size_keeps_nothing():
    for none in (
        MemoryTier(max_entries=0, max_bytes=1000),
        MemoryTier(max_entries=10, max_bytes=0),
    ):
        none.put("a", entry(400))
        assert len(none) == 0


@given(
    st.integers(1, 8),
    st.integers(500, 5000),
    st.lists(
        st.tuples(st.sampled_from("abcdefghij"), st.integers(400, 3000), st.integers(0, 3000))
    ),
)
def test_both_bounds_hold_whatever_happens(most, most_bytes, steps):
    tier = MemoryTier(max_entries=most, max_bytes=most_bytes)
    for key, size, growth in steps:
        kept = entry(size)
        tier.put(key, kept)
        kept.keep("works", b"y" * growth)
        assert len(tier) <= most
        assert tier.bytes <= most_bytes
