"""``bookstrack scan``: the books on photos of shelves, here or by a server."""

from __future__ import annotations

import asyncio
import json as jsons
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.remote import Remote, SentFile
from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import BooksTrackError, InvalidRequest
from bookstrack.model.job import CancelMode
from bookstrack.scans.refusals import PictureRefused
from bookstrack.settings import Settings
from bookstrack.telemetry.logging import configure_logging
from bookstrack.web.scan_orders import ScanDesk, Wishes
from bookstrack.web.scan_uploads import Photo, Submitted, bounds_of, too_large, too_many

_NOTHING = 1
Show = Callable[[float, str], None]
Results = dict[str, Any]


def scan(
    *photos: Annotated[Path, Parameter(help="Photos of shelves: JPEG, PNG or WebP.")],
    server: Annotated[str, Parameter(help="Let this server scan, http://host:port.")] = "",
    json: Annotated[bool, Parameter(negative="", help="Print the results as JSON.")] = False,
) -> int:
    """Find the books on photos. Exit code 1 when there are none."""
    if not photos:
        raise InvalidRequest("scan needs at least one photo")
    read = [_read(photo) for photo in photos]
    with _shown() as show:
        if server:
            results = _by_server(Remote(server), photos, read, show)
        else:
            results = _here(photos, read, show)
    if json:
        print(jsons.dumps(results, ensure_ascii=False, indent=2))
    else:
        _print(results)
    return 0 if results["books"] else _NOTHING


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as problem:
        raise InvalidRequest(f"{photo} cannot be read: {problem.strerror}") from problem


@contextmanager
def _shown() -> Generator[Show]:
    """Show a bar on standard error, so that standard output holds the books alone."""
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} % {task.description}"))
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("Sending the photos", total=1.0)

        def show(progress: float, message: str) -> None:
            bar.update(task, completed=progress, description=message)

        yield show


def _here(photos: tuple[Path, ...], read: list[bytes], show: Show) -> Results:
    settings = read_settings()
    configure_logging(replace(settings.telemetry, log_level="ERROR"))
    refuse_unmigrated(settings)
    bounds = bounds_of(settings.imports)
    if len(read) > bounds.photos:
        raise too_many(len(read), bounds.photos)
    for number, data in enumerate(read):
        if len(data) > bounds.image:
            raise too_large(len(data), bounds.image, index=number)
    # This process runs the job at once and needs no memory of its own for that; no photo stays.
    own = replace(
        settings,
        storage=replace(settings.storage, engine_url="memory:"),
        imports=replace(settings.imports, keep_scan_photos=False),
    )
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
    started = remote.post_form("/api/v2/scans", files, {})
    job_id, token = started["jobId"], started["token"]
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
