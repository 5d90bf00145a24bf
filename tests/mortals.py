"""Processes that are killed and started again, and listeners that hold out through it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import aiohttp

from bookstrack.testing.processes import ServerProcess, environment
from listener import Frame, read_frame

_LAST = {"completed", "failed", "canceled"}
_ERROR = '"level": "error"'


class Mortal:
    """``bookstrack serve``, on the same port in every life, or ``bookstrack worker``."""

    def __init__(self, command: str, settings: dict[str, str], logs: Path) -> None:
        self._command, self._settings, self._logs = command, settings, logs
        self._port = 0
        self.ready_at = 0.0
        self.lives: list[ServerProcess] = []

    @property
    def process(self) -> ServerProcess:
        return self.lives[-1]

    @property
    def _serves(self) -> bool:
        return self._command == "serve"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def launch(self) -> None:
        """Start; whether it works yet is another question."""
        options = ["--host", "127.0.0.1", "--port", str(self._port)] if self._serves else []
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{self._command}-{len(self.lives) + 1}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bookstrack", self._command, *options],
                env=environment(self._settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.lives.append(ServerProcess(process, log))

    async def ready(self) -> None:
        """Wait until it works."""
        name = "serving" if self._serves else "working"
        await asyncio.to_thread(self.process.wait_for, name)
        event = self.process.events(name)[0]
        self.ready_at = datetime.fromisoformat(str(event["ts"])).timestamp()
        self._port = int(str(event.get("port", 0)))

    async def __aenter__(self) -> Mortal:
        self.launch()
        try:
            await self.ready()
        except BaseException:
            await self.kill()
            raise
        return self

    async def kill(self) -> None:
        """``kill -9``."""
        self.process.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def __aexit__(self, *_problem: object) -> None:
        await self.kill()

    def complaints(self) -> list[str]:
        """Return what was logged in all lives as an error, or not as a log line at all."""
        lines = [line for life in self.lives for line in life.log.read_text().splitlines()]
        return [line for line in lines if line[:1] != "{" or _ERROR in line]


async def listen_to_the_end(server: Mortal, path: str) -> list[Frame]:
    """Return every event of a stream, going on where it broke off until the last event."""
    seen: list[Frame] = []
    async with aiohttp.ClientSession() as session:
        while not seen or seen[-1].name not in _LAST:
            headers = {"Last-Event-ID": str(seen[-1].id if seen else 0)}
            with suppress(aiohttp.ClientError, OSError):
                async with session.get(server.url + path, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                    async for frame in _frames(answer.content):
                        seen.append(frame)  # at once: the next one may be cut off
            await asyncio.sleep(0.02)
    return seen


async def _frames(content: aiohttp.StreamReader) -> AsyncIterator[Frame]:
    while (data := await content.readuntil(b"\n\n")).endswith(b"\n\n"):  # or it is cut off
        if b"data: " in data:
            yield read_frame(data)
