from __future__ import annotations

import pytest
from msgspec import Struct

from bookstrack.errors import (
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
)
from bookstrack.upstream.reply import Question, Reply, Verdict, judge


class Book(Struct):
    title: str
    pages: int = 0


def reply(status=200, body=b'{"title":"Emma"}', content_type="application/json", **headers):
    return Reply(status=status, content_type=content_type, headers=headers, body=body)


def verdict(answer: Reply, explain=None) -> Verdict[Book]:
    question = Question(path="/volumes", params={"q": "emma"}, into=Book, explain=explain)
    return judge(answer, question, provider="google", now=0.0)


@pytest.mark.parametrize("content_type", ["application/json", "application/sparql-results+json"])
@pytest.mark.parametrize("status", [200, 203])
def test_json_is_decoded(content_type, status):
    found = verdict(reply(status, content_type=content_type))
    assert found == Verdict(value=Book(title="Emma"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"title":"Em',
        b'{"title":[]}',
        b'{"title":"Emma","pages":[]}',
        b'{"titel":"Emma"}',
        b'{"title":"\xff"}',
        b'{"title":"Emma","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"<html>busy</html>",
    ],
)
def test_a_body_that_is_not_the_type_is_a_failure(body):
    found = verdict(reply(body=body))
    assert type(found.problem) is ProviderFailed
    assert str(found.problem) == "google: /volumes answered something unreadable"
    assert not found.again


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/octet-stream"])
def test_another_content_type_is_a_failure(content_type):
    found = verdict(reply(content_type=content_type))
    assert type(found.problem) is ProviderFailed
    assert str(found.problem) == "google: /volumes did not answer in JSON"
    assert not found.again


def test_404_is_nothing():
    assert verdict(reply(404)) == Verdict()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key(status):
    problem = verdict(reply(status)).problem
    assert isinstance(problem, ProviderRefused)
    assert problem.reason == "auth"


@pytest.mark.parametrize("status", [400, 405, 410, 422, 451])
def test_a_refused_query(status):
    found = verdict(reply(status))
    assert isinstance(found.problem, ProviderRefused)
    assert found.problem.reason == "bad_query"
    assert str(found.problem) == f"google: /volumes answered {status}"
    assert not found.again


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (502, True), (503, True), (504, True), (501, False)]
)
def test_a_failing_provider(status, again):
    found = verdict(reply(status))
    assert type(found.problem) is (ProviderUnavailable if status == 503 else ProviderFailed)
    assert found.again is again


@pytest.mark.parametrize("status", [301, 304])
def test_a_redirect_that_leads_nowhere_is_a_failure(status):
    found = verdict(reply(status))
    assert type(found.problem) is ProviderFailed
    assert not found.again


@pytest.mark.parametrize(
    ("headers", "told", "wait"), [({}, None, 60.0), ({"retry-after": "7"}, 7.0, 7.0)]
)
def test_busy(headers, told, wait):
    found = verdict(reply(429, **headers))
    assert type(found.problem) is ProviderBusy
    assert found.problem.retry_after == wait
    assert found.told == told
    assert found.again


def test_a_failure_passes_on_how_long_it_will_last():
    found = verdict(reply(503, **{"retry-after": "7"}))
    assert found.problem is not None
    assert found.problem.retry_after == 7.0
    assert found.told == 7.0


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_the_provider_explains_first(status):
    asked: list[Reply] = []

    def explain(given: Reply) -> QuotaExhausted:
        asked.append(given)
        return QuotaExhausted("google", "used up")

    answer = reply(status)
    found = verdict(answer, explain)
    assert asked == [answer]
    assert type(found.problem) is QuotaExhausted
    assert not found.again


def test_an_answer_needs_no_explanation():
    found = verdict(reply(), lambda _: ProviderFailed("google", "never asked"))
    assert found.problem is None


def test_no_explanation_leaves_the_status():
    assert verdict(reply(404), lambda _: None) == Verdict()


@pytest.mark.parametrize(
    ("own", "headers", "told", "wait"),
    [
        (None, {}, None, 60.0),
        (None, {"retry-after": "4"}, 4.0, 4.0),
        (2.0, {"retry-after": "4"}, 2.0, 2.0),
    ],
)
def test_an_explained_busy_takes_the_headers_wait_unless_it_knows_its_own(own, headers, told, wait):
    busy = ProviderBusy("google", "slow down", retry_after=own)
    found = verdict(reply(403, **headers), lambda _: busy)
    assert found.problem is busy
    assert busy.retry_after == wait
    assert found.told == told
    assert found.again


@pytest.mark.parametrize(("status", "again"), [(503, True), (501, False)])
def test_an_explained_failure_is_retried_by_its_status(status, again):
    found = verdict(reply(status), lambda _: ProviderFailed("google", "backend"))
    assert found.again is again


def test_an_explained_timeout_is_retried():
    assert verdict(reply(408), lambda _: ProviderTimeout("google", "slow")).again


def test_an_answer_that_cannot_be_believed_is_unreadable():
    question = Question(path="/volumes", params={}, into=dict[str, int], sound=lambda d: "a" in d)
    found = [
        judge(reply(200, body=body), question, provider="google", now=0.0)
        for body in (b'{"a": 1}', b'{"b": 1}')
    ]
    assert found[0].value == {"a": 1}
    assert type(found[1].problem) is ProviderFailed
    assert found[1].again is False
