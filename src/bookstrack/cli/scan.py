"""``bookstrack scan``: the books on photos of shelves, here or by a server."""

from __future__ import annotations

import asyncio
import json as jsons
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.cli.job_commands import Show, bar, read_file, settings_here
from bookstrack.cli.remote import Remote, SentFile
from bookstrack.errors import BooksTrackError, InvalidRequest
from bookstrack.model.job import CancelMode
from bookstrack.scans.refusals import PictureRefused
from bookstrack.settings import Settings
from bookstrack.web.scan_orders import ScanDesk, Wishes
from bookstrack.web.scan_uploads import Photo, Submitted, bounds_of, too_large, too_many

_NOTHING = 1
Results = dict[str, Any]


def scan(
    *photos: Annotated[Path, Parameter(help="Photos of shelves: JPEG, PNG or WebP.")],
    server: Annotated[str, Parameter(help="Let this server scan, http://host:port.")] = "",
    json: Annotated[bool, Parameter(negative="", help="Print the results as JSON.")] = False,
) -> int:
    """Find the books on photos. Exit code 1 when there are none."""
    if not photos:
        raise InvalidRequest("scan needs at least one photo")
    read = [read_file(photo) for photo in photos]
    with bar("Sending the photos") as show:
        if server:
            results = _by_server(Remote(server), photos, read, show)
        else:
            results = _here(photos, read, show)
    if json:
        print(jsons.dumps(results, ensure_ascii=False, indent=2))
    else:
        _print(results)
    return 0 if results["books"] else _NOTHING


def _here(photos: tuple[Path, ...], read: list[bytes], show: Show) -> Results:
    settings = settings_here()
    bounds = bounds_of(settings.imports)
    if len(read) > bounds.photos:
        raise too_many(len(read), bounds.photos)
    for number, data in enumerate(read):
        if len(data) > bounds.image:
            raise too_large(len(data), bounds.image, index=number)
    own = replace(settings, imports=replace(settings.imports, keep_scan_photos=False))
    try:
        return asyncio.run(_scanned(own, read, show))
    except PictureRefused as problem:
        name = photos[int(problem.details.get("index", 0))]
        raise InvalidRequest(f"{name}: {problem.message}") from problem


async def _scanned(settings: Settings, read: list[bytes], show: Show) -> Results:
    async with open_assembly(settings) as parts:
        desk = ScanDesk(parts)
        desk.check_configured()
        threshold = settings.imports.confidence_threshold
        wishes = Wishes(job_id=None, key=None, user=None, threshold=threshold, provider="auto")
        sent = tuple(Photo(index=number, data=data) for number, data in enumerate(read))
        parts.crew.open()
        started = await parts.board.start(await desk.request(Submitted(photos=sent), wishes))
        try:
            return await _results(parts, started.job.id, show)
        finally:  # nobody asks for the job again, so that nothing of it is left
            await parts.board.cancel(started.job.id, CancelMode.HARD)


async def _results(parts: Assembly, job_id: str, show: Show) -> Results:
    async for event in parts.board.follow(job_id, after=0):
        show(event.progress, event.message or "")
        if event.fault is not None:
            raise BooksTrackError(event.fault.message)
    await parts.background.drain(10)
    stored = await parts.board.results(job_id)
    return jsons.loads(stored.body)


def _by_server(remote: Remote, photos: tuple[Path, ...], read: list[bytes], show: Show) -> Results:
    files = [
        SentFile(field="photos", name=photo.name, content_type="image/jpeg", data=data)
        for photo, data in zip(photos, read, strict=True)
    ]
    started = remote.start("/api/v2/scans", files, {})
    job_id, token = started["jobId"], started["authToken"]
    for name, data in remote.events(f"/api/v2/scans/{job_id}/stream", token):
        show(float(data.get("progress", 0.0)), str(data.get("message", "")))
        if name in ("failed", "canceled"):
            raise BooksTrackError(str(data.get("message") or "The scan was canceled"))
    return remote.get(f"/v1/jobs/{job_id}/results", token)


def _print(results: Results) -> None:
    console = Console()
    books: list[dict[str, Any]] = results["books"]
    if not books:
        console.print("No book was recognised.")
    else:
        console.print(_table(books))
    for photo in results["photoResults"]:
        if photo["status"] == "error":
            console.print(f"Photo {photo['index'] + 1}: {photo['error']}", markup=False)
    for hint in results["suggestions"]:
        console.print(hint["message"], style="dim", markup=False)
    counts = f"{len(books)} books, {results['approved']} sure, {results['needsReview']} to look at"
    model = results["metadata"]["modelUsed"]
    console.print(f"{counts}; read by {model}", style="dim", markup=False)


def _table(books: list[dict[str, Any]]) -> Table:
    table = Table("Title", "Author", "Sure", "", "Publisher", "Year", show_lines=False)
    for book in books:
        cells = (
            book["title"] or book.get("isbn", ""),
            book["author"],
            f"{book['confidence']:.0%}",
            "" if book["approved"] else "look at it",
            book.get("publisher", ""),
            str(book.get("publicationYear", "")),
        )
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    return table
