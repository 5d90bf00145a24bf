"""The text of job tokens, derived and never stored (jobs-and-progress [T1])."""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

_SEPARATOR = b"\x00"  # no job id holds one, so no two pairs of id and generation look alike


def mint(secret: bytes, job_id: str, generation: int) -> str:
    """Return the token of one generation: 122 bits of an HMAC in the shape of a UUID version 8."""
    told = job_id.encode() + _SEPARATOR + str(generation).encode()
    digest = bytearray(hmac.digest(secret, told, sha256)[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(UUID(bytes=bytes(digest)))


def matches(secret: bytes, job_id: str, generation: int, token: str) -> bool:
    """Compare a token with the valid one, in a time that tells nothing of how it differs.

    Upper case is accepted: some platforms write every UUID so.
    """
    expected = mint(secret, job_id, generation)
    return hmac.compare_digest(expected.encode(), token.lower().encode(errors="replace"))
