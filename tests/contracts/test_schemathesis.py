"""schemathesis over the OpenAPI document of a running server: no 5xx, nothing undescribed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,unsupported_method"
)


async def fuzz(api, folder: Path, *options: str) -> None:
    """Run the command line of schemathesis against the server; it must find nothing."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{api.url}/doc/openapi.json",
        f"--checks={CHECKS}",
        "--seed=20260101",
        "--generation-database=none",
        "--continue-on-failure",
        "--warnings=off",
        # Take no parameters, and answer 503 on purpose where a busy machine makes them slow.
        "--exclude-path=/health/ready",
        "--exclude-path=/readyz",
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, printed.decode()[-20_000:]


JOBS = "/(jobs?|job-state|batch|enrich-batch|enrichments?|imports|scans?|csv|token|scan-bookshelf)/"
PARTS = {
    "books": f"--exclude-path-regex={JOBS}",
    "jobs": f"--include-path-regex={JOBS}",
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", PARTS)
async def test_many_examples(api, tmp_path, part):
    await fuzz(api, tmp_path, PARTS[part], "--phases=coverage,fuzzing", "--max-examples=100")
