"""How much time, and which urgency, one question has."""

from __future__ import annotations

from msgspec import Struct


class Budget(Struct, frozen=True):
    """How long, and how urgently, a question may be asked.

    ``deadline`` is on the injected clock's monotonic scale; a retry that cannot end before it is
    not begun. Interactive calls go before job items where calls are paced.
    """

    deadline: float
    interactive: bool = True
