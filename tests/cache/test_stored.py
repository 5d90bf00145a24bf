"""The form of an entry in the shared and cold tiers (data-model §3.3)."""

from __future__ import annotations

import gzip

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.cache.memory import Entry, Facts
from bookstrack.cache.stored import decode_entry, encode_entry
from bookstrack.model.answer import Caution
from bookstrack.model.enums import CacheSource

FACTS = Facts(
    provider="orchestrated:google+isbndb",
    image_quality="high",
    completeness=100,
    asked=("google", "isbndb"),
    cautions=(Caution(code="PROVIDER_TIMEOUT", provider="wikidata"),),
)


def entry(body: bytes, facts: Facts = FACTS) -> Entry:
    return Entry(
        body, facts, cached_at=1_760_000_000.25, ttl=900, quality=0.75, origin=CacheSource.API
    )


def read(value: bytes) -> Entry | None:
    return decode_entry(value, origin=CacheSource.KV)


@pytest.mark.parametrize("size", [10, 65_000, 70_000, 500_000])
def test_everything_comes_back(size):
    body = msgspec.json.encode({"title": "é本" * (size // 5)})
    found = read(encode_entry(entry(body)))
    assert (found.body, found.facts) == (body, FACTS)
    assert (found.cached_at, found.ttl, found.quality) == (1_760_000_000.25, 900, 0.75)
    assert found.origin is CacheSource.KV


def test_a_remembered_miss_comes_back_as_one():
    assert not read(encode_entry(entry(b"{}", Facts(found=False)))).facts.found


def test_the_form_is_that_of_the_original():
    stored = msgspec.json.decode(encode_entry(entry(b'{"works":[]}')))
    assert stored["data"] == {"works": []}
    assert (stored["cachedAt"], stored["ttl"]) == (1_760_000_000_250, 900)
    assert (stored["v"], stored["quality"]) == (1, 0.75)


def test_only_what_is_larger_than_64_kib_is_compressed():
    empty = len(encode_entry(entry(b'""')))
    largest = b'"' + b"x" * (64 * 1024 - empty) + b'"'
    exact = encode_entry(entry(largest))
    assert (len(exact), exact[:1]) == (64 * 1024, b"{")
    over = encode_entry(entry(largest[:-1] + b'x"'))
    assert over[:2] == b"\x1f\x8b"
    assert len(gzip.decompress(over)) == 64 * 1024 + 1


def test_an_original_entry_without_our_facts_can_be_read():
    found = read(b'{"data":{"works":[]},"cachedAt":1760000000000,"ttl":3600.5,"metadata":{}}')
    assert (found.body, found.ttl, found.quality) == (b'{"works":[]}', 3600, 0.0)
    assert found.facts == Facts(provider="kv_cache")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"data":{}}',
        b'{"cachedAt":1}',
        b'{"data":{},"cachedAt":"yesterday"}',
        b'{"data":{},"cachedAt":1,"facts":7}',
        b'{"data":{},"cachedAt":1e300}',
        b'{"data":{},"cachedAt":1,"ttl":1e300}',
        b'{"data":{},"cachedAt":-1}',
        b'{"data":{"a":"\xff"},"cachedAt":1}'[:-1],
        b"\x1f\x8b",
        b"\x1f\x8bnot gzip at all",
        gzip.compress(b'{"data":{},"cachedAt":1}', mtime=0)[:-6],
        gzip.compress(b"nonsense", mtime=0),
    ],
)
def test_damage_is_a_miss(value):
    assert read(value) is None


@given(st.binary(max_size=200), st.integers(0, 100))
def test_no_bytes_are_an_error(noise, cut):
    assert read(noise) is None or noise.lstrip().startswith(b"{")
    whole = encode_entry(entry(b'{"a":' + b"1" * 70_000 + b"}"))
    assert read(whole[: -1 - cut]) is None
