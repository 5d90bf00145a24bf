"""Google Books as it really answers (providers §2): volumes by search and by id."""

from __future__ import annotations

import re
from typing import Any

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, Asked, html_answer, json_answer
from bookstrack.testing.things import Creation, Printing

_TERM = re.compile(r'(?:(isbn|intitle|inauthor|inpublisher|subject):)?(?:"([^"]*)"|(\S+))')
STRAY_ISBN = "9780000000019"
"""Nobody knows this number, but Google answers it with another book, as it sometimes does."""

_STRAY_VOLUME = "bt0070001011"
_ISBN_SIGNS = re.compile(r"[^0-9Xx]")
_REASONS = {400: "badRequest", 403: "forbidden", 429: "rateLimitExceeded", 500: "backendError"}
_STATES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {
    403: "Google Books API has not been used in project 1 before or it is disabled.",
    404: "The volume ID could not be found.",
    429: "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of "
    "service 'books.googleapis.com' for consumer 'project_number:1'.",
    503: "Service temporarily unavailable.",
}
_QUOTA = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service "
    "'books.googleapis.com' for consumer 'project_number:1'."
)
_ZOOMS = (
    ("smallThumbnail", 5), ("thumbnail", 1), ("small", 2),
    ("medium", 3), ("large", 4), ("extraLarge", 6),
)  # fmt: skip


class GoogleWire:
    """Volumes of a catalogue. Any key will do unless it begins with ``wrong``."""

    def __init__(self, catalogue: Catalogue, *, anonymous: bool = False) -> None:
        self._catalogue = catalogue
        self._anonymous = anonymous

    def answer(self, asked: Asked) -> Answer:
        """Answer ``/books/v1/volumes`` and ``/books/v1/volumes/{id}``."""
        key = asked.query.get("key", "")
        if not key and not self._anonymous:
            return self.quota()
        if key.startswith("wrong"):
            return self.auth()
        match asked.path.strip("/").split("/"):
            case ["books", "v1", "volumes"]:
                return self._search(asked.query)
            case ["books", "v1", "volumes", volume_id]:
                return self._by_id(volume_id)
            case _:
                return html_answer("Error 404 (Not Found)!!1", status=404)

    def status(self, status: int) -> Answer:
        """Answer an error the way Google words it."""
        message = _MESSAGES.get(status, "Backend Error")
        reason = "backendFailed" if status == 503 else _REASONS.get(status, "backendError")
        if status == 403:
            reason = "accessNotConfigured"
        return _error(status, message, reason)

    def quota(self, status: int = 429) -> Answer:
        """Refuse for the rest of the day, Pacific time; 403 is the older form."""
        if status == 403:
            return _error(403, "Daily Limit Exceeded", "dailyLimitExceeded", domain="usageLimits")
        state = {"code": 429, "message": _QUOTA, "status": "RESOURCE_EXHAUSTED"}
        return json_answer({"error": state}, status=429)

    def auth(self, status: int = 400) -> Answer:
        """Refuse the key: 400 not valid, 403 API not enabled for it."""
        if status != 400:
            return self.status(status)
        message = "API key not valid. Please pass a valid API key."
        detail = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "books.googleapis.com"},
        }
        return _error(400, message, "badRequest", details=[detail])

    def _search(self, query: dict[str, str]) -> Answer:
        if not query.get("q", "").strip():
            return _error(400, "Missing query.", "queryRequired")
        size, start = query.get("maxResults", "10"), query.get("startIndex", "0")
        if not (size.isdecimal() and int(size) <= 40 and start.isdecimal()):
            return _error(400, "Values must be within the range: [0, 40]", "invalid")
        found = self._matching(query["q"], query.get("langRestrict", ""))
        page = found[int(start) : int(start) + int(size)]
        # The real total wanders from page to page, too.
        body: dict[str, Any] = {
            "kind": "books#volumes",
            "totalItems": len(found) + (int(start) % 7 if page else 0),
        }
        if page:
            body["items"] = [self._volume(printing, full=False) for printing in page]
        return json_answer(body)

    def _by_id(self, volume_id: str) -> Answer:
        printing = self._catalogue.volume(volume_id)
        if printing is None or "google" in printing.absent:
            return self.status(404)
        return json_answer(self._volume(printing, full=True))

    def _matching(self, q: str, language: str) -> list[Printing]:
        asked: dict[str, list[str]] = {}
        for operator, quoted, bare in _TERM.findall(q):
            asked.setdefault(operator, []).append(quoted or bare)
        if numbers := asked.get("isbn"):
            isbn = _ISBN_SIGNS.sub("", numbers[0]).upper()
            found = self._catalogue.by_isbn(isbn)
            if isbn == STRAY_ISBN:
                found = self._catalogue.volume(_STRAY_VOLUME)
            hits = [found] if found and "google" not in found.absent else []
        else:
            hits = self._catalogue.find(
                " ".join([*asked.get("", ()), *asked.get("subject", ())]),
                title=" ".join(asked.get("intitle", ())),
                author=" ".join(asked.get("inauthor", ())),
                provider="google",
            )
        return [hit for hit in hits if not language or hit.language == language]

    def _volume(self, printing: Printing, *, full: bool) -> dict[str, Any]:
        work, volume_id = self._catalogue.work_of(printing), printing.volume_id
        ebook = printing.binding == "E-book"
        volume: dict[str, Any] = {
            "kind": "books#volume",
            "id": volume_id,
            "etag": f"e{printing.number:010d}",
            "selfLink": f"https://www.googleapis.com/books/v1/volumes/{volume_id}",
            "volumeInfo": self._info(work, printing, full=full),
            "saleInfo": {
                "country": "US",
                "saleability": "FOR_SALE" if ebook else "NOT_FOR_SALE",
                "isEbook": ebook,
            },
            "accessInfo": {
                "country": "US",
                "viewability": "PARTIAL",
                "embeddable": True,
                "publicDomain": False,
                "textToSpeechPermission": "ALLOWED",
                "epub": {"isAvailable": ebook},
                "pdf": {"isAvailable": ebook},
                "webReaderLink": f"http://play.google.com/books/reader?id={volume_id}&hl=",
                "accessViewStatus": "SAMPLE",
                "quoteSharingAllowed": False,
            },
        }
        if not full:
            volume["searchInfo"] = {"textSnippet": work.description.replace("'", "&#39;")}
        return volume

    def _info(self, work: Creation, printing: Printing, *, full: bool) -> dict[str, Any]:
        authors = [person.name for person in self._catalogue.authors_of(work)]
        info: dict[str, Any] = {"title": printing.title or work.title, "authors": authors}
        info |= {
            "publisher": printing.publisher,
            "publishedDate": printing.date,
            "description": f"<p><b>{work.description}</b></p>" if full else work.description,
            "industryIdentifiers": _identifiers(printing),
            "readingModes": {"text": printing.binding == "E-book", "image": True},
            "pageCount": printing.pages or 0,
            "printType": "BOOK",
            "categories": _categories(work, full=full),
            "maturityRating": "NOT_MATURE",
            "allowAnonLogging": False,
            "contentVersion": "0.1.1.0.preview.1",
            "panelizationSummary": {"containsEpubBubbles": False, "containsImageBubbles": False},
            "language": printing.language,
            "previewLink": f"http://books.google.com/books?id={printing.volume_id}&hl=",
            "infoLink": f"http://books.google.com/books?id={printing.volume_id}&source=gbs_api",
            "canonicalVolumeLink": f"https://books.google.com/books/about/?id={printing.volume_id}",
        }
        if work.rating:
            info |= {"averageRating": round(work.rating[0] * 2) / 2, "ratingsCount": work.rating[1]}
        if full and printing.pages:
            info["printedPageCount"] = printing.pages + 9
        if printing.cover:
            info["imageLinks"] = _pictures(printing.volume_id, full=full)
        if not authors:
            del info["authors"]
        return info


def _identifiers(printing: Printing) -> list[dict[str, str]]:
    if printing.isbn is None:
        return [{"type": "OTHER", "identifier": f"BL:A{printing.number:010d}"}]
    both = [{"type": "ISBN_13", "identifier": printing.isbn}]
    both += [{"type": "ISBN_10", "identifier": ten} for ten in [printing.isbn10] if ten]
    # Their order is not fixed.
    return both if printing.number % 2 else both[::-1]


def _categories(work: Creation, *, full: bool) -> list[str]:
    return (
        [f"{work.subjects[0]} / {name}" for name in (*work.subjects[1:], "General")]
        if full
        else [work.subjects[0]]
    )


def _pictures(volume_id: str, *, full: bool) -> dict[str, str]:
    sign = f"&imgtk=AFLRE7{volume_id}" if full else ""
    stem = f"http://books.google.com/books/content?id={volume_id}&printsec=frontcover&img=1"
    return {
        name: f"{stem}&zoom={zoom}&edge=curl{sign}&source=gbs_api"
        for name, zoom in (_ZOOMS if full else _ZOOMS[:2])
    }


def _error(
    status: int,
    message: str,
    reason: str,
    *,
    domain: str = "global",
    details: list[dict[str, Any]] | None = None,
) -> Answer:
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
    }
    if status in _STATES:
        error["status"] = _STATES[status]
    if details:
        error["details"] = details
    return json_answer({"error": error}, status=status)
