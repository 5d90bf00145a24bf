"""Lines of the log: their form, and what never stands in them.

Logging is set up for a whole process, so every test runs one of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.slow  # each case starts a process

SECRETS = {
    "BOOKSTRACK_METRICS_TOKEN": "metrics-secret-1",
    "BOOKSTRACK_GOOGLE_BOOKS_API_KEY": "google-secret-3",
    "BOOKSTRACK_ISBNDB_API_KEY": "isbndb-secret-4",
}


def run(script: str, **settings: str) -> str:
    """Run a script after logging was set up with some ``TelemetrySettings``; return its output."""
    setup = f"""
        import logging, structlog
        from bookstrack.settings import TelemetrySettings
        from bookstrack.telemetry.logging import configure_logging
        configure_logging(TelemetrySettings(**{settings!r}))
        log = structlog.get_logger("bookstrack.some.part")
    """
    command = [sys.executable, "-W", "error", "-c", dedent(setup) + dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def lines(script: str, **settings: str) -> list[dict]:
    return [json.loads(line) for line in run(script, **settings).splitlines()]


def test_a_line_is_one_json_object_with_its_fields_in_order():
    (line,) = lines('log.warning("sweep_failed", problem="away\\nfor good", rows=3)')
    assert list(line) == ["ts", "level", "logger", "msg", "problem", "rows"]
    assert line["ts"].endswith("Z")
    assert (line["level"], line["logger"]) == ("warning", "bookstrack.some.part")
    assert (line["msg"], line["problem"], line["rows"]) == ("sweep_failed", "away\nfor good", 3)


def test_an_exception_has_type_and_stack():
    script = """
        local = "a local value"
        try:
            try:
                1 / 0
            except ZeroDivisionError as error:
                raise ValueError("outer") from error
        except ValueError as error:
            log.error("one", exc_info=error)
            log.exception("two")
            logging.getLogger("library").exception("three %s", 3)
    """
    found = lines(script)
    assert [line["msg"] for line in found] == ["one", "two", "three 3"]
    for line in found:
        assert line["level"] == "error"
        assert sorted(line["exc"]) == ["stack", "type"]
        assert line["exc"]["type"] == "ValueError"
        assert "ZeroDivisionError: division by zero" in line["exc"]["stack"]
        assert "ValueError: outer" in line["exc"]["stack"]
        assert "a local value" not in line["exc"]["stack"]
        assert {"exc_info", "exception", "event"} & line.keys() == set()


def test_libraries_write_the_same_form_from_warning_on():
    script = """
        logging.getLogger("some.library").info("quiet")
        logging.getLogger("some.library").warning("loud %d", 7)
    """
    (line,) = lines(script)
    assert list(line) == ["ts", "level", "logger", "msg"]
    assert (line["level"], line["logger"], line["msg"]) == ("warning", "some.library", "loud 7")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", ["d", "i", "w", "e"]),
        ("INFO", ["i", "w", "e"]),
        ("WARNING", ["w", "e"]),
        ("ERROR", ["e"]),
    ],
)
def test_levels(level, shown):
    script = 'log.debug("d"); log.info("i"); log.warning("w"); log.error("e")'
    assert [line["msg"] for line in lines(script, log_level=level)] == shown


def test_text_is_one_readable_line():
    script = 'log.info("serving", host="127.0.0.1", port=8787)'
    (line,) = run(script, log_format="text").splitlines()
    words = line.split()
    assert words[0].endswith("Z")
    assert [word.strip("[]") for word in words[1:] if word.strip("[]")] == [
        "info",
        "serving",
        "bookstrack.some.part",
        "host=127.0.0.1",
        "port=8787",
    ]
    assert "\x1b" not in line  # no colours where nobody looks


def test_text_shows_the_stack_of_an_exception_without_local_values():
    script = """
        local = "a local value"
        try:
            1 / 0
        except ZeroDivisionError:
            log.error("boom", exc_info=True)
            logging.getLogger("library").exception("bang")
    """
    shown = run(script, log_format="text")
    assert shown.count("ZeroDivisionError: division by zero") == 2
    assert shown.count("Traceback") == 2
    assert "a local value" not in shown


@pytest.mark.parametrize("form", ["json", "text"])
def test_addresses_lose_their_keys_tokens_and_passwords(form):
    script = """
        urls = (
            "https://www.googleapis.com/books/v1/volumes?q=x&key=hidden1&maxResults=3",
            "https://api.example/x?token=hidden2",
            "https://api.example/x?a=1&access_token=hidden3",
            "https://api.example/x?api-key=hidden4",
            "postgresql://bookstrack:hidden5@db.example/bookstrack",
            "redis://:hidden6@cache.example/0",
            "Authorization: Bearer hidden7",
        )
        for url in urls:
            log.warning("called", url=url)
            logging.getLogger("library").error("cannot call %s", url)
            try:
                raise OSError(f"cannot reach {url}")
            except OSError:
                log.exception("failed")
        log.warning("plain", url="http://127.0.0.1:8787/x@y?page=3&q=keys", note="key=search:isbn")
    """
    shown = run(script, log_format=form)
    assert "hidden" not in shown
    assert "q=x&key=***&maxResults=3" in shown
    assert "postgresql://bookstrack:***@db.example/bookstrack" in shown
    assert "http://127.0.0.1:8787/x@y?page=3&q=keys" in shown
    assert "key=search:isbn" in shown


def test_standard_output_is_looked_up_anew():
    script = """
        import io, sys
        log.warning("first")
        real, sys.stdout = sys.stdout, io.StringIO()
        log.warning("second")
        sys.stdout.close()
        sys.stdout = real
        log.warning("third")
    """
    assert [line["msg"] for line in lines(script)] == ["first", "third"]


# --- the lines of a server -------------------------------------------------------------------

_SERVER = """
    import asyncio, os
    import aiohttp
    from bookstrack.testing.faults import Fault
    from bookstrack.testing.serving import serving
    from bookstrack.testing.upstream import FakeUpstream

    async def main():
        async with FakeUpstream() as upstream:
            environ = {**upstream.environment(), **SETTINGS, "BOOKSTRACK_DATA_DIR": FOLDER}
            async with serving(environ) as served, aiohttp.ClientSession() as session:
                while not served.parts.crew.ready:  # until then /readyz says so
                    await asyncio.sleep(0.01)
                async def get(path, **headers):
                    named = {name.replace("_", "-"): value for name, value in headers.items()}
                    async with session.get(served.url + path, headers=named) as answer:
                        await answer.read()
                        return answer.status
                await talk(get, upstream)
                await served.parts.background.drain(5)
"""


def serve(tmp_path, talk: str, *, log_level: str = "INFO", **settings: str) -> str:
    """Run a server in a process of its own, talk to it, and return everything it wrote."""
    environ = {**SECRETS, "BOOKSTRACK_ENV": "test", "BOOKSTRACK_LOG_LEVEL": log_level, **settings}
    script = "\n".join(
        (
            f"SETTINGS, FOLDER = {environ!r}, {str(tmp_path)!r}",
            dedent(_SERVER),
            dedent(talk),
            "import uvloop; uvloop.run(main())",
        )
    )
    return run(script, log_level=log_level)


def requests(output: str) -> list[dict]:
    every = [json.loads(line) for line in output.splitlines()]
    return [line for line in every if line["msg"] == "request"]


def test_a_request_is_one_line_with_facts_and_without_its_question(tmp_path):
    talk = """
        async def talk(get, upstream):
            await get(
                "/v1/search/isbn?isbn=9781644100370&token=query-secret",
                X_Request_ID="my-id", X_Client_Version="ios-3.1", User_Agent="test/1",
                X_Forwarded_For="203.0.113.77", Authorization="Bearer bt_caller-secret",
                Cookie="session=cookie-secret",
            )
            await get("/v3/books/9781644100370", X_Forwarded_For="2001:db8:85a3::8a2e:370:7334")
            await get("/v1/search/isbn?isbn=shhh", X_Forwarded_For="::ffff:198.51.100.9")
            await get("/no/such/secret-path")
    """
    output = serve(tmp_path, talk)
    first, second, third, fourth = requests(output)
    assert list(first)[:4] == ["ts", "level", "logger", "msg"]
    duration = first.pop("durationMs")
    assert duration > 0
    assert {name: first[name] for name in list(first)[1:]} == {
        "level": "info",
        "logger": "bookstrack.request",
        "msg": "request",
        "requestId": "my-id",
        "method": "GET",
        "path": "/v1/search/isbn",
        "status": 200,
        "cacheStatus": "MISS",
        "provider": "google-books",
        "clientIp": "203.0.113.0",
        "userAgent": "test/1",
        "clientVersion": "ios-3.1",
    }
    assert (second["path"], second["clientIp"]) == ("/v3/books/{isbn}", "2001:db8:85a3::")
    assert (third["status"], third["errorCode"]) == (400, "INVALID_ISBN")
    assert third["clientIp"] == "198.51.100.0"
    assert (fourth["path"], fourth["status"]) == ("unmatched", 404)
    hidden = (
        "query-secret",
        "caller-secret",
        "cookie-secret",
        "9781644100370",
        "shhh",
        "secret-path",
        "203.0.113.77",
        "370:7334",
        "100.9",
        *SECRETS.values(),
    )
    assert [secret for secret in hidden if secret in output] == []


def test_who_does_not_want_to_be_measured_is_not_and_probes_are_silent(tmp_path):
    talk = """
        async def talk(get, upstream):
            await get("/metrics", DNT="1")
            await get("/metrics", X_Skip_Analytics="true")
            for path in ("/health", "/health/live", "/health/ready", "/livez", "/readyz"):
                assert await get(path) == 200
            await get("/", DNT="0")
    """
    assert [line["path"] for line in requests(serve(tmp_path, talk))] == ["/"]


def test_the_request_log_can_be_switched_off(tmp_path):
    talk = """
        async def talk(get, upstream):
            await get("/")
    """
    assert requests(serve(tmp_path, talk, BOOKSTRACK_ENABLE_PERFORMANCE_LOGGING="false")) == []


def test_levels_of_requests(tmp_path):
    talk = """
        async def talk(get, upstream):
            upstream.fault("all", Fault.status(500))
            await get("/v1/search/isbn?isbn=9781644100370")
            await get("/v1/search/isbn?isbn=9781644100370", Origin="https://evil.example")
            for _ in range(3):
                await get("/v1/search/isbn?isbn=x")
    """
    output = serve(tmp_path, talk, BOOKSTRACK_CORS_ENFORCE="reject", BOOKSTRACK_RATE_SEARCH="3/60")
    found = [(line["status"], line["level"], line.get("origin")) for line in requests(output)]
    assert found[0][0] >= 500
    assert found[0][1] == "error"
    assert found[1] == (403, "warning", "https://evil.example")
    assert found[-1] == (429, "warning", None)


def test_what_providers_do_wrong_is_logged_without_our_keys(tmp_path):
    talk = """
        async def talk(get, upstream):
            upstream.fault("all", Fault.status(500))
            for number in range(6):
                await get("/v1/search/title?q=something" + str(number))
    """
    output = serve(tmp_path, talk, log_level="DEBUG")
    events = [json.loads(line) for line in output.splitlines()]
    assert "circuit_changed" in {event["msg"] for event in events}
    assert [secret for secret in SECRETS.values() if secret in output] == []
