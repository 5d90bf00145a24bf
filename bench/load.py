"""``python -m bench.load``: the founding plan's load test, run by locust against a whole server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Row, table
from bench.processes import fake_upstream, resident_mb, server

_DELAY_MS = 50
_LOOK_EVERY_S = 1.0
_SETTLE_S = 5.0
_PROFILE = Path(__file__).with_name("profile.py")


def main() -> None:
    """Print one table; missed bounds are shown, not an error."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=_DELAY_MS, books=1000) as upstream,
        server(
            Path(folder),
            environ={
                **upstream,
                "BOOKSTRACK_RATE_EXEMPT_CIDRS": "127.0.0.0/8",
                "BOOKSTRACK_SAMPLE_DATA": "true",
            },
            core=None,
        ) as ours,
    ):
        pid = ours.process.pid
        stats, most_mb = _locust(ours.port, pid)
        time.sleep(_SETTLE_S)
        after_mb = resident_mb(pid)
    print(table([*_rows(stats), _memory("under load", most_mb), _memory("after it", after_mb)]))


def _locust(port: int, pid: int) -> tuple[list[dict[str, Any]], float]:
    """Run the profile; return locust's statistics and the most memory the server held in MB."""
    command = [sys.executable, "-m", "locust", "-f", str(_PROFILE), "--headless", "--json"]
    command += [
        "--host",
        f"http://127.0.0.1:{port}",
        "--exit-code-on-error",
        "0",
        "--skip-log-setup",
    ]
    most = 0.0
    with tempfile.TemporaryFile() as said:
        users = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
        while users.poll() is None:
            most = max(most, resident_mb(pid))
            time.sleep(_LOOK_EVERY_S)
        said.seek(0)
        return msgspec.json.decode(said.read()), most


def _rows(stats: list[dict[str, Any]]) -> list[Row]:
    times: dict[int, int] = {}
    for entry in stats:
        for ms, count in entry["response_times"].items():
            times[int(float(ms))] = times.get(int(float(ms)), 0) + count
    asked = sum(entry["num_requests"] for entry in stats)
    failed = sum(entry["num_failures"] for entry in stats)
    p95, share = quantile(times, 0.95), failed / asked
    return [
        *(
            Row(
                what=f"load: {entry['name']}",
                ours=f"{entry['num_requests']} requests",
                figure=f"mean {entry['total_response_time'] / entry['num_requests']:.0f} ms",
            )
            for entry in sorted(stats, key=lambda entry: entry["name"])
        ),
        Row(what="load: requests", ours=str(asked), figure=f"p50 {quantile(times, 0.5)} ms"),
        Row(what="load: p95", ours=f"{p95} ms", bound="< 500 ms", ok=p95 < 500),
        Row(what="load: errors", ours=f"{share:.2%}", bound="< 1 %", ok=share < 0.01),
    ]


def quantile(counts: dict[int, int], share: float) -> int:
    """Return the smallest value that at least ``share`` of all counted values do not exceed."""
    wanted, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    raise ValueError("no values")


def _memory(when: str, held_mb: float) -> Row:
    return Row(
        what=f"memory of all processes {when}",
        ours=f"{held_mb:.0f} MB",
        bound="< 256 MB",
        ok=held_mb < 256,
    )


if __name__ == "__main__":
    main()
