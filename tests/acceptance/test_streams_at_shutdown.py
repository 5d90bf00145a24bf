"""SIGTERM: streams end properly and without an event, and go on after the restart [S17]."""

from __future__ import annotations

import asyncio
import signal
import time

import aiohttp
import pytest

from bookstrack.testing.processes import server_process
from bookstrack.testing.upstream import FakeUpstream
from listener import open_listener

pytestmark = pytest.mark.slow  # real processes, started and killed

ID = "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F"
PATH = f"/api/v2/enrichments/{ID}/stream"


async def test_streams_end_at_shutdown_and_resume_after_the_restart(tmp_path):
    async with FakeUpstream() as upstream:
        settings = {
            "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
            "BOOKSTRACK_SHUTDOWN_GRACE_S": "20",
            **upstream.environment(),
        }
        upstream.delay("all", 0.2)
        seen: list[int | None] = []
        with server_process(settings, log=tmp_path / "log-1") as server:
            books = [{"title": f"Nobody knows book {index}"} for index in range(100)]
            async with aiohttp.ClientSession(server.url) as session:
                body = {"jobId": ID, "books": books}
                async with session.post("/v1/enrichment/batch", json=body) as answer:
                    assert answer.status == 202
            stream = await open_listener(server.url, PATH, Last_Event_ID="0")
            while len(seen) < 4:
                seen.append((await stream.frame()).id)
            asked_at = time.monotonic()
            server.send(signal.SIGTERM)
            ends = [frame.id for frame in await stream.frames()]
            assert time.monotonic() - asked_at < 2
            seen = ends
            await stream.aclose()
            assert await asyncio.to_thread(server.wait) == 0
            assert time.monotonic() - asked_at < 15
        assert seen == list(range(1, len(seen) + 1))
        upstream.heal()
        with server_process(settings, log=tmp_path / "log-2") as server:
            stream = await open_listener(server.url, PATH, Last_Event_ID=str(seen[-1]))
            frames = await stream.frames()
            await stream.aclose()
    seen += [frame.id for frame in frames]
    assert seen == list(range(1, len(seen) + 1))
    assert frames[-1].name == "completed"
    assert frames[-1].data["processedCount"] == 100
    progress = [frame.data["progress"] for frame in frames]
    assert progress == sorted(progress)
