"""The OpenAPI document: valid, complete, and true of the answers of every route."""

from __future__ import annotations

import asyncio
from io import BytesIO

import aiohttp
import jsonschema_rs
import pytest
import yaml
import zxingcpp
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

from bookstrack.testing.faults import Fault
from bookstrack.testing.upstream import Said
from photos import drawn, ended, said, scan, seen

FERRY = "9781644100370"
UNKNOWN = "9791095546719"
UNDOCUMENTED = {"/doc/assets/{name}", "/doc/start.js"}  # parts of the page, no part of the API
AUTHOR = "author=Maren+Holloway"
TITLE = "The+Ferry+to+Morrow+Island"
ANSWERS = {
    "/": ["/"],
    "/health": ["/health"],
    "/health/live": ["/health/live"],
    "/livez": ["/livez"],
    "/health/ready": ["/health/ready"],
    "/readyz": ["/readyz"],
    "/api/v2/capabilities": ["/api/v2/capabilities"],
    "/v3/capabilities": ["/v3/capabilities"],
    "/v1/search/isbn": [f"?isbn={FERRY}", f"?isbn={FERRY}&view=flat", f"?isbn={UNKNOWN}",
                        f"?isbn={UNKNOWN}&view=flat", "?isbn=x", "?isbn=9781644100371"],
    "/v1/search/title": ["?q=ferry", "?q=ferry&view=flat", "?title=ferry", "?q=zzyzzx", "?q=x"],
    "/v1/search/author": ["?name=Maren+Holloway", "?name=zzyzzx", "?name=", "?name=ab&sortBy=x"],
    "/v1/search/advanced": ["?title=ferry", f"?{AUTHOR}&view=flat", f"?isbn={FERRY}&year=1999",
                            "?", "?title=ferry&year=x"],
    "/v1/editions/search": [f"?workTitle={TITLE}&{AUTHOR}", "?workTitle=zzyzzx&author=ab", "?"],
    "/v1/search/editions": [f"?workTitle={TITLE}&{AUTHOR}&limit=1"],
    "/api/v2/search": ["?q=ferry", "?q=ferry&view=flat", "?query=ferry", "?q=zzyzzx", "?q=x",
                       "?q=ferry&mode=semantic"],
    "/v3/books/search": ["?q=ferry", "?q=zzyzzx", "?q=x", "?q=ferry&mode=similar"],
    "/v3/books/{isbn}": [f"/v3/books/{FERRY}", f"/v3/books/{UNKNOWN}", "/v3/books/x"],
    "/search/title": ["?q=ferry", "?q=zzyzzx", "?"],
    "/search/isbn": [f"?isbn={FERRY}", f"?isbn={UNKNOWN}", "?isbn=x"],
    "/search/author": ["?q=Maren+Holloway", "?q=zzyzzx", "?q=x&limit=0"],
    "/search/advanced": ["?title=ferry", "?title=zzyzzx", "?title=zzyzzx", "?"],
    "/external/google-books": ["?q=ferry", "?q=zzyzzx", "?"],
    "/external/google-books-isbn": [f"?isbn={FERRY}", f"?isbn={UNKNOWN}", "?isbn=x"],
    "/external/openlibrary": ["?q=ferry", "?"],
    "/external/openlibrary-author": [f"?{AUTHOR}", "?author=zzyzzx", "?"],
    "/external/isbndb": [f"?title={TITLE}", "?"],
    "/external/isbndb-editions": [f"?title={TITLE}&{AUTHOR}", "?"],
    "/external/isbndb-isbn": [f"?isbn={FERRY}", f"?isbn={UNKNOWN}", "?"],
    "/images/proxy": ["?", "?url=http://127.0.0.1/x"],
    "/images/covers/{isbn}": [f"/images/covers/{FERRY}", "/images/covers/x"],
    "/metrics": ["/metrics", "?format=prometheus"],
    "/doc": ["/doc"],
    "/doc/openapi.json": ["/doc/openapi.json"],
    "/doc/openapi.yaml": ["/doc/openapi.yaml"],
    "/v3/docs": ["/v3/docs"],
    "/doc/asyncapi.json": ["/doc/asyncapi.json"],
    "/api/v2/scans/{job_id}/spines/{name}": ["/api/v2/scans/x/spines/0-0.jpg",
                                             "/api/v2/scans/x/spines/0-0.jpg?token=x"],
    "/v2/import/workflow/{workflow_id}": ["/v2/import/workflow/x"],
    "/api/v2/flags": ["/api/v2/flags", "?userId=reader-1", "?userId="],
    "/ws/progress": ["/ws/progress", "?jobId=x", "?jobId=x&token=y"],
}  # fmt: skip
JOB = "a-job-of-this-document"
JOB_ANSWERS = (
    "/v1/jobs/{job_id}",
    "/v1/jobs/{job_id}/status",
    "/v1/jobs/{job_id}/results",
    "/api/job-state/{job_id}",
    "/api/v2/books/enrich-batch/{job_id}",
    "/api/v2/books/enrich-batch/{job_id}/results",
    "/api/v2/books/enrich-batch/{job_id}/stream",
    "/api/v2/enrichments/{job_id}",
    "/api/v2/enrichments/{job_id}/results",
    "/api/v2/enrichments/{job_id}/stream",
    "/api/v2/imports/{job_id}",
    "/api/v2/imports/{job_id}/results",
    "/api/v2/imports/{job_id}/stream",
    "/api/v2/imports/{job_id}/errors.csv",
    "/api/v2/scans/{job_id}",
    "/api/v2/scans/{job_id}/results",
    "/api/v2/scans/{job_id}/stream",
    "/v1/csv/results/{job_id}",
    "/v1/csv/status/{job_id}",
    "/v1/scan/results/{job_id}",
)
JOB_ENDS = (
    ("delete", "/v1/jobs/{job_id}"),
    ("delete", "/api/v2/books/enrich-batch/{job_id}"),
    ("delete", "/api/v2/enrichments/{job_id}"),
    ("delete", "/api/v2/imports/{job_id}"),
    ("delete", "/api/v2/jobs/{job_id}/cancel"),
    ("delete", "/api/v2/scans/{job_id}"),
    ("post", "/api/v2/jobs/{job_id}/cancel"),
    ("post", "/v1/csv/cancel/{job_id}"),
)
BATCHES = [
    {"jobId": "j", "books": [{"title": "x"}]},
    {"jobId": "j", "books": []},
    {},
    {"jobId": "j", "books": [{"title": "y"}]},
    {"barcodes": [FERRY]},
]
CANCELS = [{"jobId": "nobody"}, {}, {"jobId": JOB, "token": "x"}, {"jobId": JOB}]
BODIES = {
    "/v1/enrichment/batch": BATCHES,
    "/api/enrichment/batch": BATCHES,
    "/api/batch-enrich": BATCHES,
    "/v1/enrich/batch": BATCHES,
    "/api/v2/books/enrich-batch": BATCHES,
    "/api/v2/enrichments": BATCHES,
    "/api/enrichment/start": [{"jobId": "k", "workIds": ["x"]}, {"jobId": "k"}],
    "/api/enrichment/cancel": CANCELS,
    "/api/scan-bookshelf/cancel": CANCELS,
    "/api/scan-bookshelf": [{}],
    "/api/scan-bookshelf/batch": [{}, {"jobId": "k", "images": []}],
    "/api/batch-scan": [{}, {"jobId": "k", "images": [{"index": 0, "data": "aGk="}]}],
    "/api/v2/scans": [{}],
    "/api/v2/barcodes/decode": [{}],
    "/api/v2/imports": [{}],
    "/api/v2/imports/preview": [{}],
    "/api/import/csv-gemini": [{}],
    "/v2/import/workflow": [{"isbn": "9791095546719"}, {"isbn": "x"}, {}],
    "/api/token/refresh": [{"jobId": JOB, "oldToken": "x"}, {}],
    "/v1/token/refresh": [{"jobId": JOB, "oldToken": "x"}, {}],
    "/api/v2/books/enrich": [{"barcode": FERRY}, {"barcode": UNKNOWN}, {"barcode": "x"}, {}],
    "/v3/books/enrich": [{"isbns": [FERRY, UNKNOWN]}, {"isbns": []}, {"isbns": ["x"]}, {}],
    "/search/advanced": [{"title": "ferry"}, {}, {"maxResults": 0, "title": "x"}],
}


class Document:
    """Compares answers with what the document says of them."""

    def __init__(self, document: dict) -> None:
        self.paths = document["paths"]
        self.schemas = document["components"]["schemas"]
        self._closed = {"components": {"schemas": closed(self.schemas)}}

    def check(self, template: str, method: str, answer) -> None:
        responses = self.paths[template][method]["responses"]
        where = f"{method} {template} {answer.status}"
        assert str(answer.status) in responses, where
        described = responses[str(answer.status)]
        for name in described["headers"]:
            if "RateLimit" not in name:  # these tests are not limited
                assert name in answer.headers, f"{where}: {name}"
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        content = described.get("content")
        if content is None:
            assert answer.body == b"", where
            return
        assert media_type in content, f"{where}: {media_type}"
        if media_type == "application/json":
            schema = closed(content[media_type]["schema"]) | self._closed
            validator = jsonschema_rs.Draft202012Validator(schema)
            problems = [
                f"{e.instance_path}: {e.message}" for e in validator.iter_errors(answer.json)
            ]
            assert problems == [], where


def closed(node):
    """Return a schema that allows no key it does not name."""
    if isinstance(node, list):
        return [closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    shut = {key: closed(part) for key, part in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        shut.setdefault("additionalProperties", False)
    return shut


@pytest.fixture
async def document(api):
    return Document((await api.get("/doc/openapi.json")).json)


async def test_the_document_is_valid_and_the_same_in_both_spellings(api):
    answer = await api.get("/doc/openapi.json")
    document = answer.json
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == "3.3.0"
    errors = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert errors == []
    assert yaml.safe_load((await api.get("/doc/openapi.yaml")).body) == document
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


async def test_every_route_is_documented_and_nothing_else(api, document):
    lines = [line.split() for line in (await api.get("/health")).json["endpoints"]]
    served = {(path, method.lower()) for method, path in lines if path not in UNDOCUMENTED}
    described = {(path, method) for path, found in document.paths.items() for method in found}
    assert described == served
    tested = {(path, "get") for path in (*ANSWERS, *JOB_ANSWERS)}
    tested |= {(path, "post") for path in BODIES} | {(path, method) for method, path in JOB_ENDS}
    assert tested == served


async def test_every_answer_is_what_the_document_says(api, document):
    for template, queries in ANSWERS.items():
        for query in queries:
            path = query if query.startswith("/") else template + query
            answer = await api.get(path, allow_redirects=False)
            document.check(template, "get", answer)
        document.check(template, "get", await api.get(template + "?x=" + "y" * 9000))
    for template, bodies in BODIES.items():
        for body in bodies:
            document.check(template, "post", await api.post(template, json=body))


async def test_answers_about_jobs_are_what_the_document_says(api, document):
    books = [{"title": "The Ferry to Morrow Island", "isbn": FERRY}, {"title": "zzyzzx"}]
    for job_id, wanted in ((JOB, books), ("short", [])):
        answer = await api.post("/api/batch-enrich", json={"jobId": job_id, "books": wanted})
        document.check("/api/batch-enrich", "post", answer)
    token = (await api.post("/api/batch-enrich", json={"jobId": JOB, "books": books})).json["token"]
    await api.get(f"/api/v2/enrichments/{JOB}/stream")  # ends with the job
    for template in JOB_ANSWERS:
        for job_id, headers in (
            (JOB, {}),
            (JOB, {"X-Auth-Token": token}),
            (JOB, {"X-Auth-Token": "wrong"}),
            (JOB, {"Accept": "text/html"}),
            (JOB, {"Last-Event-ID": "99"}),
            ("nobody", {"X-Auth-Token": "wrong"}),
        ):
            path = template.replace("{job_id}", job_id)
            document.check(template, "get", await api.get(path, headers=headers))
        alias = await api.get(template.replace("{job_id}", JOB) + "?alias=results")
        document.check(template, "get", alias)
    for method, template in JOB_ENDS:
        for job_id, headers in (
            (JOB, {}),
            (JOB, {"X-Auth-Token": "wrong"}),
            ("nobody", {"X-Auth-Token": "wrong"}),
            (JOB, {"X-Auth-Token": token}),
        ):
            path = template.replace("{job_id}", job_id)
            document.check(template, method, await api.request(method, path, headers=headers))


EXPORT = f"""Title,Author,ISBN
The Ferry to Morrow Island,Maren Holloway,{FERRY}
,Nobody,12
Zzyzzx,,
"""


def upload(text: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", text.encode(), filename="books.csv", content_type="text/csv")
    return form


async def test_answers_about_imports_are_what_the_document_says(api, document):
    for template in ("/api/v2/imports/preview", "/api/v2/imports", "/api/import/csv-gemini"):
        for text in ("", EXPORT):
            answer = await api.post(template, data=upload(text))
            document.check(template, "post", answer)
    job_id = answer.json["jobId"]
    await api.get(f"/api/v2/imports/{job_id}/stream")  # ends with the job
    for template in JOB_ANSWERS:
        if template != "/api/job-state/{job_id}":
            path = template.replace("{job_id}", job_id)
            for headers in ({}, {"X-Client-Version": "ios-v1.0"}):
                answer = await api.get(path, headers=headers)
                assert answer.status in (200, 204), template
                document.check(template, "get", answer)


async def test_answers_about_workflows_are_what_the_document_says(api, document):
    start, status = "/v2/import/workflow", "/v2/import/workflow/{workflow_id}"
    document.check(start, "post", await api.post(start, data=upload(EXPORT)))
    for isbn in ("9780571114436", UNKNOWN):
        answer = await api.post(start, json={"isbn": isbn})
        document.check(start, "post", answer)
        path = status.replace("{workflow_id}", answer.json["workflowId"])
        while (answer := await api.get(path)).json["status"] == "running":
            document.check(status, "get", answer)
            await asyncio.sleep(0.05)
        document.check(status, "get", answer)


async def test_answers_about_scans_are_what_the_document_says(start):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini")
    document = Document((await api.get("/doc/openapi.json")).json)
    books = [seen("The Ferry to Morrow Island", author="Maren Holloway"), seen("Zzyzzx")]
    api.upstream.say(said(*books), Said(blocked=True))
    for photo in (drawn(size=(90, 90)), drawn("GIF"), drawn()[:200]):
        document.check("/api/scan-bookshelf", "post", await scan(api, photo))
    answer = await scan(api, drawn(shade=1), drawn(shade=2), job_id=JOB)
    document.check("/api/batch-scan", "post", answer)
    token = answer.json["token"]
    await ended(api, JOB)
    for template in JOB_ANSWERS:
        if template != "/api/job-state/{job_id}":
            answer = await api.get(template.replace("{job_id}", JOB))
            assert answer.status in (200, 204) or template.endswith("/errors.csv"), template
            document.check(template, "get", answer)
    (found, *_) = (await api.get(f"/v1/scan/results/{JOB}")).json["data"]["books"]
    picture = await api.get(f"{found['spineUrl']}?token={token}")
    assert picture.status == 200
    document.check("/api/v2/scans/{job_id}/spines/{name}", "get", picture)
    for query in ("", "?enrich=true", "?formats=x"):
        path = f"/api/v2/barcodes/decode{query}"
        answer = await api.post(path, data=barcode(FERRY), headers={"Content-Type": "image/png"})
        document.check("/api/v2/barcodes/decode", "post", answer)


def barcode(digits: str) -> bytes:
    page = Image.new("L", (900, 400), "white")
    made = zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.EAN13)
    page.paste(Image.fromarray(zxingcpp.write_barcode_to_image(made, scale=4)), (120, 60))
    held = BytesIO()
    page.save(held, "PNG")
    return held.getvalue()


async def test_failures_of_providers_and_limits_are_described_too(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_SEARCH="2/60", LIFECYCLE_EXTERNAL="gone")
    document = Document((await api.get("/doc/openapi.json")).json)
    api.upstream.fault("all", Fault.status(500))
    statuses = []
    for _ in range(3):
        answer = await api.get(f"/v1/search/isbn?isbn={FERRY}")
        statuses.append(answer.status)
        document.check("/v1/search/isbn", "get", answer)
    assert statuses == [502, 502, 429]
    gone = await api.get("/external/isbndb")
    assert gone.status == 410
    document.check("/external/isbndb", "get", gone)
    api.parts.running.draining = True
    for template in ("/v1/search/title", "/health/ready"):
        refused = await api.get(template)
        assert refused.status == 503
        document.check(template, "get", refused)


async def test_keys_that_are_always_sent_are_required_and_none_is_null(document):
    schemas = document.schemas
    work = schemas["Work"]
    assert {"title", "subjectTags", "goodreadsWorkIDs", "isbndbQuality"} <= set(work["required"])
    assert work["properties"]["description"] == {"type": "string"}
    search = schemas["SearchData"]
    assert {"works", "editions", "authors", "resultCount", "book"} <= set(search["required"])
    assert {"type": "null"} in search["properties"]["book"]["anyOf"]
    failure = schemas["Failure"]
    assert set(failure["required"]) == {"success", "data", "error", "metadata"}
    pictures = document.paths["/images/proxy"]["get"]["responses"]["200"]["content"]
    assert set(pictures) == {"image/webp", "image/jpeg", "image/png"}
