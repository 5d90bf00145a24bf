"""The fixtures of ``tests/served.py``."""

from __future__ import annotations

from served import api, start, upstream

__all__ = ["api", "start", "upstream"]
