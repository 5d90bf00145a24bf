"""The wire shape of one answer of each contract and view, kept in tests/golden/contracts."""

from __future__ import annotations

import json
import re

import pytest

FERRY, UNKNOWN = "9781644100370", "9791095546719"
AUTHOR, TITLE = "author=Maren+Holloway", "The+Ferry+to+Morrow+Island"
GET = {
    "root": "/",
    "health": "/health",
    "ready": "/health/ready",
    "capabilities": "/api/v2/capabilities",
    "isbn-works": f"/v1/search/isbn?isbn={FERRY}",
    "isbn-flat": f"/v1/search/isbn?isbn={FERRY}&view=flat",
    "isbn-miss": f"/v1/search/isbn?isbn={UNKNOWN}",
    "isbn-miss-flat": f"/v1/search/isbn?isbn={UNKNOWN}&view=flat",
    "isbn-wrong": "/v1/search/isbn?isbn=abc",
    "title-works": "/v1/search/title?q=ferry",
    "title-flat": "/v1/search/title?q=ferry&view=flat",
    "title-list": "/v1/search/title?title=ferry",
    "author": "/v1/search/author?name=Maren+Holloway&limit=2",
    "advanced": f"/v1/search/advanced?title=ferry&{AUTHOR}",
    "editions": f"/v1/editions/search?workTitle={TITLE}&{AUTHOR}",
    "text-works": "/api/v2/search?q=ferry",
    "text-list": "/api/v2/search?query=ferry",
    "legacy-title": "/search/title?q=ferry",
    "legacy-isbn": f"/search/isbn?isbn={FERRY}",
    "legacy-author": "/search/author?q=Maren+Holloway&limit=2",
    "legacy-advanced": "/search/advanced?bookTitle=ferry",
    "external-google": "/external/google-books?q=ferry",
    "external-author": "/external/openlibrary-author?author=Maren+Holloway",
    "external-isbn": f"/external/isbndb-isbn?isbn={FERRY}",
    "facade-search": "/v3/books/search?q=ferry",
    "facade-book": f"/v3/books/{FERRY}",
    "facade-capabilities": "/v3/capabilities",
    "unknown-path": "/nowhere",
}
POST = {
    "enrich": ("/api/v2/books/enrich", {"barcode": FERRY}),
    "enrich-miss": ("/api/v2/books/enrich", {"barcode": UNKNOWN}),
    "facade-enrich": ("/v3/books/enrich", {"isbns": [FERRY, UNKNOWN]}),
}
VOLATILE = {
    "requestId", "traceId", "processingTime", "responseTime", "latency_ms", "latencyMs",
    "uptimeSeconds", "release", "endpoints", "engines",
}  # fmt: skip
SEARCH_HEADERS = (
    "Cache-Control", "Content-Type", "X-Cache", "X-Cache-Source", "X-Cache-Status", "X-Cache-TTL",
    "X-Data-Completeness", "X-Error-Code", "X-Image-Quality", "X-Provider",
)  # fmt: skip
PORT = re.compile(r"127\.0\.0\.1:\d+")


def steady(value, key=""):
    """Return JSON data without what differs from run to run."""
    if isinstance(value, dict):
        return {name: steady(inner, name) for name, inner in value.items()}
    if key in VOLATILE or (key == "version" and re.fullmatch(r"0\.\d+\.\d+", str(value))):
        return f"<{key}>"
    if isinstance(value, list):
        return [steady(inner) for inner in value]
    return PORT.sub("127.0.0.1:<port>", value) if isinstance(value, str) else value


def shape(answer) -> str:
    """Return status, headers that the contract fixes, and body, ready to be compared."""
    whole = {
        "status": answer.status,
        "headers": {n: answer.headers[n] for n in SEARCH_HEADERS if n in answer.headers},
        "body": steady(answer.json),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", GET)
async def test_get(start, clock, golden, name):
    api = await start(clock=clock)
    golden(f"contracts/{name}.json", shape(await api.get(GET[name])))


@pytest.mark.parametrize("name", POST)
async def test_post(start, clock, golden, name):
    api = await start(clock=clock)
    path, body = POST[name]
    golden(f"contracts/{name}.json", shape(await api.post(path, json=body)))
