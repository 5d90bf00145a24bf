"""A BooksTrack server somewhere else, as commands use it: start a job, watch it, read results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from secrets import token_hex
from time import sleep
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from msgspec import Struct

from bookstrack.cli.surroundings import tell
from bookstrack.errors import BooksTrackError, InvalidRequest

_ANSWER_S = 120
_SILENCE_S = 90  # three heartbeats
_AGAIN_S = 1.0
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""Before each new try while the server cannot be reached: a minute without it is not its end."""
_PASSING = frozenset({429, 502, 503, 504})
_WITHOUT_NEWS = frozenset({"timeout", "error"})  # they end a stream and say nothing of the job
ENDS = frozenset({"completed", "failed", "canceled"})
Answer = dict[str, Any]


class SentFile(Struct, frozen=True, kw_only=True):
    """A file of a form."""

    field: str
    name: str
    content_type: str
    data: bytes


class _Passing(BooksTrackError):
    """The server cannot be reached now, or says that it is too busy."""


class Remote:
    """One server. Its methods wait, and raise BooksTrackError with a text for people.

    What only reads is tried again for about a minute; ``pause`` waits that many seconds.
    """

    def __init__(self, url: str, *, pause: Callable[[float], None] = sleep) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise InvalidRequest(f"{url!r} is no address of a server; write http://host:port")
        self._url = url.rstrip("/")
        self._pause = pause

    def start(self, path: str, files: list[SentFile], fields: Mapping[str, str]) -> Answer:
        """Send a form that starts a job; return the ``data`` of the answer.

        How to come back to the job is printed to standard error. Nothing is sent twice.
        """
        boundary = token_hex(16)
        request = self._request(path, data=_encoded(boundary, files, fields))
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        with self._opened(request, _ANSWER_S) as answer:
            started = _data(answer.read())
        job_id = started["jobId"]
        tell(
            f"job {job_id} has begun and goes on without this command; "
            f"its results will be at {self._url}/v1/jobs/{job_id}/results"
        )
        return started

    def get(self, path: str, token: str) -> Answer:
        """Return the ``data`` of an answer."""
        return _data(self.fetch(path, token))

    def fetch(self, path: str, token: str) -> bytes:
        """Return the body of an answer as it is."""
        pauses = iter(_PAUSES_S)
        while True:
            try:
                with self._opened(self._request(path, token=token), _ANSWER_S) as answer:
                    return self._whole(answer)
            except _Passing as problem:
                self._wait(pauses, problem)

    def events(self, path: str, token: str) -> Iterator[tuple[str, Answer]]:
        """Yield the events of a job with their names up to its last one, which ``ENDS`` names.

        A broken stream is taken up again after the last event seen.
        """
        last, pauses = "", iter(_PAUSES_S)
        while True:
            try:
                for number, name, data in self._stream(path, token, last):
                    last, pauses = number or last, iter(_PAUSES_S)
                    if name not in _WITHOUT_NEWS:
                        yield name, data
                    if name in ENDS:
                        return
            except _Passing as problem:
                self._wait(pauses, problem)
            else:  # the server ends a stream on which nothing happens
                self._pause(_AGAIN_S)

    def _wait(self, pauses: Iterator[float], problem: _Passing) -> None:
        """Wait before another try; raise the problem when there have been enough."""
        seconds = next(pauses, None)
        if seconds is None:
            raise problem
        self._pause(seconds)

    def _stream(self, path: str, token: str, last: str) -> Iterator[tuple[str, str, Answer]]:
        """Yield number, name and data of the events after ``last``; some have no number."""
        request = self._request(path, token=token)
        if last:
            request.add_header("Last-Event-ID", last)
        with self._opened(request, _SILENCE_S) as stream:
            fields: dict[str, str] = {}
            for line in self._lines(stream):
                if line:
                    key, _, value = line.partition(": ")
                    fields[key] = value
                elif "data" in fields:  # cut off before the empty line, an event is not whole
                    yield fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
                    fields = {}

    def _lines(self, stream: HTTPResponse) -> Iterator[str]:
        try:
            for raw in stream:
                yield raw.decode().rstrip("\r\n")
        except (OSError, HTTPException) as problem:
            raise self._away(problem) from problem

    def _whole(self, answer: HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, HTTPException) as problem:
            raise self._away(problem) from problem

    def _request(self, path: str, *, data: bytes | None = None, token: str = "") -> Request:
        request = Request(self._url + path, data=data)  # noqa: S310 http and https only
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        return request

    def _opened(self, request: Request, seconds: float) -> HTTPResponse:
        try:
            return cast("HTTPResponse", urlopen(request, timeout=seconds))  # noqa: S310 checked
        except HTTPError as problem:
            refusal = _refused(problem.read())
            again = _Passing(refusal.message) if problem.code in _PASSING else refusal
            raise again from problem
        except (URLError, OSError, HTTPException) as problem:
            raise self._away(problem) from problem

    def _away(self, problem: Exception) -> _Passing:
        reason = getattr(problem, "reason", None) or problem
        return _Passing(f"The server {self._url} cannot be reached: {reason}")


def _encoded(boundary: str, files: list[SentFile], fields: Mapping[str, str]) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for one in files:
        safe = one.name.replace('"', "").replace("\r", "").replace("\n", "")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{one.field}"; '
            f'filename="{safe}"\r\nContent-Type: {one.content_type}\r\n\r\n'
        )
        parts += [head.encode(), one.data, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _data(body: bytes) -> Answer:
    try:
        return json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        raise BooksTrackError("This is no BooksTrack server: its answer cannot be read") from None


def _refused(body: bytes) -> BooksTrackError:
    try:
        message = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = "its answer cannot be read"
    return BooksTrackError(f"The server refuses: {message}")
