"""The fixtures of ``tests/served.py``."""

from __future__ import annotations

from served import Answer, Api, Start, api, start, upstream

__all__ = ["Answer", "Api", "Start", "api", "start", "upstream"]
