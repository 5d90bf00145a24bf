"""Files that are to be imported: checked as far as that is quick, stored, and made a job."""

from __future__ import annotations

import asyncio
import hashlib
from uuid import uuid4

import structlog
from msgspec import to_builtins

from bookstrack.access.flags import AI_CSV_PARSER
from bookstrack.assembly import Assembly
from bookstrack.errors import StorageProblem
from bookstrack.imports.export import Format, Outline
from bookstrack.imports.read import check_export
from bookstrack.jobs.board import StartRequest
from bookstrack.model.job import Blob, PipelineName
from bookstrack.pipelines.csv_import import FILE
from bookstrack.pipelines.csv_parts import ai_reads_tables
from bookstrack.pipelines.csv_rows import ImportOptions
from bookstrack.web.import_orders import ImportOrder, check_features
from bookstrack.web.import_upload import Upload

log = structlog.get_logger(__name__)

ACCEPTED = "Import accepted"
_FAMILY = "csv_import"
_TYPE = "text/csv"


class ImportDesk:
    """Takes files in."""

    def __init__(self, parts: Assembly) -> None:
        self._settings = parts.settings
        self._blobs = parts.storage.blobs
        self._background = parts.background
        self._has_ai = ai_reads_tables(parts.settings)
        self._flags = parts.flags

    async def ai_ready(self) -> bool:
        """Tell whether an AI can be asked about files now."""
        return self._has_ai and await self._flags.enabled(AI_CSV_PARSER)

    async def outline(self, upload: Upload, options: ImportOptions) -> Outline:
        """Return what a file is.

        Raises:
            Unreadable: nothing can be read from it.
        """
        by_ai = options.parser == "ai" or (options.parser == "auto" and await self.ai_ready())
        return await asyncio.to_thread(
            check_export,
            upload.data,
            declared_charset=upload.charset,
            forced_format=None if options.format is None else Format(options.format),
            max_rows=self._settings.imports.csv_max_rows,
            allow_unknown_columns=by_ai and options.format is None,
        )

    async def job(self, upload: Upload, order: ImportOrder, *, user: str | None) -> StartRequest:
        """Store a file; return the request for the job that imports it.

        Raises:
            Unreadable: nothing can be read from the file; it is not stored.
            FeatureDisabled: something was asked for that this server does not do.
            StorageUnavailable: the file cannot be stored.
        """
        outline = await self.outline(upload, order.options)
        check_features(order, ai_ready=await self.ai_ready())
        return StartRequest(
            pipeline=PipelineName.CSV_IMPORT,
            items=(),
            options=to_builtins(order.options),
            job_id=order.job_id,
            key=order.key,
            user=user,
            family=_FAMILY,
            fingerprint=order.fingerprint,
            total=outline.data_rows,
            message=ACCEPTED,
            blobs=(await self._stored(upload.data),),
        )

    async def _stored(self, data: bytes) -> Blob:
        """Store a file; nothing of it stays where the caller leaves or the store fails."""
        blob = Blob(
            name=FILE,
            path=f"imports/{uuid4()}.csv",
            sha256=hashlib.sha256(data).hexdigest(),
            content_type=_TYPE,
            size=len(data),
        )
        storing = asyncio.ensure_future(self._blobs.put(blob.path, data, content_type=_TYPE))
        try:
            await asyncio.wait((storing,))
            storing.result()
        except BaseException:  # a caller who left as well
            self._background.start(self._forget(storing, blob.path), "import-file-forget")
            raise
        return blob

    async def _forget(self, storing: asyncio.Future[None], path: str) -> None:
        """Delete the file of a request that makes no job, once nobody writes it any more."""
        await asyncio.gather(storing, return_exceptions=True)
        try:
            await self._blobs.delete(path)
        except StorageProblem as problem:
            log.warning("import_file_left", path=path, problem=problem.message)
