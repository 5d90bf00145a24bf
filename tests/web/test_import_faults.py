"""Imports that break: what every rendering says of the way out (jobs §11.5, §11.8, §12.4)."""

from __future__ import annotations

import pytest

from bookstrack.jobs import ending
from bookstrack.model.job import Fault
from listener import listen
from staged import BATCH, FAILED, ID, IMPORT, theatre

__all__ = ["listen", "theatre"]

WAY_OUT = {
    "fallbackAvailable": True,
    "suggestion": "Send the file again; with parser=deterministic no AI has a part in it",
}
BROKEN = ending.unexpected(IMPORT)


async def last_message(run, fault: Fault, version: str) -> dict:
    """Return how a socket tells that a job has failed."""
    await run.stage.add(IMPORT)
    talk = await run.talk(wsVersion=version)
    await talk.ready()
    await run.stage.emit(FAILED, fault=fault, message=fault.message)
    return (await talk.until("error"))[-1]


def test_an_import_that_breaks_names_a_way_out():
    assert (BROKEN.code, BROKEN.retryable) == ("E_CSV_PROCESSING_FAILED", True)
    assert BROKEN.details == WAY_OUT


def test_other_jobs_that_break_have_none():
    assert ending.unexpected(BATCH).details is None


async def test_streams_say_it(theatre, listen):
    run = await theatre()
    await run.stage.add(IMPORT)
    await run.stage.emit(FAILED, fault=BROKEN, message=BROKEN.message)
    stream = await listen(run.url, f"/api/v2/imports/{ID}/stream", Last_Event_ID="0")
    error = (await stream.frames())[-1].data["error"]
    assert error == {
        "code": BROKEN.code,
        "message": BROKEN.message,
        "retryable": True,
        "details": WAY_OUT,
    }


async def test_sockets_of_version_2_say_it(theatre):
    payload = (await last_message(await theatre(), BROKEN, "2"))["payload"]
    assert payload["details"] == WAY_OUT


async def test_sockets_of_version_1_say_it_flat(theatre):
    data = (await last_message(await theatre(), BROKEN, "1"))["data"]
    assert data == {"error": BROKEN.message, "code": BROKEN.code, "message": BROKEN.message} | (
        WAY_OUT
    )


@pytest.mark.parametrize(
    ("details", "retryable", "told"),
    [
        ({"fallbackAvailable": False, "suggestion": "Mend it"}, True, (False, "Mend it")),
        ({"row": 3}, False, (False, "Start a new job")),
        (None, True, (True, "Try again later")),
    ],
)
async def test_version_1_always_has_both(theatre, details, retryable, told):
    fault = Fault(code="E_CSV_X", message="No", retryable=retryable, details=details)
    data = (await last_message(await theatre(), fault, "1"))["data"]
    assert (data["fallbackAvailable"], data["suggestion"]) == told


async def test_the_status_says_it(theatre, listen):
    run = await theatre()
    await run.stage.add(IMPORT)
    await run.stage.emit(FAILED, fault=BROKEN, message=BROKEN.message)
    for path in (f"/api/v2/imports/{ID}", f"/v1/jobs/{ID}/status"):
        answer = await listen(run.url, path)
        assert (await answer.json())["data"]["error"]["details"] == WAY_OUT
