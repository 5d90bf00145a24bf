"""Events that wait for one socket: bounded by leaving out progress nobody misses [W13]."""

from __future__ import annotations

from collections import deque

from bookstrack.model.event import Event
from bookstrack.model.job import JobStatus

_CALM = 500
_MOST = 1000


class Backlog:
    """A queue of events in order.

    Above 500, the oldest part loses its plain progress; events of a new stage, of a photo, the
    first and the last always stay. Whoever lets more than 1000 of those gather is too slow.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def overflowing(self) -> bool:
        """Tell whether too much waits, although everything was left out that could be."""
        return len(self._events) > _MOST

    @property
    def ended(self) -> bool:
        """Tell whether the last event is one that nothing follows."""
        return bool(self._events) and self._events[-1].terminal

    def add(self, event: Event) -> None:
        """Append an event."""
        self._events.append(event)
        if len(self._events) > _CALM:
            self._leave_one_out()

    def take(self) -> Event | None:
        """Remove and return the oldest event."""
        return self._events.popleft() if self._events else None

    def last(self) -> Event | None:
        """Remove everything and return the newest event."""
        event = self._events[-1] if self._events else None
        self._events.clear()
        return event

    def clear(self) -> None:
        """Forget everything."""
        self._events.clear()

    def _leave_one_out(self) -> None:
        oldest = len(self._events) - _CALM
        before: Event | None = None
        for index, event in enumerate(self._events):
            if index >= oldest:
                return
            if before is not None and _plain(event, before):
                del self._events[index]
                return
            before = event


def _plain(event: Event, before: Event) -> bool:
    """Tell whether an event says nothing but how far the job is."""
    return (
        event.status is JobStatus.PROCESSING
        and event.stage == before.stage
        and "photos" not in event.extra
        and before.status is JobStatus.PROCESSING
    )
