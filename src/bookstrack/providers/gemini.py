"""Gemini over its REST interface (providers §6): one prompt in, one answer in JSON out.

What is asked and what an answer is worth is the business of those who ask.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, field

from bookstrack.errors import ProviderBusy, ProviderProblem, ProviderRefused
from bookstrack.model.record import ProviderId
from bookstrack.providers.gemini_wire import Candidate, Trouble, Whole
from bookstrack.settings import GeminiSettings, ProviderSettings
from bookstrack.upstream.budget import Budget
from bookstrack.upstream.client import Channel, ChannelOptions, Reply

CALL_S = 90.0
"""One call may take this long (providers §1.3): a picture takes the model half a minute."""
REQUEST_BYTES = 20_000_000
_MAX_TOKENS = 8192
_REFUSALS = frozenset({"SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"})
_encode = msgspec.json.Encoder().encode


class Ending(StrEnum):
    """How an answer ended: whole, cut off at the limit of tokens, refused, or otherwise empty."""

    WHOLE = "whole"
    CUT = "cut"
    REFUSED = "refused"
    NOTHING = "nothing"


class Picture(Struct, frozen=True):
    """A picture to look at, with its true media type."""

    data: bytes
    media_type: str = "image/jpeg"


class Prompt(Struct, frozen=True, kw_only=True):
    """What is asked: who the model is, the question, the form of the answer (a JSON schema)."""

    model: str
    system: str
    text: str
    schema: dict[str, Any]
    pictures: tuple[Picture, ...] = ()
    temperature: float = 0.1
    top_p: float = 0.95
    top_k: int | None = None
    most_tokens: int = _MAX_TOKENS


class Tokens(Struct, frozen=True, kw_only=True):
    """What a call has used; 0 where the service does not say."""

    prompt: int = 0
    output: int = 0
    total: int = 0


class Generated(Struct, frozen=True, kw_only=True):
    """An answer: its text without thoughts, how it ended, which model gave it, what it used."""

    text: str
    ending: Ending
    model: str
    tokens: Tokens = field(default_factory=Tokens)


def channel_options(settings: GeminiSettings, common: ProviderSettings) -> ChannelOptions:
    """Return how Gemini is asked."""
    return ChannelOptions(
        name=ProviderId.GEMINI,
        base_url=settings.base_url,
        timeout_s=CALL_S,
        connect_timeout_s=common.connect_timeout_ms / 1000,
        attempts=common.retries,
        rps=settings.rpm / 60,
        burst=max(1, min(4, settings.rpm)),
        secret_headers={"x-goog-api-key": settings.api_key},
    )


class Gemini:
    """Asks Gemini; made where there is a key."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def generate(
        self, prompt: Prompt, *, within: Budget, limit_s: float = CALL_S
    ) -> Generated:
        """Ask once, with the channel's repeats; ``limit_s`` bounds one attempt.

        Raises:
            ProviderRefused: the key, the model's name or the picture was refused.
            ProviderProblem: the service could not be used.
        """
        body = _encode(_request(prompt))
        if len(body) > REQUEST_BYTES:
            raise ProviderRefused(self._channel.name, "gemini: the request is larger than 20 MB")
        whole = await self._channel.post_json(
            f"v1beta/models/{prompt.model}:generateContent",
            body,
            Whole,
            within=within,
            limit_s=limit_s,
            explain=_explain,
        )
        return _generated(whole or Whole(), prompt.model)


def _request(prompt: Prompt) -> dict[str, Any]:
    pictures = [
        {
            "inline_data": {
                "mime_type": picture.media_type,
                "data": base64.b64encode(picture.data).decode(),
            }
        }
        for picture in prompt.pictures
    ]
    config: dict[str, Any] = {
        "temperature": prompt.temperature,
        "topP": prompt.top_p,
        "maxOutputTokens": prompt.most_tokens,
        "responseMimeType": "application/json",
        "responseSchema": prompt.schema,
        "thinkingConfig": {"thinkingBudget": 0},  # thoughts count against the limit of tokens
    }
    if prompt.top_k is not None:
        config["topK"] = prompt.top_k
    return {
        "system_instruction": {"parts": [{"text": prompt.system}]},
        "contents": [{"role": "user", "parts": [*pictures, {"text": prompt.text}]}],
        "generationConfig": config,
    }


def _generated(whole: Whole, asked: str) -> Generated:
    usage = whole.usage_metadata
    candidate = whole.candidates[0] if whole.candidates else Candidate()
    parts = candidate.content.parts if candidate.content else ()
    text = "".join(part.text for part in parts if not part.thought)
    return Generated(
        text=text,
        ending=_ending(whole, candidate, text),
        model=whole.model_version or asked,
        tokens=Tokens(
            prompt=usage.prompt_token_count,
            output=usage.candidates_token_count + usage.thoughts_token_count,
            total=usage.total_token_count,
        ),
    )


def _ending(whole: Whole, candidate: Candidate, text: str) -> Ending:
    if candidate.finish_reason in _REFUSALS or not whole.candidates:
        return Ending.REFUSED
    if candidate.finish_reason == "MAX_TOKENS":
        return Ending.CUT
    return Ending.WHOLE if text.strip() else Ending.NOTHING


def _explain(reply: Reply) -> ProviderProblem | None:
    """Tell a wrong key and an unreadable picture apart: both are 400; read the wait of a 429."""
    try:
        error = msgspec.json.decode(reply.body, type=Trouble).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    name = ProviderId.GEMINI
    if reply.status in (403, 404) or "API_KEY_INVALID" in error.reasons:
        why = "does not know this model" if reply.status == 404 else "refuses the key"
        return ProviderRefused(name, f"gemini: the service {why}", reason="auth")
    if reply.status == 400:
        return ProviderRefused(name, "gemini: the service cannot use this request")
    if reply.status == 429:
        return ProviderBusy(
            name, "gemini: the limit of requests is used up", retry_after=error.wait
        )
    return None
