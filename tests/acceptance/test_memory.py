"""What an idle server occupies; `make bench` holds the numbers, this notices a leak of modules."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from bookstrack.testing.memory import resident_megabytes
from bookstrack.testing.processes import server_process

pytestmark = [
    pytest.mark.slow,  # starts servers
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def mapped(number):
    return Path(f"/proc/{number}/maps").read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_idle_processes(tmp_path, record_property, workers):
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_SAMPLE_DATA": "true",
        "BOOKSTRACK_OFFLINE": "true",
    }
    with server_process(settings, log=tmp_path / "log", workers=workers) as server:
        serving = server.workers() if workers > 1 else [server.process.pid]
        megabytes = [round(resident_megabytes(number)) for number in serving]
        record_property("resident_mb", str(megabytes))
        assert len(megabytes) == workers
        assert max(megabytes) < 200
        if workers > 1:  # the supervisor serves nothing and loads nothing for it
            assert "uvloop" in mapped(serving[0])
            assert "uvloop" not in mapped(server.process.pid)
            assert resident_megabytes(server.process.pid) < 80
        server.send(signal.SIGTERM)
        assert server.wait() == 0
