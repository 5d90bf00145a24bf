"""Several server processes on one listening socket, none of which outlives the first."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.2
_RESTART_PAUSE_S = 1.0


def supervise(listener: socket.socket, workers: int, *, grace_s: float) -> int:
    """Run ``workers`` children until a signal; one that dies is replaced. Returns the exit code."""
    return _Supervisor(listener, workers, grace_s).run()


class _Supervisor:
    def __init__(self, listener: socket.socket, workers: int, grace_s: float) -> None:
        self._listener = listener
        self._workers = workers
        self._grace_s = grace_s
        self._children: list[subprocess.Popen[bytes]] = []
        self._ending = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._children = [self._start() for _ in range(self._workers)]
        while not self._ending:
            time.sleep(_LOOK_EVERY_S)
            self._replace_dead()
        return self._wait()

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self._listener.fileno()
        command = [
            sys.executable,
            "-m",
            "bookstrack",
            "serve",
            "--workers",
            str(self._workers),
            "--listener",
            str(descriptor),
        ]
        return subprocess.Popen(  # noqa: S603 our own command
            command,
            pass_fds=(descriptor,),
            preexec_fn=_die_with(os.getpid()),
            start_new_session=True,  # the terminal's Ctrl-C reaches them through us alone
        )

    def _replace_dead(self) -> None:
        for place, child in enumerate(self._children):
            code = child.poll()
            if code is not None and not self._ending:
                log.error("worker_died", pid=child.pid, code=code)
                time.sleep(_RESTART_PAUSE_S)
                self._children[place] = self._start()

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if self._ending:
            for child in self._children:
                child.kill()
            os._exit(130)
        self._ending = True
        for child in self._children:
            child.send_signal(signal.SIGTERM)

    def _wait(self) -> int:
        until = time.monotonic() + self._grace_s + 5
        for child in self._children:
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
        return 0


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child runs first: the kernel ends it when its parent is gone (Linux)."""

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return prepare
