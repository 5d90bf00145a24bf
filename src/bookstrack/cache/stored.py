"""How an answer is written into the shared and cold tiers (data-model §3.3)."""

from __future__ import annotations

import gzip
import zlib
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from bookstrack.cache.memory import Entry, Facts
from bookstrack.model.enums import CacheSource

_LARGE = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_FAR_MS = 1e15
_VERSION = 1
"""Raise it when the payloads change shape: what an older version wrote is a miss then."""


class _Stored(Struct, kw_only=True):
    data: Raw
    cachedAt: Annotated[float, Meta(ge=0, le=_FAR_MS)]
    ttl: Annotated[float, Meta(ge=0, le=_FAR_MS)] = 0
    v: int = _VERSION
    quality: float = 0.0
    facts: Facts = Facts(provider="kv_cache")


_decoder = msgspec.json.Decoder(_Stored)
_encoder = msgspec.json.Encoder()


def encode_entry(entry: Entry) -> bytes:
    """Return the stored form: an object of data, cachedAt (ms), ttl (s), v, quality and facts."""
    value = _encoder.encode(
        _Stored(
            data=Raw(entry.body),
            cachedAt=int(entry.cached_at * 1000),
            ttl=entry.ttl,
            quality=round(entry.quality, 3),
            facts=entry.facts,
        )
    )
    return gzip.compress(value, compresslevel=5, mtime=0) if len(value) > _LARGE else value


def decode_entry(value: bytes, *, origin: CacheSource) -> Entry | None:
    """Read a stored form; ``None`` where it is not one of ours (such an entry is a miss)."""
    try:
        if value.startswith(_GZIP_MAGIC):
            value = gzip.decompress(value)
        stored = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError, EOFError, zlib.error):
        return None
    if stored.v != _VERSION:
        return None
    return Entry(
        bytes(stored.data),
        stored.facts,
        cached_at=stored.cachedAt / 1000,
        ttl=int(stored.ttl),
        quality=stored.quality,
        origin=origin,
    )
