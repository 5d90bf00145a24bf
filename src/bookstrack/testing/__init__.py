"""Test doubles for BooksTrack: a clock that stands still, and a real server that plays the
four providers. Import ``FakeUpstream`` and the builders from their own modules.
"""

from __future__ import annotations

from bookstrack.testing.clock import FrozenClock

__all__ = ["FrozenClock"]
