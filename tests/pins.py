"""Prompts and the versions that answers to them are kept under."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


def words_hash(*parts: Any) -> str:
    """Return a hash of prompts and schemas, to which a test pins their version."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
