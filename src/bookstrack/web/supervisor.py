"""Several server processes on one listening socket, none of which outlives the first.

This process serves nothing itself and loads next to nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.2
_RESTART_PAUSE_S = 1.0
_CLOSING_S = 3.0
_WRONG_SETTINGS = 2
_SECOND_SIGNAL = 130


def supervise(
    listener: socket.socket, workers: int, *, command: Sequence[str], grace_s: float
) -> int:
    """Run ``workers`` children until a signal; one that dies is replaced. Returns the exit code.

    ``command`` starts a child; the descriptor of the socket is appended to it. A child that ends
    with code 2 has found the settings wrong: then all end with that code.
    """
    return _Supervisor(listener, workers, command, grace_s).run()


class _Supervisor:
    def __init__(
        self, listener: socket.socket, workers: int, command: Sequence[str], grace_s: float
    ) -> None:
        self._listener = listener
        self._workers = workers
        self._command = [*command, str(listener.fileno())]
        self._grace_s = grace_s
        self._prepare = _die_with(os.getpid())
        self._children: list[subprocess.Popen[bytes]] = []
        self._ending = False
        self._code = 0

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._children = [self._start() for _ in range(self._workers)]
        while not self._ending:
            time.sleep(_LOOK_EVERY_S)
            self._look()
        return self._finish()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 our own command
            self._command,
            pass_fds=(self._listener.fileno(),),
            preexec_fn=self._prepare,
            start_new_session=True,  # the terminal's Ctrl-C reaches them through us alone
        )

    def _look(self) -> None:
        for place, child in enumerate(self._children):
            code = child.poll()
            if code == _WRONG_SETTINGS:
                self._code = code
                self._ending = True
            elif code is not None and not self._ending:
                log.error("worker_died", pid=child.pid, code=code)
                time.sleep(_RESTART_PAUSE_S)
                if not self._ending:
                    self._children[place] = self._start()

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self._ending:
            self._kill()
            os._exit(_SECOND_SIGNAL)
        self._ending = True

    def _finish(self) -> int:
        """Ask the children to stop; the port is theirs alone from now on."""
        self._listener.close()
        for child in self._children:
            child.send_signal(signal.SIGTERM)
        until = time.monotonic() + self._grace_s + _CLOSING_S
        for child in self._children:
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
        return self._code

    def _kill(self) -> None:
        for child in self._children:
            child.kill()


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child runs first: the kernel ends it when its parent is gone (Linux)."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if library is not None:
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return prepare
