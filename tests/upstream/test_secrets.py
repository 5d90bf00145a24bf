"""Keys never leave the process except to the provider (providers §11.7)."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from aiohttp import web
from msgspec import Struct

from bookstrack.errors import ProviderProblem, QuotaExhausted
from bookstrack.settings import Secret

QUERY_KEY = "AIza-3f9a77c1"
HEADER_KEY = "isbndb-81d0b2"
SECRETS = {
    "secret_params": {"key": Secret(QUERY_KEY)},
    "secret_headers": {"Authorization": Secret(HEADER_KEY)},
}


class Book(Struct):
    title: str


async def hangs_up(request: web.Request) -> web.StreamResponse:
    request.transport.close()
    return web.Response()


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    request.transport.close()
    return response


async def sleeps(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def echoes(request: web.Request) -> web.StreamResponse:
    said = request.path_qs + str(request.headers)
    return web.json_response({"title": [said]}, status=200)


async def scolds(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": f"bad key {request.path_qs} {request.headers}"}, status=400)


async def redirects(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"http://other.example{request.path_qs}"})


async def circles(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": request.path_qs})


def everything(problem: BaseException) -> str:
    """Whatever a log or an answer could show of an error, causes included."""
    texts = ["".join(traceback.format_exception(problem))]
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [problem]
    while waiting:
        error = waiting.pop()
        if error is not None and error not in seen:
            seen.append(error)
            texts += [str(error), repr(error), repr(error.args), repr(vars(error))]
            waiting += [error.__cause__, error.__context__]
    return "\n".join(texts)


async def test_the_provider_gets_them(channel, script, budget):
    await channel(**SECRETS).get_json("/volumes", Book, within=budget(), params={"q": "emma"})
    assert dict(script.asked[0].query) == {"q": "emma", "key": QUERY_KEY}
    assert script.asked[0].headers["Authorization"] == HEADER_KEY


@pytest.mark.parametrize(
    "answer",
    [
        401, 404, 429, 500, 200, hangs_up, breaks_off, sleeps, echoes, scolds, redirects, circles,
    ],
)  # fmt: skip
async def test_and_nobody_else(channel, script, budget, metrics, logged, caplog, answer, ledger):
    caplog.set_level(logging.DEBUG)
    script.always = answer
    books = channel(timeout_s=0.2, **SECRETS)
    shown = [repr(books), repr(books.state())]
    for number in range(6):
        try:
            await books.get_json(f"/volumes/{number}", Book, within=budget())
        except ProviderProblem as problem:
            shown += [everything(problem), problem.message, repr(problem.details)]
    shown += [repr(entry) for entry in logged]
    ours = [r for r in caplog.records if r.name not in ("aiohttp.access", "aiohttp.server")]
    shown += [record.getMessage() + str(record.exc_info) for record in ours]
    shown += [metrics.exposition().decode(), repr(vars(ledger))]
    everywhere = "\n".join(shown)
    assert QUERY_KEY not in everywhere
    assert HEADER_KEY not in everywhere
    assert (answer == 404) or "google" in everywhere


async def test_nor_where_nobody_listens(channel, script, budget):
    books = channel(base_url="http://127.0.0.1:1", **SECRETS)
    with pytest.raises(ProviderProblem) as caught:
        await books.get_json("/volumes", Book, within=budget())
    assert str(caught.value) == "google: /volumes cannot be reached"
    assert QUERY_KEY not in everything(caught.value)


async def test_options_print_stars(script):
    from bookstrack.upstream.client import ChannelOptions

    shown = repr(ChannelOptions(name="google", base_url=script.base, **SECRETS))
    assert QUERY_KEY not in shown
    assert HEADER_KEY not in shown


async def test_an_explanation_sees_the_reply_only(channel, script, budget):
    script.always = (429, "Queries per day")
    given = []

    def explain(reply):
        given.append(reply)
        return QuotaExhausted("google", "used up")

    with pytest.raises(QuotaExhausted):
        await channel(**SECRETS).get_json("/volumes", Book, within=budget(), explain=explain)
    assert QUERY_KEY not in repr(given)
    assert HEADER_KEY not in repr(given)
