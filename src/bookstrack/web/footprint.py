"""Keeps the resident memory of a server small."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # of glibc's malloc.h


def use_one_arena() -> None:
    """Let all threads share one arena (glibc): ours wait far more than they allocate.

    Each would get its own otherwise, and keep what it once needed: 6 MB of an idle server.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
