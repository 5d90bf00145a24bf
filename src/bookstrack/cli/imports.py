"""``bookstrack import``: the books of an export file, here or by a server."""

from __future__ import annotations

import asyncio
import json as jsons
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from cyclopts import Parameter
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bookstrack.assembly import open_assembly
from bookstrack.cli.job_commands import Show, bar, read_file, settings_here
from bookstrack.cli.remote import Remote, SentFile
from bookstrack.errors import BooksTrackError
from bookstrack.imports.export import Format
from bookstrack.model.event import Event
from bookstrack.settings import Settings
from bookstrack.web.import_desk import ImportDesk
from bookstrack.web.import_orders import ImportQuery, read_order
from bookstrack.web.import_upload import MIB, Upload, too_large
from bookstrack.web.import_views import import_view, rejected_file
from bookstrack.web.job_results import decode_results

_NOTHING = 1
_SHOWN_FAULTS = 10
Results = dict[str, Any]


class Imported(Struct, frozen=True):
    """What an import has come to: its results, and the rejected rows as a file."""

    results: Results
    rejected: bytes


def import_file(
    file: Annotated[Path, Parameter(help="The export file of another app.")],
    *,
    server: Annotated[str, Parameter(help="Let this server import, http://host:port.")] = "",
    dry_run: Annotated[bool, Parameter(negative="", help="Store nothing.")] = False,
    format: Annotated[Format | None, Parameter(help="Take the file for this format.")] = None,
    errors: Annotated[
        Path | None, Parameter(help="Where rows that brought no book go; FILE.errors.csv.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", help="Print the results as JSON.")] = False,
) -> int:
    """Import an export file. Exit code 1 when it brings no book."""
    data = read_file(file)
    query = ImportQuery(format=format, dry_run=dry_run)
    with bar("Reading the file") as show:
        if server:
            found = _by_server(Remote(server), file, data, query, show)
        else:
            found = _here(data, query, show)
    written = _write_rejected(found, errors or file.with_name(f"{file.stem}.errors.csv"))
    if json:
        print(jsons.dumps(found.results, ensure_ascii=False, indent=2))
    else:
        _print(found.results, written)
    return 0 if found.results["books"] else _NOTHING


def _here(data: bytes, query: ImportQuery, show: Show) -> Imported:
    settings = settings_here()
    limit = settings.imports.csv_max_mb * MIB
    if len(data) > limit:
        raise too_large(len(data), limit)
    return asyncio.run(_imported(settings, data, query, show))


async def _imported(settings: Settings, data: bytes, query: ImportQuery, show: Show) -> Imported:
    async with open_assembly(settings) as parts:
        desk, upload = ImportDesk(parts), Upload(data=data)
        order = read_order(upload, query, key_header="")
        request = await desk.job(upload, order, user=None)
        parts.crew.open()
        started = await parts.board.start(request)
        last: Event | None = None
        async for event in parts.board.follow(started.job.id, after=0):
            show(event.progress, event.message or "")
            last = event
        if last is None or last.fault is not None:
            raise _failed(msgspec.to_builtins(last.fault) if last is not None else None)
        await parts.background.drain(10)
        stored = decode_results((await parts.board.results(started.job.id)).body)
        shown = import_view(stored, path="", texts=False)
        return Imported(jsons.loads(msgspec.json.encode(shown)), rejected_file(stored))


def _by_server(remote: Remote, file: Path, data: bytes, query: ImportQuery, show: Show) -> Imported:
    sent = SentFile(field="file", name=file.name, content_type="text/csv", data=data)
    asked = [f"dryRun={str(bool(query.dry_run)).lower()}"]
    asked += [f"format={query.format.value}"] if query.format is not None else []
    started = remote.start(f"/api/v2/imports?{'&'.join(asked)}", [sent], {})
    path, token = f"/api/v2/imports/{started['jobId']}", started["authToken"]
    for name, event in remote.events(f"{path}/stream", token):
        show(float(event.get("progress", 0.0)), str(event.get("message", "")))
        if name in ("failed", "canceled"):
            raise _failed(event.get("error"), otherwise=event.get("message"))
    results = remote.get(f"/v1/jobs/{started['jobId']}/results", token)
    return Imported(results, remote.fetch(f"{path}/errors.csv", token))


def _failed(error: object, *, otherwise: object = None) -> BooksTrackError:
    """Return why an import failed, with the rows at fault where there are some."""
    facts = cast("Results", error) if isinstance(error, dict) else {"message": error}
    details = cast("Results", facts.get("details") or {})
    rows = cast("list[Results]", details.get("errors") or [])
    lines = [f"Row {row['row']}: {row['error']}" for row in rows[:_SHOWN_FAULTS]]
    message = facts.get("message") or otherwise or "The import was canceled"
    return BooksTrackError("\n".join([str(message), *lines]))


def _write_rejected(found: Imported, to: Path) -> Path | None:
    """Write the rows that brought no book, where there are some."""
    if not (found.results["errorCount"] or found.results["skipped"]["count"]):
        return None
    try:
        to.write_bytes(found.rejected)
    except OSError as problem:
        raise BooksTrackError(f"{to} cannot be written: {problem.strerror}") from problem
    return to


def _print(results: Results, rejected: Path | None) -> None:
    console = Console()
    console.print(_table(results))
    for fault in results["errors"][:_SHOWN_FAULTS]:
        console.print(f"Row {fault['row']}: {fault['error']}", markup=False)
    if rejected is not None:
        console.print(f"The rows that brought no book are in {rejected}", markup=False)
    reader = "with the help of an AI" if results["parser"] == "ai" else "without an AI"
    facts = f"format {results['format']}, {results['encoding']}, read {reader}"
    console.print(facts, style="dim", markup=False)


def _table(results: Results) -> Table:
    table = Table("What became of the rows", "Rows", show_lines=False)
    names = (
        ("would be new" if results.get("dryRun") else "new books", results["booksCreated"]),
        ("books with something new", results["booksUpdated"]),
        ("known before, or twice in the file", results["duplicatesSkipped"]),
        ("left out on purpose", results["skipped"]["count"]),
        ("brought no book", results["errorCount"]),
    )
    for name, count in names:
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("found by the providers", str(results["enrichmentSucceeded"]))
    table.add_row("not found there", str(results["enrichmentFailed"]))
    return table
