"""What a provider answered, and what that means (providers §1.1); no input or output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from bookstrack.errors import (
    ProviderBusy,
    ProviderFailed,
    ProviderProblem,
    ProviderRefused,
    ProviderUnavailable,
)
from bookstrack.upstream.retry import told_wait, worth_retrying

T = TypeVar("T")

_BUSY_S = 60.0


class Reply(Struct, frozen=True, kw_only=True):
    """One HTTP answer. ``content_type`` goes without parameters; header names are lower-case."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes


Explain = Callable[[Reply], ProviderProblem | None]
"""A provider's own reading of a reply that is not 2xx; None leaves it to the status."""


class Question(Struct, Generic[T], frozen=True, kw_only=True):
    """What is asked of a provider: a path, parameters without secrets, the type of the answer.

    ``sound`` tells whether a decoded answer can be believed, where the type alone does not.
    With a ``body`` of JSON it is posted. ``limit_s`` bounds one attempt more tightly than usual.
    """

    path: str
    params: Mapping[str, str]
    into: type[T]
    explain: Explain | None = None
    sound: Callable[[T], bool] | None = None
    body: bytes | None = None
    limit_s: float | None = None


class Verdict(Struct, Generic[T], frozen=True, kw_only=True):
    """What one attempt came to: a value (None for 404) or a problem.

    ``again`` says that another attempt may help, ``told`` the seconds the provider asks us to
    wait before it.
    """

    value: T | None = None
    problem: ProviderProblem | None = None
    again: bool = False
    told: float | None = None


def failure(problem: ProviderProblem, *, status: int | None = None) -> Verdict[Any]:
    """Return the verdict of an attempt that brought no reply to judge."""
    return Verdict(problem=problem, again=worth_retrying(problem, status=status))


def judge(reply: Reply, question: Question[T], *, provider: str, now: float) -> Verdict[T]:
    """Decode a 2xx reply, explain any other; ``now`` is epoch seconds."""
    if 200 <= reply.status < 300:
        return _decoded(reply, question, provider)
    told = told_wait(reply.headers.get("retry-after"), now=now)
    problem = question.explain(reply) if question.explain else None
    if problem is None and reply.status == 404:
        return Verdict()
    problem = problem or _by_status(reply, f"{provider}: {question.path}", provider)
    if isinstance(problem, ProviderBusy):
        told = told if problem.retry_after is None else problem.retry_after
        problem.retry_after = _BUSY_S if told is None else told
    elif isinstance(problem, ProviderFailed) and problem.retry_after is None:
        problem.retry_after = told
    return Verdict(problem=problem, told=told, again=worth_retrying(problem, status=reply.status))


def _by_status(reply: Reply, about: str, provider: str) -> ProviderProblem:
    text = f"{about} answered {reply.status}"
    if reply.status in (401, 403):
        return ProviderRefused(provider, text, reason="auth")
    if reply.status == 429:
        return ProviderBusy(provider, text)
    if 400 <= reply.status < 500:
        return ProviderRefused(provider, text, reason="bad_query")
    if reply.status == 503:
        return ProviderUnavailable(provider, text)
    return ProviderFailed(provider, text)


@cache
def _decoder(into: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(into)


def _decoded(reply: Reply, question: Question[T], provider: str) -> Verdict[T]:
    about = f"{provider}: {question.path}"
    if not reply.content_type.endswith(("/json", "+json")):
        return failure(ProviderFailed(provider, f"{about} did not answer in JSON"))
    try:
        decoder: msgspec.json.Decoder[T] = _decoder(question.into)
        value = decoder.decode(reply.body)
        if question.sound is None or question.sound(value):
            return Verdict(value=value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # the error quotes the body: nothing of it goes further
    return failure(ProviderFailed(provider, f"{about} answered something unreadable"))
