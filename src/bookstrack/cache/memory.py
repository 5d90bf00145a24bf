"""The memory tier: encoded answers of this process, bounded in entries and bytes."""

from __future__ import annotations

from collections.abc import Sized

from cachebox import LRUCache
from msgspec import Struct

from bookstrack.model.answer import Caution
from bookstrack.model.enums import CacheSource

_OVERHEAD = 400  # objects, times, facts and key of one entry


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What headers and metadata say of an answer, kept beside its bytes.

    ``provider`` is the wire name (``google-books``, ``orchestrated:google+isbndb``, ``none``).
    ``cautions`` say which sources the answer lacks, also when it comes from a cache.
    """

    provider: str = "none"
    image_quality: str = "missing"
    completeness: int = 0
    found: bool = True
    asked: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()


class Entry:
    """One encoded answer. Times are epoch seconds; ``ttl`` seconds.

    ``body`` is the JSON of the canonical payload. ``renditions`` are other encodings of the same
    payload, made by the transports and thrown away with the entry; ``keep`` adds one.
    """

    __slots__ = (
        "body",
        "cached_at",
        "facts",
        "fresh_until",
        "held",
        "origin",
        "quality",
        "renditions",
        "stale_until",
        "ttl",
    )

    def __init__(
        self,
        body: bytes,
        facts: Facts,
        *,
        cached_at: float,
        ttl: int,
        quality: float,
        origin: CacheSource,
    ) -> None:
        self.body = body
        self.facts = facts
        self.cached_at = cached_at
        self.ttl = ttl
        self.quality = quality
        self.origin = origin
        self.fresh_until = cached_at
        self.stale_until = cached_at
        self.renditions: dict[str, Sized] = {}
        self.held: tuple[MemoryTier, str] | None = None

    def age(self, now: float) -> int:
        """Return whole seconds since the answer was made."""
        return max(0, int(now - self.cached_at))

    def left(self, now: float) -> int:
        """Return whole seconds until the answer expires."""
        return max(0, int(self.cached_at + self.ttl - now))

    def size(self) -> int:
        """Return bytes held."""
        return len(self.body) + sum(map(len, self.renditions.values())) + _OVERHEAD

    def keep(self, name: str, rendition: Sized) -> None:
        """Keep another encoding, or one that has grown; the tier that holds the entry weighs it."""
        self.renditions[name] = rendition
        if self.held is not None:
            tier, key = self.held
            tier.grown(key, self)


class MemoryTier:
    """Least recently used entries, weighed by their bytes.

    An entry never weighs less than its share of the byte limit, so that one bound keeps both
    limits.
    """

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._floor = max_bytes // max(1, max_entries)
        # Nothing fits into 1; cachebox would take 0 for "no limit".
        self._cache: LRUCache[str, Entry] = LRUCache(
            max(1, self._floor * max_entries), getsizeof=self._weigh
        )

    def _weigh(self, _key: str, entry: Entry) -> int:
        return max(self._floor, entry.size())

    def get(self, key: str) -> Entry | None:
        """Return the entry of a key, fresh or not."""
        return self._cache.get(key)

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry in place of an earlier one, but none larger than the whole tier."""
        if self._weigh(key, entry) > self._cache.maxsize:
            self._cache.pop(key, None)
            return
        entry.held = (self, key)
        self._cache[key] = entry

    def grown(self, key: str, entry: Entry) -> None:
        """Weigh an entry anew after a rendition was added, where it is still kept."""
        if self._cache.get(key) is entry:
            self._cache.pop(key, None)
            self.put(key, entry)

    def __len__(self) -> int:
        return len(self._cache)

    @property
    def bytes(self) -> int:
        """Return the bytes of everything held; looks at every entry."""
        return sum(entry.size() for entry in self._cache.values())
