"""What holds for every request: headers, limits of size, methods, request ids, draining."""

from __future__ import annotations

import asyncio
import io
import random
import re

import msgspec
import pytest
from structlog.testing import capture_logs

from bookstrack.access.tokens import mint
from bookstrack.web import front

FERRY = "9781644100370"
ISBN = f"/v1/search/isbn?isbn={FERRY}"
ENRICH = "/api/v2/books/enrich"
BODIES = (ENRICH, "/v3/books/enrich", "/search/advanced")
EVERYWHERE = {
    "X-Router": "bookstrack",
    "X-Response-Format": "v2.0",
    "X-API-Version": "3.3",
    "Vary": "Origin, Accept-Encoding, X-API-Version, X-Client-Version",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def request_for(path: str) -> tuple[str, str]:
    return ("POST", path[5:]) if path.startswith("POST ") else ("GET", path)


ANSWERS = {
    200: ISBN,
    302: "/v3/docs",
    400: "/v1/search/isbn?isbn=x",
    403: "/images/proxy?url=https://example.org/a.jpg",
    404: "/nowhere",
    405: "POST /v1/search/isbn",
    414: "/v1/search/title?q=" + "x" * 9000,
    503: "/api/v2/search?q=words&mode=semantic",
}


@pytest.mark.parametrize("status", ANSWERS)
async def test_every_answer_has_the_common_headers(api, status):
    method, path = request_for(ANSWERS[status])
    answer = await api.request(method, path, allow_redirects=False)
    assert answer.status == status
    assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert re.fullmatch(r"\d+ms", answer.headers["X-Response-Time"])
    assert answer.headers["X-Cache-Status"] in ("HIT", "MISS", "NONE")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert "Strict-Transport-Security" not in answer.headers
    assert "Server" not in answer.headers
    if status >= 400:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Error-Code"] == answer.json["error"]["code"]
        assert answer.headers["X-Error-Type"] == answer.headers["X-Error-Code"]
        assert answer.json["success"] is False
        assert answer.json["data"] is None
        assert answer.json["error"]["statusCode"] == status
        assert answer.json["metadata"] == answer.json["meta"]
    else:
        assert "X-Error-Code" not in answer.headers


async def test_a_decent_request_id_is_echoed_in_header_and_body(api):
    echoed = {"abc-123": True, "x" * 100: True, "!~{}|": True}
    for given in (*echoed, "x" * 101, "two words", "ümlaut", ""):
        for path in ("/v1/search/isbn?isbn=x", ISBN, "/nowhere"):
            answer = await api.get(path, headers={"X-Request-ID": given})
            assert (answer.headers["X-Request-ID"] == given) is (given in echoed)
            assert answer.json["metadata"]["requestId"] == answer.headers["X-Request-ID"]
            assert answer.json["metadata"]["traceId"] == answer.headers["X-Request-ID"]


async def test_made_request_ids_differ(api):
    ids = {(await api.get("/health")).headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


async def test_head_is_get_without_a_body_on_every_get_route(api):
    paths = [line[4:] for line in (await api.get("/health")).json["endpoints"] if "GET " in line]
    assert len(paths) > 20
    for path in [*paths, ISBN, "/nowhere"]:
        if path.endswith("/stream"):  # what never ends has no length to tell
            assert (await api.request("HEAD", path)).status == 405
            continue
        await api.get(path, allow_redirects=False)
        got = await api.get(path, allow_redirects=False)
        head = await api.request("HEAD", path, allow_redirects=False)
        assert (path, head.status) == (path, got.status)
        assert head.body == b""
        assert head.headers.get("Content-Type") == got.headers.get("Content-Type")
        assert ("Content-Length" in head.headers) == ("Content-Length" in got.headers)


async def test_a_trailing_slash_does_not_matter(api):
    for path in ("/v1/search/isbn/", "/v1/search/isbn//"):
        answer = await api.get(path, params={"isbn": FERRY})
        assert answer.status == 200
        assert answer.json["data"]["isbn"] == FERRY
    assert (await api.get(f"/v3/books/{FERRY}/")).status == 200
    assert (await api.post(ENRICH + "/", json={"barcode": FERRY})).status == 200


async def test_unknown_parameters_and_keys_do_not_matter(api):
    assert (await api.get(ISBN + "&unknown=1&isbnx=2")).status == 200
    body = {"barcode": FERRY, "unknown": {"deep": [None]}}
    assert (await api.post(ENRICH, json=body)).status == 200


async def test_a_known_path_with_another_method_is_a_405(api):
    for method, path, allow in (
        ("DELETE", "/v1/search/isbn", "GET"),
        ("GET", ENRICH, "POST"),
        ("HEAD", ENRICH, "POST"),
        ("PUT", "/search/advanced", "GET, POST"),
        ("PATCH", "/v3/books/9781644100370", "GET"),
        ("POST", "/health", "GET"),
    ):
        answer = await api.request(method, path)
        assert answer.status == 405
        assert answer.headers["Allow"] == allow
        assert answer.headers["X-Error-Code"] == "METHOD_NOT_ALLOWED"


async def test_a_body_above_the_limit_is_refused_by_its_declared_length(api):
    answer = await api.post(
        ENRICH,
        data=io.BytesIO(b" " * (1024 * 1024 + 1)),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 413
    error = answer.json["error"]
    assert error["code"] == "FILE_TOO_LARGE"
    assert error["details"] == {
        "receivedMB": 1.0,
        "maxMB": 1.0,
        "receivedBytes": 1048577,
        "maxBytes": 1048576,
        "resourceType": "body",
    }
    assert answer.headers["X-Max-Size-MB"] == "1.0"
    assert answer.headers["X-Received-Size-MB"] == "1.0"
    assert answer.headers["X-Resource-Type"] == "body"


async def test_a_body_above_the_limit_is_refused_while_it_is_read(api):
    async def pieces():
        for _ in range(17):
            yield b" " * 65_536

    answer = await api.post(ENRICH, data=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status == 413
    assert answer.json["error"]["details"]["maxBytes"] == 1048576
    assert answer.json["error"]["details"]["receivedBytes"] > 1048576
    assert answer.headers["X-Resource-Type"] == "body"


async def test_a_body_at_the_limit_is_read(api):
    body = msgspec.json.encode({"barcode": FERRY})
    padded = body + b" " * (1024 * 1024 - len(body))
    answer = await api.post(
        ENRICH, data=io.BytesIO(padded), headers={"Content-Type": "application/json"}
    )
    assert answer.status == 200


async def test_a_wrong_content_type_is_a_400(api):
    for path in BODIES:
        for media_type in ("text/plain", "multipart/form-data", "image/png", "x"):
            answer = await api.post(path, data=b"{}", headers={"Content-Type": media_type})
            assert answer.status == 400
            assert answer.json["error"]["code"] == "INVALID_REQUEST"
            assert answer.json["error"]["details"]["expected"] == "application/json"


async def test_every_spelling_of_json_is_read(api):
    body = msgspec.json.encode({"barcode": FERRY})
    for media_type in ("application/json; charset=utf-8", "APPLICATION/JSON"):
        answer = await api.post(ENRICH, data=body, headers={"Content-Type": media_type})
        assert answer.status == 200


async def test_a_malformed_or_missing_body_is_a_400(api):
    deep = b"[" * 50_000
    for path in BODIES:
        for body in (b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"{}x", deep):
            answer = await api.post(path, data=body, headers={"Content-Type": "application/json"})
            assert answer.status == 400
            assert answer.json["error"]["code"] == "INVALID_REQUEST"
            assert answer.json["error"]["retryable"] is False
    empty = await api.post(ENRICH, data=b"", headers={"Content-Type": "application/json"})
    assert empty.json["error"]["message"] == "A JSON body is required"


async def test_an_address_above_8_kib_is_a_414(api):
    assert (await api.get("/v1/search/title?q=" + "x" * 8100)).status == 200
    answer = await api.get("/v1/search/title?q=" + "x" * 8192)
    assert answer.status == 414
    assert answer.json["error"]["code"] == "INVALID_REQUEST"


async def raw(api, request: bytes) -> bytes:
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def failures(api) -> set[tuple[str, str]]:
    """Return the paths and codes of the failures that the server has counted."""
    (family,) = api.parts.metrics.http_errors.collect()
    return {(one.labels["path"], one.labels["code"]) for one in family.samples}


_FORM = "multipart/form-data; boundary=xx"
_PART = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nTitle,'


@pytest.mark.parametrize(
    ("path", "kind", "half"),
    [
        ("/api/v2/imports", _FORM, _PART),
        ("/api/v2/imports", "text/csv", b"Title,"),
        ("/api/v2/imports/preview", _FORM, _PART),
        ("/v1/enrichment/batch", "application/json", b'{"books":'),
        ("/v2/import/workflow", "application/json", b'{"isbn":'),
        ("/v2/import/workflow", _FORM, _PART),
        ("/api/v2/scans", _FORM, _PART.replace(b'"file"', b'"photos"')),
        ("/api/v2/scans", "application/json", b'{"images":'),
        ("/api/scan-bookshelf", "image/jpeg", b"\xff\xd8"),
        ("/api/v2/barcodes/decode", "image/jpeg", b"\xff\xd8"),
        (ENRICH, "application/json", b'{"isbn":'),
        (ENRICH, "application/json", b""),
    ],
)
async def test_who_leaves_while_sending_is_no_failure_of_ours(start, path, kind, half):
    api = await start(GEMINI_API_KEY="k")
    gone = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 9000\r\n\r\n"
    )
    host, port = api.url.removeprefix("http://").split(":")
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(gone.encode() + half)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(5):
            while not (found := failures(api)):  # noqa: ASYNC110 a server sets no event here
                await asyncio.sleep(0.01)
    assert found == {(path, "CLIENT_DISCONNECTED")}
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_a_body_of_no_told_length_has_an_end_as_well(api):
    lines = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    body = b'{"isbn":"x"}'
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = await raw(
        api, b"POST %s HTTP/1.1\r\nHost: x\r\n" % ENRICH.encode() + lines + b"\r\n" + sent
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_headers_above_32_kib_are_a_431(api):
    lines = b"".join(b"X-Same: " + b"y" * 1000 + b"\r\n" for _ in range(33))  # one name, repeated
    answer = await raw(
        api, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + b"\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert msgspec.json.decode(body)["error"]["statusCode"] == 431


async def test_the_names_of_errors_change_places_for_version_3(api):
    older = (await api.get("/v1/search/isbn?isbn=x")).json["error"]
    newer = (await api.get("/v1/search/isbn?isbn=x", headers={"X-API-Version": "3.3"})).json
    assert (older["code"], older["canonicalCode"]) == ("INVALID_ISBN", "INVALID_REQUEST")
    assert newer["error"]["code"] == "INVALID_REQUEST"
    assert newer["error"]["canonicalCode"] == "INVALID_ISBN"
    same = (await api.get("/nowhere", headers={"X-API-Version": "3"})).json["error"]
    assert same["code"] == "NOT_FOUND"
    assert "canonicalCode" not in same


async def test_the_copy_of_metadata_can_be_left_out(start):
    api = await start(ENVELOPE_META_ALIAS="false")
    for path in (ISBN, ISBN, "/health", "/nowhere"):
        body = (await api.get(path)).json
        assert "metadata" in body
        assert "meta" not in body


async def test_success_has_no_error_and_failure_no_data(api):
    found = (await api.get(ISBN)).json
    assert list(found) == ["success", "data", "metadata", "meta"]
    lost = (await api.get("/nowhere")).json
    assert list(lost) == ["success", "data", "error", "metadata", "meta"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["metadata"]["timestamp"])
    assert isinstance(found["metadata"]["processingTime"], int)


async def test_limits_are_counted_and_told(start, clock):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_SEARCH="3/60", clock=clock)
    answers = [await api.get(ISBN) for _ in range(4)]
    assert [a.status for a in answers] == [200, 200, 200, 429]
    assert [a.headers["X-RateLimit-Limit"] for a in answers] == ["3"] * 4
    assert [a.headers["X-RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    resets = {int(a.headers["X-RateLimit-Reset"]) for a in answers}
    assert resets == {-(-(clock.time() + 60) // 1)}
    refused = answers[3]
    assert refused.headers["Retry-After"] == "60"
    error = refused.json["error"]
    assert error["message"] == "Rate limit exceeded. Try again in 60 seconds."
    assert (error["retryAfter"], error["retryAfterMs"], error["retryable"]) == (60, 60_000, True)
    assert error["details"] == {
        "retryAfter": 60,
        "limit": 3,
        "window": "1 minute",
        "requestsLimit": 3,
        "requestsRemaining": 0,
        "class": "search",
        "clientIP": "127.0.0.…",
    }
    other = await api.post(ENRICH, json={"barcode": FERRY})  # a class of its own
    assert other.headers["X-RateLimit-Limit"] == "5"
    await clock.advance(61)
    assert (await api.get(ISBN)).status == 200


async def test_what_has_no_class_is_never_limited(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_SEARCH="1/60")
    for path in ("/health", "/", "/api/v2/capabilities", "/doc", "/doc/openapi.json"):
        answer = await api.get(path)
        assert answer.status == 200
        assert "X-RateLimit-Limit" not in answer.headers


async def test_a_draining_server_refuses_all_but_questions_of_health(api):
    api.parts.running.draining = True
    refused = await api.get(ISBN)
    assert refused.status == 503
    assert refused.json["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert refused.json["error"]["canonicalCode"] == "INTERNAL_ERROR"
    assert refused.headers["Retry-After"] == "5"
    assert (await api.get("/health")).status == 200
    assert (await api.get("/livez")).json["status"] == "ok"


@pytest.mark.parametrize("path", ["/health/ready", "/readyz"])
async def test_an_unfit_process_says_so_with_status_and_envelope(api, path):
    fit = await api.get(path)
    assert fit.status == 200
    assert fit.json["status"] == fit.json["data"]["status"] == "ready"
    assert fit.json["checks"]["database"]["ok"] is True
    api.parts.running.draining = True
    unfit = await api.get(path)
    assert unfit.status == 503
    assert unfit.headers["X-Error-Code"] == "SERVICE_UNAVAILABLE"
    assert unfit.json["success"] is False
    assert unfit.json["data"] is None
    assert unfit.json["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert unfit.json["status"] == "not_ready"
    assert unfit.json["checks"]["providers"]["google-books"] == "closed"


async def test_health_lists_one_line_per_route(api):
    body = (await api.get("/health")).json
    assert body["status"] == body["data"]["status"] == "ok"
    assert body["version"] == body["data"]["version"] == "3.3.0"
    assert body["worker"] == "api-worker"
    assert (body["service"], body["router"]) == ("bookstrack", "bookstrack")
    assert "GET /v1/search/isbn" in body["endpoints"]
    assert "POST /api/v2/books/enrich" in body["endpoints"]
    assert len(body["endpoints"]) == len(set(body["endpoints"]))


async def test_the_root_leads_on(api):
    answer = await api.get("/")
    assert answer.json["name"] == answer.json["data"]["name"] == "BooksTrack"
    assert (answer.json["docs"], answer.json["health"]) == ("/doc", "/health")


async def test_the_documentation_page_has_what_it_needs(api):
    page = await api.get("/doc")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "public, max-age=300"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    links = re.findall(rb'(?:href|src)="([^"]+)"', page.body)
    assert len(links) == 4
    for link in links:
        asset = await api.get(link.decode())
        assert asset.status == 200
        assert len(asset.body) > 50
    assert b"<script>" not in page.body  # the policy forbids inline scripts
    assert (await api.get("/doc/assets/..%2f..%2f__init__.py")).status == 404
    assert (await api.get("/doc/assets/oauth2-redirect.html")).status == 404
    moved = await api.get("/v3/docs", allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (302, "/doc")


class Broken:
    """A part that fails in a way nobody thought of."""

    def __getattr__(self, name):
        def fail(*_arguments, **_options):
            raise RuntimeError(f"{name} is broken")

        return fail


@pytest.mark.parametrize("part", ["_addresses", "_cors", "_exempt", "fast", "app"])
async def test_an_unexpected_failure_in_front_is_our_500(start, monkeypatch, part):
    made = []
    own = front.Front.__init__

    def keep(self, parts):
        if part in ("fast", "app"):
            parts = msgspec.structs.replace(parts, **{part: Broken() if part == "fast" else broken})
        own(self, parts)
        if part.startswith("_"):
            setattr(self, part, Broken())
        made.append(self)

    async def broken(*_arguments):
        raise RuntimeError("the framework is broken")

    monkeypatch.setattr(front.Front, "__init__", keep)
    api = await start(RATE_LIMIT_ENABLED="true")
    with capture_logs() as logs:
        answer = await api.get(ISBN, headers={"X-Request-ID": "broken-1"})
    assert made
    assert (answer.status, answer.json["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert answer.json["metadata"]["requestId"] == answer.headers["X-Request-ID"] == "broken-1"
    assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    failed = [line for line in logs if line["event"] == "request_failed"]
    assert [line["requestId"] for line in failed] == ["broken-1"]


async def test_random_tokens_cost_few_reads_and_no_limits(start, clock):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_SEARCH="3/60", clock=clock)
    tokens = [mint(random.Random(seed).randbytes)[0] for seed in range(40)]
    reads = []
    find = api.parts.tokens._store.find

    async def counted(token_id):
        reads.append(token_id)
        return await find(token_id)

    api.parts.tokens._store.find = counted
    statuses = [
        (await api.get(ISBN, headers={"Authorization": f"Bearer {token}"})).status
        for token in tokens
    ]
    assert statuses == [200] * 3 + [429] * 37
    assert len(reads) == 10


async def test_exempt_networks_are_not_counted(start):
    api = await start(
        RATE_LIMIT_ENABLED="true", RATE_SEARCH="1/60", RATE_EXEMPT_CIDRS="127.0.0.0/8"
    )
    for _ in range(3):
        answer = await api.get(ISBN)
        assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (200, False)
    other = {"X-Forwarded-For": "203.0.113.9"}
    statuses = [(await api.get(ISBN, headers=other)).status for _ in range(2)]
    assert statuses == [200, 429]
