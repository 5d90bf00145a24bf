"""gzip for answers whose largest part was compressed before.

A body is a prefix that stays the same and a short suffix that does not (timestamps, request id).
The prefix is deflated once, up to a byte boundary; per request only the suffix is deflated and the
checksum carried on. The result is one ordinary gzip member (RFC 1952).
"""

from __future__ import annotations

import zlib

from msgspec import Struct

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
WORTH_IT = 1024


class Packed(Struct, frozen=True):
    """The deflated prefix, its CRC-32 and its plain length."""

    deflated: bytes
    crc: int
    length: int

    def __len__(self) -> int:
        return len(self.deflated)


def pack(prefix: bytes, *, level: int = 6) -> Packed:
    """Deflate the part that stays the same."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    deflated = deflate.compress(prefix) + deflate.flush(zlib.Z_FULL_FLUSH)
    return Packed(deflated, zlib.crc32(prefix), len(prefix))


def finish(packed: Packed, suffix: bytes) -> bytes:
    """Return the whole gzip body of prefix and suffix."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    tail = deflate.compress(suffix) + deflate.flush()
    crc = zlib.crc32(suffix, packed.crc)
    length = (packed.length + len(suffix)) & 0xFFFFFFFF
    return b"".join(
        (_HEADER, packed.deflated, tail, crc.to_bytes(4, "little"), length.to_bytes(4, "little"))
    )


def accepts_gzip(header: bytes) -> bool:
    """Tell whether an ``Accept-Encoding`` header allows gzip."""
    if header in (b"", b"identity"):
        return False
    if header == b"gzip, deflate":
        return True
    allowed: dict[bytes, bool] = {}
    for part in header.lower().split(b","):
        name, _, weight = part.partition(b";")
        refused = weight.replace(b" ", b"") in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
        allowed[name.strip()] = not refused
    return allowed.get(b"gzip", allowed.get(b"*", False))
