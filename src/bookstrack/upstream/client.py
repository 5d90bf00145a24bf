"""Calls to outside providers: one session, and the layers around each call.

From outside in: single-flight, a refused key, breaker, retries; then for every attempt the daily
quota, the pace, the calls in flight and the exchange itself. Breaker and retry loop are our own
rather than purgatory and stamina, because the clock is injected, half-open needs two successes of
single probes, and waits have to fit the caller's budget.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from random import Random
from typing import Any, Literal, TypeVar

import aiohttp
from msgspec import Struct, field
from yarl import URL

from bookstrack.background import Tasks
from bookstrack.clock import Clock
from bookstrack.errors import ProviderBusy, ProviderProblem, ProviderTimeout
from bookstrack.flights import Flights, Grounded
from bookstrack.model.record import ProviderId
from bookstrack.settings import Secret
from bookstrack.telemetry.metrics import Metrics
from bookstrack.upstream.breaker import BreakerRules, Passage
from bookstrack.upstream.budget import Budget
from bookstrack.upstream.lanes import Lanes
from bookstrack.upstream.pacing import Pacer, Slots
from bookstrack.upstream.quota import Ledger
from bookstrack.upstream.reply import Explain, Question, Reply, Verdict, failure, judge
from bookstrack.upstream.retry import pause_after
from bookstrack.upstream.standing import ChannelState, Standing
from bookstrack.upstream.wire import Request, exchange, open_session

__all__ = [
    "Budget",
    "Channel",
    "ChannelOptions",
    "ChannelState",
    "Explain",
    "Reply",
    "Upstream",
    "open_upstream",
]

T = TypeVar("T")

_RULES = BreakerRules()


class ChannelOptions(Struct, frozen=True, kw_only=True):
    """How one provider is asked.

    ``base_url`` is scheme, host and optional prefix. ``rps``, ``daily_limit`` 0 mean unpaced and
    uncounted, ``in_flight`` None unbounded. The secrets join a request just before it is sent.
    """

    name: ProviderId
    base_url: str
    timeout_s: float = 5.0
    connect_timeout_s: float = 3.0
    attempts: int = 3
    rps: float = 0.0
    burst: int = 1
    in_flight: int | None = None
    daily_limit: int = 0
    quota_zone: Literal["UTC", "America/Los_Angeles"] = "UTC"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    secret_params: dict[str, Secret] = field(default_factory=dict[str, Secret])
    secret_headers: dict[str, Secret] = field(default_factory=dict[str, Secret])


class Surroundings(Struct, frozen=True, kw_only=True):
    """What all channels of one Upstream share."""

    session: aiohttp.ClientSession
    clock: Clock
    rng: Random
    metrics: Metrics
    ledger: Ledger
    slots: Slots
    rules: BreakerRules
    processes: int
    calls: Tasks
    saves: Tasks


class Channel:
    """The way to one provider; made by ``Upstream.channel``."""

    def __init__(self, options: ChannelOptions, around: Surroundings) -> None:
        name = self.name = options.name
        self._options = options
        self._around = around
        self._clock = around.clock
        self._flights: Flights[Any] = Flights(around.calls)
        self._standing = Standing(
            name,
            rules=around.rules,
            daily_limit=options.daily_limit,
            quota_zone=options.quota_zone,
            clock=around.clock,
            metrics=around.metrics,
            ledger=around.ledger,
            saves=around.saves,
        )
        self._pacer = Pacer(
            name,
            rate=options.rps,
            burst=options.burst,
            slots=around.slots,
            clock=around.clock,
            tasks=around.calls,
            processes=around.processes,
        )
        self._lanes = Lanes(name, places=options.in_flight, clock=around.clock)

    def state(self) -> ChannelState:
        """Return how the provider stands now."""
        return self._standing.state()

    async def get_json(
        self,
        path: str,
        into: type[T],
        *,
        within: Budget,
        params: Mapping[str, str] | None = None,
        explain: Explain | None = None,
        sound: Callable[[T], bool] | None = None,
    ) -> T | None:
        """GET a path below the base URL, percent-encoded by the caller, and read it as a type.

        An answer that is not ``sound`` counts as unreadable. Returns None for 404. Equal
        questions asked at the same time share one call.

        Raises:
            ProviderProblem: the provider could not be used; which one when: providers §1.1.
        """
        asked = params or {}
        question = Question(path=path, params=asked, into=into, explain=explain, sound=sound)
        return await self._shared((path, tuple(sorted(asked.items())), into), question, within)

    async def post_json(
        self,
        path: str,
        body: bytes,
        into: type[T],
        *,
        within: Budget,
        limit_s: float | None = None,
        explain: Explain | None = None,
        sound: Callable[[T], bool] | None = None,
    ) -> T | None:
        """POST encoded JSON that changes nothing there, and read the answer as a type.

        ``limit_s`` bounds one attempt. All else is as in ``get_json``, repeats and sharing too.

        Raises:
            ProviderProblem: the provider could not be used; which one when: providers §1.1.
        """
        question = Question(
            path=path,
            params={},
            into=into,
            explain=explain,
            sound=sound,
            body=body,
            limit_s=limit_s,
        )
        return await self._shared((path, sha256(body).digest(), into), question, within)

    async def _shared(self, key: Hashable, question: Question[T], within: Budget) -> T | None:
        try:
            found, _ = await self._flights.join(
                key,
                lambda: self._ask(question, within),
                keep=False,
                now=self._clock.monotonic(),
                deadline=within.deadline,
            )
        except (TimeoutError, Grounded):
            raise ProviderTimeout(
                self.name, f"{self.name}: {question.path} took longer than there was time"
            ) from None
        return found

    async def recall(self) -> None:
        """Take up what earlier processes remembered; otherwise the first call does it."""
        await self._standing.recall()

    async def _ask(self, question: Question[T], within: Budget) -> T | None:
        await self._standing.recall()
        with self._standing.admit() as passage:
            return await self._persist(question, within, passage)

    async def _persist(self, question: Question[T], within: Budget, passage: Passage) -> T | None:
        """Attempt the call until it is answered or another attempt is of no use."""
        attempt, earlier = 1, None
        while True:
            try:
                verdict = await self._attempt(question, within, passage)
            except ProviderProblem as refusal:
                self._standing.count(refusal)
                # A retry that we ourselves do not allow leaves the provider's answer standing.
                raise (earlier or refusal) from None
            self._standing.note(verdict, passage)
            if verdict.problem is None:
                return verdict.value
            pause = self._pause(verdict, attempt, within) if passage.valid else None
            if pause is None:
                raise verdict.problem
            await self._clock.sleep(pause)
            attempt, earlier = attempt + 1, verdict.problem

    def _pause(self, verdict: Verdict[T], attempt: int, within: Budget) -> float | None:
        if not verdict.again or attempt >= self._options.attempts:
            return None
        pause = pause_after(attempt, told=verdict.told, rng=self._around.rng)
        fits = pause is not None and self._clock.monotonic() + pause < within.deadline
        return pause if fits else None

    async def _attempt(self, question: Question[T], within: Budget, passage: Passage) -> Verdict[T]:
        """Ask once. Raises what our own layers refuse; the verdict holds the provider's part."""
        self._time_for(within)
        self._standing.check()
        await self._pacer.turn(within)
        async with self._lanes.place(within):
            passage.check()
            limit = self._time_for(within)
            await self._standing.spend()
            verdict = await self._send(question, limit)
        if isinstance(verdict.problem, ProviderBusy) and verdict.told is not None:
            self._pacer.hold(verdict.told)
        return verdict

    def _time_for(self, within: Budget) -> float:
        rest = within.deadline - self._clock.monotonic()
        if rest <= 0:
            raise ProviderTimeout(self.name, f"{self.name}: there is no time left to ask")
        return min(self._options.timeout_s, rest)

    async def _send(self, question: Question[T], limit: float) -> Verdict[T]:
        options = self._options
        secrets = {name: text.reveal() for name, text in options.secret_params.items()}
        request = Request(
            provider=self.name,
            path=question.path,
            url=self._url(question.path).update_query({**question.params, **secrets}),
            headers=options.headers
            | ({} if question.body is None else {"Content-Type": "application/json"})
            | {name: text.reveal() for name, text in options.secret_headers.items()},
            connect_s=options.connect_timeout_s,
            limit_s=limit if question.limit_s is None else min(limit, question.limit_s),
            body=question.body,
        )
        started = self._clock.monotonic()
        reply = await exchange(self._around.session, request)
        self._standing.time(self._clock.monotonic() - started)
        if isinstance(reply, Reply):
            return judge(reply, question, provider=self.name, now=self._clock.time())
        return failure(reply)

    def _url(self, path: str) -> URL:
        return URL(f"{self._options.base_url.rstrip('/')}/{path.lstrip('/')}")


class Upstream:
    """Makes channels; made by ``open_upstream``."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._channels: list[Channel] = []

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Return all channels made so far."""
        return tuple(self._channels)

    def channel(self, options: ChannelOptions) -> Channel:
        """Make the channel of a provider; one each, for breaker and quota live in it."""
        channel = Channel(options, self._around)
        self._channels.append(channel)
        return channel


@asynccontextmanager
async def open_upstream(
    *,
    clock: Clock,
    rng: Random,
    user_agent: str,
    metrics: Metrics,
    ledger: Ledger,
    slots: Slots,
    rules: BreakerRules = _RULES,
    processes: int = 1,
) -> AsyncGenerator[Upstream]:
    """Open the connections to the outside; leaving cancels calls and lets states be written.

    ``rules`` holds for every breaker; ``processes`` is how many share the outgoing pace.
    """
    calls, saves = Tasks(), Tasks()
    async with open_session(user_agent=user_agent) as session:
        try:
            yield Upstream(
                Surroundings(
                    session=session,
                    clock=clock,
                    rng=rng,
                    metrics=metrics,
                    ledger=ledger,
                    slots=slots,
                    rules=rules,
                    processes=processes,
                    calls=calls,
                    saves=saves,
                )
            )
        finally:
            await calls.close()
            await saves.finish()
