"""Imports: an export file in, a job out; its preview, and the rows it rejected (http-api 7.D)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from bookstrack.assembly import Assembly
from bookstrack.errors import NotFound
from bookstrack.imports.export import Certainty, Format
from bookstrack.imports.read import read_export
from bookstrack.jobs.board import JobBoard
from bookstrack.model.job import PipelineName
from bookstrack.web.contract import Shape
from bookstrack.web.import_desk import ACCEPTED, ImportDesk
from bookstrack.web.import_orders import (
    ImportQuery,
    OnDuplicate,
    Parser,
    read_order,
)
from bookstrack.web.import_upload import MIB, Upload, read_upload
from bookstrack.web.import_views import Preview, preview_of, rejected_file
from bookstrack.web.job_access import JobDesk, results_id
from bookstrack.web.job_missing import lifetime, missing
from bookstrack.web.job_paths import status_path
from bookstrack.web.job_results import decode_results
from bookstrack.web.job_starts import JobStarts
from bookstrack.web.job_views import JobStart, StartTop
from bookstrack.web.reply import Reply
from bookstrack.web.routes.jobs import JobId, Token
from bookstrack.web.routes.route import read, write

_TAG = "Imports"
_FORM = "multipart/form-data"
BODY_LIMIT = 1024 * MIB  # the real one is a setting, and holds for the file alone
_CSV = "text/csv"  # the framework names the charset
_PREVIEWED = 20

_ParserName = Annotated[
    Parser | None, QueryParameter(name="parser", description="Who reads the file")
]
_FormatName = Annotated[
    Format | None, QueryParameter(name="format", description="Take the file for this format")
]
_Enrich = Annotated[bool | None, QueryParameter(description="Look up the books")]
_UserId = Annotated[
    str | None, QueryParameter(name="userId", description="Whose library gets the books")
]
_OnDuplicate = Annotated[
    OnDuplicate | None,
    QueryParameter(name="onDuplicate", description="What happens to books already there"),
]
_DryRun = Annotated[bool | None, QueryParameter(name="dryRun", description="Store nothing")]
_JobIdChosen = Annotated[
    str | None, QueryParameter(name="jobId", description="The id the job is to have")
]


class ImportForm(Struct, frozen=True, kw_only=True):
    """The form of an upload; ``options`` is a JSON object."""

    file: Annotated[str, Meta(extra_json_schema={"format": "binary"})]
    options: str | None = None


@write(
    "/api/v2/imports",
    answer=JobStart,
    top=StartTop,
    tag=_TAG,
    failures=(409,),
    limit="import",
    shape=Shape.MIRRORED,
    status=202,
    body=ImportForm,
    body_type=_FORM,
    body_limit=BODY_LIMIT,
)
async def start_import(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
    parser: _ParserName = None,
    form: _FormatName = None,
    enrich: _Enrich = None,
    user: _UserId = None,
    on_duplicate: _OnDuplicate = None,
    dry_run: _DryRun = None,
    chosen: _JobIdChosen = None,
) -> Response[Any]:
    """Import an export file; the same request again with the same key gives the same job."""
    query = ImportQuery(
        parser=parser,
        format=form,
        enrich=enrich,
        user_id=user,
        on_duplicate=on_duplicate,
        dry_run=dry_run,
        job_id=chosen,
    )
    return await import_file(request, reply, parts, desk.board, starts, query)


@write(
    "/api/import/csv-gemini",
    answer=JobStart,
    top=StartTop,
    tag=_TAG,
    failures=(409,),
    limit="import",
    group="csv_gemini",
    shape=Shape.MIRRORED,
    status=202,
    body=ImportForm,
    body_type=_FORM,
    body_limit=BODY_LIMIT,
)
async def start_import_v1(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
) -> Response[Any]:
    """Import an export file, under the oldest address."""
    return await import_file(request, reply, parts, desk.board, starts, ImportQuery())


async def import_file(
    request: Request[Any, Any, Any],
    reply: Reply,
    parts: Assembly,
    board: JobBoard,
    starts: JobStarts,
    query: ImportQuery,
) -> Response[Any]:
    """Check everything that can be checked at once, store the file, start and announce the job."""
    upload = await _uploaded(request, parts)
    desk = ImportDesk(parts)
    key = reply.exchange.header(b"idempotency-key")
    order = read_order(upload, query, key_header=key)
    started = await board.start(await desk.job(upload, order, user=reply.exchange.token_id))
    return await starts.answer(
        reply,
        started,
        status="initialized",
        message=ACCEPTED,
        estimated_rows=started.job.total,
        file_size_bytes=len(upload.data),
    )


async def _uploaded(request: Request[Any, Any, Any], parts: Assembly) -> Upload:
    return await read_upload(request, limit=parts.settings.imports.csv_max_mb * MIB)


@write(
    "/api/v2/imports/preview",
    answer=Preview,
    tag=_TAG,
    limit="import",
    body=ImportForm,
    body_type=_FORM,
    body_limit=BODY_LIMIT,
)
async def preview_import(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    form: _FormatName = None,
) -> Response[Any]:
    """Tell what a file is and what its first 20 rows hold; nothing is stored, no AI asked."""
    upload = await _uploaded(request, parts)
    asked = ImportQuery(parser="deterministic", format=form)
    order = read_order(upload, asked, key_header="")
    desk = ImportDesk(parts)
    outline = await desk.outline(upload, order.options)
    first = await asyncio.to_thread(
        read_export,
        upload.data,
        declared_charset=upload.charset,
        forced_format=form,
        max_rows=parts.settings.imports.csv_max_rows,
        only_first=_PREVIEWED,
    )
    uncertain = outline.certainty is Certainty.UNCERTAIN and await desk.ai_ready()
    parser = "ai" if uncertain else "deterministic"
    return reply.data(preview_of(first, total=outline.data_rows, parser=parser))


@read(
    "/api/v2/imports/{job_id:str}/errors.csv",
    answer=str,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    media_type="text/csv",
    shape=Shape.RAW,
)
async def rejected_rows(
    reply: NamedDependency[Reply],
    desk: NamedDependency[JobDesk],
    parts: NamedDependency[Assembly],
    job_id: JobId,
    token: Token = None,
) -> Response[Any]:
    """Return the rows that brought no book as a file, to be mended and sent again."""
    job = await desk.known(results_id(job_id), reply.exchange)
    if job.pipeline is not PipelineName.CSV_IMPORT:
        raise NotFound("This job imported no file", details={"jobId": job.id})
    try:
        stored = await desk.board.results(job.id)
    except NotFound as problem:
        details = {"ttl": lifetime(parts.settings.jobs.results_ttl_s)}
        raise missing(problem, details, status_url=status_path(job.id, job.pipeline)) from None
    body = await asyncio.to_thread(rejected_file, decode_results(stored.body))
    headers = {
        "content-disposition": f'attachment; filename="errors-{job.id}.csv"',
        "cache-control": "no-store",
    }
    return Response(body, media_type=_CSV, headers=headers)


HANDLERS = (start_import, start_import_v1, preview_import, rejected_rows)
