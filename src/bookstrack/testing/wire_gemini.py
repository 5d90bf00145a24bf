"""Gemini as it really answers (providers §6): thoughts, cut answers, refusals, its errors.

It reads nothing: it says what a test has told it to, in order, then ``otherwise`` for ever.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import msgspec

from bookstrack.testing.exchange import Answer, Asked, json_answer

_PATH = re.compile(r"/v1beta/models/([\w.-]+):generateContent\Z")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to give: the text, how it ended, a thought before it.

    ``finish`` is a finish reason; ``blocked`` refuses the prompt, with no candidate at all.
    """

    text: str = "[]"
    finish: str = "STOP"
    thought: str = ""
    blocked: bool = False
    contentless: bool = False
    counted: bool = True


class GeminiWire:
    """Any key will do, except none and one that begins with ``wrong``."""

    def __init__(self) -> None:
        self.script: deque[Said] = deque()
        self.otherwise = Said()

    def answer(self, asked: Asked) -> Answer:
        """Answer one call."""
        key = asked.headers.get("x-goog-api-key", "")
        if not key:
            return self.status(403)
        if key.startswith("wrong"):
            return _error(400, "API key not valid.", reason="API_KEY_INVALID")
        match = _PATH.match(asked.path)
        if match is None or match[1].startswith("unknown"):
            return self.status(404)
        said = self.script.popleft() if self.script else self.otherwise
        return json_answer(_whole(said, match[1]))

    def status(self, status: int) -> Answer:
        """Answer an error status."""
        return _error(status, "The request cannot be served.")

    def quota(self, status: int = 429) -> Answer:
        """Refuse because the quota is used up, with the wait inside the body."""
        return _error(status, "Quota exceeded.", reason="RATE_LIMIT_EXCEEDED", delay="1s")

    def auth(self, status: int = 403) -> Answer:
        """Refuse the key."""
        return _error(status, "The API is not enabled.", reason="SERVICE_DISABLED")


def _whole(said: Said, model: str) -> dict[str, Any]:
    if said.blocked:
        return {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": model}
    parts: list[dict[str, Any]] = [{"text": said.text}]
    if said.thought:
        parts.insert(0, {"text": said.thought, "thought": True})
    candidate: dict[str, Any] = {"finishReason": said.finish, "index": 0}
    if not said.contentless:
        candidate["content"] = {"parts": parts, "role": "model"}
    usage = {"promptTokenCount": 100}
    if said.counted:
        usage |= {"candidatesTokenCount": 20, "totalTokenCount": 120}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}


def _error(status: int, message: str, *, reason: str = "", delay: str = "") -> Answer:
    details: list[dict[str, str]] = []
    if reason:
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason})
    if delay:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    error = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    return json_answer({"error": {**error, "details": details}}, status=status)
