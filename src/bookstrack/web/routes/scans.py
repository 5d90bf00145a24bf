"""Photos of shelves: one or several in, a job out (http-api E1 to E3)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta, Struct

from bookstrack.assembly import Assembly
from bookstrack.errors import InvalidRequest, NotFound
from bookstrack.model.job import PipelineName
from bookstrack.pipelines.scan_spines import spine_path
from bookstrack.web.contract import Shape
from bookstrack.web.job_access import JobDesk
from bookstrack.web.job_starts import JobStarts
from bookstrack.web.job_views import JobStart, Stage, StartTop
from bookstrack.web.reply import Reply
from bookstrack.web.routes.jobs import Token
from bookstrack.web.routes.route import read, write
from bookstrack.web.scan_orders import ACCEPTED, ScanDesk
from bookstrack.web.scan_uploads import (
    BODY_LIMIT,
    Submitted,
    bounds_of,
    media_type,
    read_form,
    read_json,
    read_raw,
    read_whole,
)

_TAG = "Scans"
_FAILURES = (409, 415, 422)
_STAGES = (
    Stage(name="Image Quality Analysis", typical_duration=3, progress=0.1),
    Stage(name="AI Processing", typical_duration=25, progress=0.5),
    Stage(name="Metadata Enrichment", typical_duration=12, progress=1.0),
)
_UPLOAD_S = 300  # five photos over a slow line, and a bit
_ONE_PHOTO_S = 25
_REST_S = 15
_JSON, _FORM = "application/json", "multipart/form-data"
_PHOTOSCAN = "?events=photoscan"
_BINARY = {"type": "string", "format": "binary"}
_JPEG = "image/jpeg"
_SPINE = re.compile(r"([0-9]{1,7})-([0-9]{1,4})\.jpg\Z")
_SPINE_KEPT_S = 3600
_LARGEST_SPINE = 4_000_000

_JobId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
ChosenId = Annotated[
    str | None, QueryParameter(name="jobId", description="The id that the job is to have")
]
Threshold = Annotated[
    str | None,
    QueryParameter(
        name="confidenceThreshold",
        description="From this confidence on a book is approved, 0.4 to 0.95",
    ),
]


class ImageEntry(Struct, frozen=True, kw_only=True):
    """A photo in base64, with or without a ``data:`` prefix."""

    index: Annotated[int, Meta(ge=0)]
    data: Annotated[str, Meta(min_length=1)]


class ScanBody(Struct, frozen=True, kw_only=True):
    """Photos; how many at once is a setting of the server, 5 unless it was changed."""

    jobId: _JobId
    images: Annotated[list[ImageEntry], Meta(min_length=1)]
    confidenceThreshold: Annotated[float, Meta(ge=0.4, le=0.95)] | None = None
    idempotencyKey: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


_FORM_SCHEMA = {
    "type": "object",
    "required": ["photos"],
    "properties": {
        "photos": {"type": "array", "items": _BINARY, "minItems": 1},
        "jobId": {"type": "string"},
        "confidenceThreshold": {"type": "string"},
        "idempotencyKey": {"type": "string"},
    },
}


@write(
    "/api/scan-bookshelf",
    answer=JobStart,
    top=StartTop,
    tag=_TAG,
    failures=_FAILURES,
    limit="scan",
    shape=Shape.MIRRORED,
    status=202,
    any_body=True,
    body={"image/*": _BINARY},
    body_limit=BODY_LIMIT,
    timeout_s=_UPLOAD_S,
)
async def scan_one(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
    scan_desk: NamedDependency[ScanDesk],
    job_id: ChosenId = None,
    threshold: Threshold = None,
) -> Response[Any]:
    """Scan one photo, whose bytes are the body."""
    scan_desk.check_configured()
    query = {"jobId": job_id, "confidenceThreshold": threshold}
    wishes = scan_desk.wishes(reply.exchange, query)
    named = media_type(reply.exchange.header(b"content-type"))
    if not named.startswith("image/"):
        raise InvalidRequest(
            "The body must be a picture, and its Content-Type image/…",
            details={"contentType": named[:100], "expected": "image/*"},
        )
    bounds = bounds_of(parts.settings.imports)
    submitted = await read_raw(request.stream(), most=bounds.image)
    started = await desk.board.start(await scan_desk.request(submitted, wishes))
    return await starts.answer(
        reply,
        started,
        status="started",
        message=ACCEPTED,
        sse_query=_PHOTOSCAN,
        **_scan_facts(submitted),
    )


@write(
    ["/api/batch-scan", "/api/scan-bookshelf/batch", "/api/v2/scans"],
    answer=JobStart,
    top=StartTop,
    tag=_TAG,
    failures=_FAILURES,
    limit="scan",
    shape=Shape.MIRRORED,
    status=202,
    any_body=True,
    body={_FORM: _FORM_SCHEMA, _JSON: ScanBody},
    body_limit=BODY_LIMIT,
    timeout_s=_UPLOAD_S,
)
async def scan_several(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
    scan_desk: NamedDependency[ScanDesk],
    job_id: ChosenId = None,
    threshold: Threshold = None,
) -> Response[Any]:
    """Scan several photos: a form with the parts ``photos``, or JSON with base64."""
    scan_desk.check_configured()
    query = {"jobId": job_id, "confidenceThreshold": threshold}
    scan_desk.wishes(reply.exchange, query)
    submitted = await _submitted(request, reply.exchange.header(b"content-type"), parts)
    wishes = scan_desk.wishes(reply.exchange, submitted.fields, query)
    started = await desk.board.start(await scan_desk.request(submitted, wishes))
    return await starts.answer(
        reply,
        started,
        status="processing",
        message=ACCEPTED,
        **_scan_facts(submitted),
    )


async def _submitted(
    request: Request[Any, Any, Any], content_type: str, parts: Assembly
) -> Submitted:
    bounds = bounds_of(parts.settings.imports)
    named = media_type(content_type)
    if named == _FORM:
        return await read_form(request.stream(), content_type, bounds)
    if named in ("", _JSON) or named.endswith("+json"):
        declared = request.headers.get("content-length", "")
        body = await read_whole(request.stream(), declared=declared, bounds=bounds)
        return await asyncio.to_thread(read_json, body, bounds)
    raise InvalidRequest(
        f"The body must be {_FORM} or {_JSON}",
        details={"contentType": named[:100], "expected": _FORM},
    )


def _scan_facts(submitted: Submitted) -> dict[str, Any]:
    """Return what only scans say when they begin."""
    photos = len(submitted.photos)
    seconds = _REST_S + photos * _ONE_PHOTO_S
    return {
        "total_photos": photos,
        "stages": _STAGES,
        "estimated_range": (seconds * 4 // 5, -(-seconds * 6 // 5)),
    }


@read(
    "/api/v2/scans/{job_id:str}/spines/{name:str}",
    answer=bytes,
    tag=_TAG,
    failures=(304, 401, 404),
    limit="images",
    media_type=_JPEG,
)
async def spine(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: Annotated[str, PathParameter(description="The scan")],
    name: Annotated[str, PathParameter(description="As in spineUrl, for instance 0-3.jpg")],
    token: Token = None,
) -> Response[Any]:
    """Return the picture of one book of a scan, as long as its photo is kept."""
    job = await desk.owned(job_id, reply.exchange)
    named = _SPINE.match(name)
    found = None
    if named and job.pipeline is PipelineName.AI_SCAN:
        path = spine_path(job.id, int(named[1]), int(named[2]))
        found = await parts.storage.blobs.get(path, at_most=_LARGEST_SPINE)
    if found is None:
        raise NotFound("There is no such picture", details={"jobId": job.id, "name": name[:100]})
    etag = f'"{hashlib.sha256(found).hexdigest()[:32]}"'
    headers = {"cache-control": f"private, max-age={_SPINE_KEPT_S}", "etag": etag}
    if reply.exchange.header(b"if-none-match") == etag:
        return Response(b"", status_code=304, media_type=_JPEG, headers=headers)
    return Response(found, media_type=_JPEG, headers=headers)


HANDLERS = (scan_one, scan_several, spine)
