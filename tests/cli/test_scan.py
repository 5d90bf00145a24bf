"""``bookstrack scan``: here and by a server, as a table and as JSON, and what is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from bookstrack.testing.processes import run_command
from photos import FERRY, drawn, said, seen
from served import start, upstream

__all__ = ["start", "upstream"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "shelf.jpg"
    path.write_bytes(drawn())
    return path


@pytest.fixture
def scan(upstream, tmp_path):
    """``await scan(...)`` runs the command beside the fake providers."""
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "here"),
        "BOOKSTRACK_GEMINI_API_KEY": "k",
        "COLUMNS": "160",
        **upstream.environment(),
    }

    async def run(*arguments, **more):
        given = {**settings, **more}
        return await asyncio.to_thread(
            run_command, "scan", *map(str, arguments), settings=given, folder=tmp_path
        )

    return run


async def test_a_photo_here_in_a_table(scan, upstream, photo):
    upstream.say(said(seen(**FERRY), seen("Qwv Zab", confidence=0.5)))
    done = await scan(photo)
    assert (done.returncode, done.stderr) == (0, "")
    assert FERRY["title"] in done.stdout
    assert "Larkspur House" in done.stdout
    assert "look at it" in done.stdout
    assert "2 books, 1 sure, 1 to look at; read by gemini-2.5-flash" in done.stdout


async def test_photos_here_as_json(scan, upstream, photo):
    upstream.gemini.otherwise = said(seen(**FERRY))
    second = photo.with_name("other.png")
    second.write_bytes(drawn("PNG", shade=4))
    done = await scan(photo, second, "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert (results["booksUnique"], results["photosProcessed"]) == (1, 2)
    assert "spineUrl" not in results["books"][0]  # nobody serves it


async def test_a_server_can_do_it(scan, start, upstream, photo):
    api = await start(GEMINI_API_KEY="k")
    upstream.gemini.otherwise = said(seen(**FERRY))
    done = await scan(photo, "--server", api.url + "/", "--json", BOOKSTRACK_GEMINI_API_KEY="")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert (results["status"], results["totalDetected"]) == ("completed", 1)


async def test_no_book_ends_with_1(scan, photo):
    done = await scan(photo)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "No book was recognised.")


async def test_what_is_wrong_is_said_in_words(scan, upstream, photo, tmp_path):
    text = tmp_path / "notes.jpg"
    text.write_text("no picture")
    for arguments, code, words in [
        ((), 2, "at least one photo"),
        ((tmp_path / "absent.jpg",), 2, "cannot be read"),
        ((text,), 2, "notes.jpg: This is not a picture"),
        ((photo,) * 6, 2, "At most 5 photos"),
        ((photo, "--server", "localhost"), 2, "no address of a server"),
        ((photo, "--server", "http://127.0.0.1:1"), 1, "cannot be reached"),
    ]:
        done = await scan(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = await scan(photo, BOOKSTRACK_AI_PROVIDER="none")
    assert (done.returncode, "cannot read photos" in done.stderr) == (2, True)


async def test_a_server_that_refuses_is_quoted(scan, start, upstream, photo):
    api = await start(AI_PROVIDER="none")
    done = await scan(photo, "--server", api.url)
    assert (done.returncode, "The server refuses: This server" in done.stderr) == (1, True)
    upstream.say(said(blocked=True))
    done = await scan(photo, BOOKSTRACK_AI_PROVIDER="gemini")
    assert (done.returncode, "could not be read" in done.stderr) == (1, True)
