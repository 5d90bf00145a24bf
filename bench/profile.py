"""What `locust` runs: the users of the founding plan's load test and how many there are when."""

from __future__ import annotations

import itertools
import random

from locust import FastHttpUser, LoadTestShape, constant_pacing, task

from bookstrack.testing.generated import generated_isbn

_POPULAR = 200
_STAGES = ((30.0, 50), (90.0, 100), (120.0, 0))
_TITLES = (
    "The Lantern of North Coast",
    "The Orchard of Old Canal",
    "The Compass of Seventh Hill",
    "The Garden of Winter Quay",
    "The Fellowship of the Ring",
)


def users_at(seconds: float) -> int | None:
    """Return how many users there are so long after the start, ``None`` after the end.

    30 s up to 50, one minute to 100, 30 s down; straight lines between.
    """
    before, at_begin = 0.0, 0
    for until, at_end in _STAGES:
        if seconds < until:
            share = (seconds - before) / (until - before)
            return max(1, round(at_begin + (at_end - at_begin) * share))
        before, at_begin = until, at_end
    return None


class Plan(LoadTestShape):
    """Tells locust the number of users, second by second."""

    def tick(self) -> tuple[int, float] | None:
        """Return users and users started per second."""
        users = users_at(self.get_run_time())
        return None if users is None else (users, 10.0)


class Reader(FastHttpUser):
    """Asks once a second: mostly for books that others ask for too, now and then for a new one."""

    wait_time = constant_pacing(1)
    _unseen = itertools.count(_POPULAR)
    _rng = random.Random(7)

    @task(6)
    def known_isbn(self) -> None:
        """Search an ISBN that many ask for."""
        isbn = generated_isbn(self._rng.randrange(_POPULAR))
        self.client.get(f"/v1/search/isbn?isbn={isbn}", name="isbn, known")

    @task(1)
    def new_isbn(self) -> None:
        """Search an ISBN that nobody has asked for."""
        isbn = generated_isbn(next(self._unseen))
        self.client.get(f"/v1/search/isbn?isbn={isbn}", name="isbn, new")

    @task(2)
    def title(self) -> None:
        """Search a title."""
        words = self._rng.choice(_TITLES)
        self.client.get(f"/v1/search/title?q={words}", name="title")

    @task(1)
    def enrich(self) -> None:
        """Enrich a scanned barcode."""
        isbn = generated_isbn(self._rng.randrange(_POPULAR))
        self.client.post("/api/v2/books/enrich", json={"barcode": isbn}, name="enrich")
