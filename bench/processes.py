"""Processes that the bench starts and ends: our server, the fake upstream, the baselines."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bookstrack.testing.memory import resident_megabytes

_START_S = 30.0
_UNLIMITED = "1000000000/60"


class Running(Struct, frozen=True):
    """A process that answers on a port of 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int
    seconds_to_answer: float


class Reply(Struct, frozen=True):
    """One answer to a question outside the measured runs."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)


@cache
def _cores() -> tuple[int, ...]:
    """Return the cores that were ours at first; ``pin_self`` leaves fewer."""
    return tuple(sorted(os.sched_getaffinity(0)))


def server_core() -> int:
    """Return the core that what is measured runs on."""
    return _cores()[0]


def pin_self() -> None:
    """Keep the load generator, and what it starts unpinned, off the server's core."""
    others = _cores()[1:]
    if others:
        os.sched_setaffinity(0, others)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def ask(port: int, path: str) -> Reply:
    """GET a path on a connection of its own.

    Raises:
        OSError: nobody answers.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read())
    finally:
        connection.close()


@contextmanager
def started(
    command: Sequence[str],
    port: int,
    *,
    path: str,
    environ: Mapping[str, str] | None = None,
    core: int | None = None,
    given: bytes = b"",
) -> Generator[Running]:
    """Run a command until the block ends; it begins once ``path`` is answered with 200.

    Raises:
        RuntimeError: the process ended or did not answer in time.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as fed:
        fed.write(given)
        fed.seek(0)
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**_outside(), **(environ or {})},
            stdin=fed,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            if not _answers(process, port, path, until=begun + _START_S):
                said.seek(0)
                words = said.read().decode(errors="replace")[-4000:]
                raise RuntimeError(f"{' '.join(command)} did not answer {path}:\n{words}")
            yield Running(process, port, time.perf_counter() - begun)
        finally:
            process.terminate()
            process.wait()


def _outside() -> dict[str, str]:
    """Return the environment without settings of whoever runs the bench."""
    return {k: v for k, v in os.environ.items() if not k.startswith("BOOKSTRACK_")}


def _answers(process: subprocess.Popen[bytes], port: int, path: str, *, until: float) -> bool:
    while time.perf_counter() < until and process.poll() is None:
        try:
            return ask(port, path).status == 200
        except OSError:
            time.sleep(0.005)
    return False


@contextmanager
def fake_upstream(
    *,
    delay_ms: float = 0,
    spread_ms: float = 0,
    books: int = 0,
    exports: Sequence[Path] = (),
) -> Generator[dict[str, str]]:
    """Run the fake providers; yields the variables that point a server at them."""
    port = free_port()
    command = [sys.executable, "-m", "bookstrack.testing", "--port", str(port)]
    command += ["--delay-ms", str(delay_ms), "--spread-ms", str(spread_ms), "--books", str(books)]
    command += [f"--export={file}" for file in exports]
    with started(command, port, path="/_control/asked"):
        from bookstrack.testing.upstream import FakeUpstream

        yield FakeUpstream(port=port).environment()


def server(
    folder: Path, *, environ: Mapping[str, str], first: str = "/health/live", core: int | None
) -> Any:
    """Run ``bookstrack serve`` on a folder, limits lifted but counted, request log off."""
    port = free_port()
    settings = {
        "BOOKSTRACK_DATA_DIR": str(folder),
        "BOOKSTRACK_ENABLE_PERFORMANCE_LOGGING": "false",
        "BOOKSTRACK_RATE_SEARCH": _UNLIMITED,
        **environ,
    }
    command = [str(Path(sys.executable).with_name("bookstrack")), "serve", "--port", str(port)]
    return started(command, port, path=first, environ=settings, core=core)


def baseline(kind: str, body: bytes) -> Any:
    """Run a baseline on the server's core."""
    port = free_port()
    command = [sys.executable, "-m", "bench.baseline", kind, str(port)]
    first = "/v1/search/isbn?isbn=1"
    return started(command, port, path=first, core=server_core(), given=body)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and all its descendants in MB (10^6 bytes)."""
    children: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        children.update(map(int, (task / "children").read_text().split()))
    return resident_megabytes(pid) * 1.048576 + sum(map(resident_mb, children))


def scheduled(pid: int) -> tuple[float, float]:
    """Return the seconds that a process's threads ran and waited to run (Linux)."""
    busy = waited = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        ran, queued, _ = (task / "schedstat").read_text().split()
        busy, waited = busy + int(ran), waited + int(queued)
    return busy / 1e9, waited / 1e9
