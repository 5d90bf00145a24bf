"""How much memory a process has, as the kernel counts it (Linux ``/proc``)."""

from __future__ import annotations

from pathlib import Path


def peak_megabytes() -> float:
    """Return the most memory this program ever had at once, in MiB (``VmHWM``).

    Of this program alone: what ``getrusage`` says includes the process that started it.
    """
    return _megabytes("self", "VmHWM")


def resident_megabytes(process: int) -> float:
    """Return the memory a process has now, in MiB (``VmRSS``)."""
    return _megabytes(str(process), "VmRSS")


def _megabytes(process: str, name: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
