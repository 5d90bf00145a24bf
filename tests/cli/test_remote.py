"""A server that goes away while a command follows its job, played by a small one of our own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bookstrack.cli.remote import Remote
from bookstrack.errors import BooksTrackError


def event(name: str, number: int, **data: object) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Played:
    """Answers each request with the next of ``answers``: a status and a body, or ``None``.

    ``None`` closes the connection without a word; a body that ends in ``b"..."`` is cut off there.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes] | None] = []
        self.resumed_after: list[str | None] = []
        self.url = ""

    def next(self, resumed_after: str | None) -> tuple[int, bytes] | None:
        self.resumed_after.append(resumed_after)
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def played() -> Iterator[Played]:
    play = Played()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = play.next(self.headers["Last-Event-ID"])
            if answer is None:
                return
            status, body = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.removesuffix(b"..."))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        play.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield play
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def remote(played, pauses):
    return Remote(played.url, pause=pauses.append)


def refusal(message: str) -> bytes:
    return json.dumps({"error": {"message": message}}).encode()


def test_a_broken_stream_is_taken_up_after_the_last_whole_event(remote, played, pauses):
    cut = event("processing", 3, progress=0.6)
    played.answers = [
        (200, event("processing", 2, progress=0.5) + cut[:-8] + b"..."),
        None,
        (503, refusal("The server is starting")),
        (200, cut + event("completed", 4, progress=1.0)),
    ]
    seen = [(name, data["progress"]) for name, data in remote.events("/stream", "t")]
    assert seen == [("processing", 0.5), ("processing", 0.6), ("completed", 1.0)]
    assert played.resumed_after == [None, "2", "2", "2"]
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_the_end_of_a_silent_stream_is_no_news(remote, played):
    silent = b'event: timeout\ndata: {"lastProgress":0.5}\n\n'
    played.answers = [(200, silent), (200, event("failed", 9, progress=0.5))]
    assert [name for name, _ in remote.events("/stream", "t")] == ["failed"]


def test_a_server_that_stays_away_is_given_up(remote, played, pauses):
    with pytest.raises(BooksTrackError, match="cannot be reached"):
        list(remote.events("/stream", "t"))
    assert 30 <= sum(pauses) <= 120
    assert len(played.resumed_after) == len(pauses) + 1


def test_what_is_refused_for_good_is_not_asked_again(remote, played, pauses):
    played.answers = [(404, refusal("There is no such job"))]
    with pytest.raises(BooksTrackError, match="no such job"):
        list(remote.events("/stream", "t"))
    assert pauses == []


def test_results_are_asked_for_again(remote, played, pauses):
    body = b'{"data": {"books": []}}'
    played.answers = [None, (200, body[:9] + b"..."), (200, body)]
    assert remote.get("/results", "t") == {"books": []}
    assert len(pauses) == 2


def test_a_start_says_where_its_results_will_be_and_is_sent_once(remote, played, pauses, capsys):
    played.answers = [(202, b'{"data": {"jobId": "5b1f"}}')]
    assert remote.start("/api/v2/imports", [], {"a": "b"}) == {"jobId": "5b1f"}
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{played.url}/v1/jobs/5b1f/results" in said.err
    with pytest.raises(BooksTrackError, match="cannot be reached"):
        remote.start("/api/v2/imports", [], {"a": "b"})
    assert (pauses, len(played.resumed_after)) == ([], 2)
