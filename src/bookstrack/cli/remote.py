"""A BooksTrack server somewhere else, as commands use it: start a job, watch it, read results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from secrets import token_hex
from time import sleep
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from msgspec import Struct

from bookstrack.errors import BooksTrackError, InvalidRequest

_ANSWER_S = 120
_SILENCE_S = 90  # three heartbeats
_AGAIN_S = 1.0
ENDS = frozenset({"completed", "failed", "canceled"})
Answer = dict[str, Any]


class SentFile(Struct, frozen=True, kw_only=True):
    """A file of a form."""

    field: str
    name: str
    content_type: str
    data: bytes


class Remote:
    """One server. Its methods wait, and raise BooksTrackError with a text for people."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise InvalidRequest(f"{url!r} is no address of a server; write http://host:port")
        self._url = url.rstrip("/")

    def post_form(self, path: str, files: list[SentFile], fields: Mapping[str, str]) -> Answer:
        """Send a form; return the ``data`` of the answer."""
        boundary = token_hex(16)
        request = self._request(path, data=_encoded(boundary, files, fields))
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        with self._opened(request, _ANSWER_S) as answer:
            return _data(answer.read())

    def get(self, path: str, token: str) -> Answer:
        """Return the ``data`` of an answer."""
        return _data(self.fetch(path, token))

    def fetch(self, path: str, token: str) -> bytes:
        """Return the body of an answer as it is."""
        with self._opened(self._request(path, token=token), _ANSWER_S) as answer:
            return answer.read()

    def events(self, path: str, token: str) -> Iterator[tuple[str, Answer]]:
        """Yield the events of a job with their names up to its last one, which ``ENDS`` names."""
        name = ""
        while name not in ENDS:
            for name, data in self._stream(path, token):
                yield name, data
                if name in ENDS:
                    return
            sleep(_AGAIN_S)  # the server ends a stream on which nothing happens

    def _stream(self, path: str, token: str) -> Iterator[tuple[str, Answer]]:
        request, name = self._request(path, token=token), ""
        with self._opened(request, _SILENCE_S) as stream:
            try:
                for raw in stream:
                    line = raw.decode().rstrip("\n")
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        yield name, json.loads(line.removeprefix("data: "))
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
            raise _refused(problem.read()) from problem
        except (URLError, OSError, HTTPException) as problem:
            raise self._away(problem) from problem

    def _away(self, problem: Exception) -> BooksTrackError:
        reason = getattr(problem, "reason", None) or problem
        return BooksTrackError(f"The server {self._url} cannot be reached: {reason}")


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
