"""``bookstrack`` as a process of its own, the way a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

_COMMAND = [sys.executable, "-m", "bookstrack"]
_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.01


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of this process with these settings in place of its own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("BOOKSTRACK_")}
    return {**own, **settings}


def run_command(
    *arguments: str, settings: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder and return what it printed and its exit code."""
    return subprocess.run(  # noqa: S603 our own command
        [*_COMMAND, *arguments],
        env=environment(settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )


class ServerProcess:
    """A running ``bookstrack serve``; ``url`` is known once it serves."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.port = 0

    @property
    def url(self) -> str:
        """Return ``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self.port}"

    def events(self, name: str) -> list[dict[str, object]]:
        """Return the log lines with this message."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event.get("msg") == name]

    def workers(self) -> list[int]:
        """Return the ids of the processes this one has started (Linux)."""
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text()
        return [int(child) for child in children.split()]

    def wait_for(self, name: str, *, times: int = 1) -> None:
        """Wait until a message has been logged so often.

        Raises:
            RuntimeError: the process ended before that, or never gets there.
        """
        until = time.monotonic() + _PATIENCE_S
        while len(self.events(name)) < times:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"no {name}: {self.log.read_text()}")
            time.sleep(_LOOK_EVERY_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code, negative for a signal."""
        return self.process.wait(_PATIENCE_S)


@contextmanager
def server_process(
    settings: Mapping[str, str], *, log: Path, workers: int = 1, port: int = 0
) -> Generator[ServerProcess]:
    """Run ``bookstrack serve`` until the block ends; its output goes to ``log``."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own command
            [*_COMMAND, "serve", *options],
            env=environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = ServerProcess(process, log)
    try:
        server.wait_for("serving", times=workers)
        server.port = int(str(server.events("serving")[0]["port"]))
        yield server
    finally:
        process.kill()
        process.wait(_PATIENCE_S)
