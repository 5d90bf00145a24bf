"""Gemini over a real channel: what is sent, what answers mean, how it refuses."""

from __future__ import annotations

import asyncio
import base64
import json

import msgspec
import pytest

from bookstrack.errors import ProviderBusy, ProviderFailed, ProviderRefused, ProviderTimeout
from bookstrack.providers.gemini import Ending, Gemini, Picture, Prompt, Tokens, channel_options
from bookstrack.providers.gemini_text import leading_items, whole_value
from bookstrack.providers.gemini_wire import Trouble, Whole
from bookstrack.settings import GeminiSettings, ProviderSettings, Secret
from bookstrack.testing.upstream import Fault, Said

PROMPT = Prompt(
    model="gemini-test",
    system="You read tables.",
    text="title,author",
    schema={"type": "ARRAY", "items": {"type": "STRING"}},
)


@pytest.fixture
def open_gemini(open_channel, upstream):
    async def make(*, key: str = "k", retries: int = 1) -> Gemini:
        settings = GeminiSettings(api_key=Secret(key), base_url=upstream.urls["gemini"], rpm=0)
        options = channel_options(settings, ProviderSettings(retries=retries))
        return Gemini(await open_channel(options))

    return make


async def test_a_call_carries_prompt_schema_and_pictures(open_gemini, upstream, within):
    upstream.say(Said(text='["Emma"]'))
    prompt = msgspec.structs.replace(PROMPT, pictures=(Picture(b"pixels", "image/png"),), top_k=40)
    found = await (await open_gemini()).generate(prompt, within=within)
    assert (found.text, found.ending, found.model) == ('["Emma"]', Ending.WHOLE, "gemini-test")
    assert found.tokens == Tokens(prompt=100, output=20, total=120)
    (asked,) = upstream.asked("gemini")
    assert (asked.method, asked.path) == ("POST", "/v1beta/models/gemini-test:generateContent")
    assert asked.headers["x-goog-api-key"] == "k"
    assert asked.headers["content-type"] == "application/json"
    assert asked.query == {}
    sent = json.loads(asked.body)
    assert sent["system_instruction"] == {"parts": [{"text": "You read tables."}]}
    picture, text = sent["contents"][0]["parts"]
    assert base64.b64decode(picture["inline_data"]["data"]) == b"pixels"
    assert picture["inline_data"]["mime_type"] == "image/png"
    assert text == {"text": "title,author"}
    config = sent["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseSchema"] == PROMPT.schema
    assert config["thinkingConfig"] == {"thinkingBudget": 0}
    assert (config["temperature"], config["topP"], config["topK"]) == (0.1, 0.95, 40)
    assert "stopSequences" not in config


@pytest.mark.parametrize(
    ("said", "text", "ending"),
    [
        (Said(text="[1]", thought="Let me see."), "[1]", Ending.WHOLE),
        (Said(text="[1,", finish="MAX_TOKENS"), "[1,", Ending.CUT),
        (Said(finish="SAFETY", contentless=True), "", Ending.REFUSED),
        (Said(finish="RECITATION", text="x"), "x", Ending.REFUSED),
        (Said(finish="PROHIBITED_CONTENT", contentless=True), "", Ending.REFUSED),
        (Said(finish="OTHER", contentless=True), "", Ending.NOTHING),
        (Said(blocked=True), "", Ending.REFUSED),
        (Said(text="[]", counted=False), "[]", Ending.WHOLE),
    ],
)
async def test_how_an_answer_ended(open_gemini, upstream, within, said, text, ending):
    upstream.say(said)
    found = await (await open_gemini()).generate(PROMPT, within=within)
    assert (found.text, found.ending) == (text, ending)


@pytest.mark.parametrize(
    ("key", "model", "reason"),
    [("wrong-key-1", "m", "auth"), ("key-1", "unknown-model", "auth")],
)
async def test_a_refused_key_or_model_is_a_matter_of_settings(
    open_gemini, within, key, model, reason
):
    prompt = msgspec.structs.replace(PROMPT, model=model)
    with pytest.raises(ProviderRefused) as raised:
        await (await open_gemini(key=key)).generate(prompt, within=within)
    assert raised.value.reason == reason
    assert "key-1" not in raised.value.message


async def test_an_unreadable_picture_is_refused_without_a_repeat(open_gemini, upstream, within):
    upstream.fault("gemini", Fault.status(400))
    with pytest.raises(ProviderRefused) as raised:
        await (await open_gemini(retries=3)).generate(PROMPT, within=within)
    assert raised.value.reason == "bad_query"
    assert upstream.count("gemini") == 1


async def test_a_busy_service_says_how_long_to_wait(open_gemini, upstream, within):
    upstream.fault("gemini", Fault.quota())
    with pytest.raises(ProviderBusy) as raised:
        await (await open_gemini()).generate(PROMPT, within=within)
    assert raised.value.retry_after == 1.0


async def test_an_overloaded_service_is_asked_again(open_gemini, upstream, within, nap):
    upstream.fault("gemini", Fault.status(503), times=2)
    gemini = await open_gemini(retries=3)
    asking = asyncio.create_task(gemini.generate(PROMPT, within=within))
    for _ in range(2):
        if not asking.done():
            await nap(4)
    assert (await asking).text == "[]"
    assert upstream.count("gemini") == 3


@pytest.mark.parametrize("fault", [Fault.html(), Fault.truncated(), Fault.wrong_types()])
async def test_nonsense_is_a_failure(open_gemini, upstream, within, fault):
    upstream.fault("gemini", fault)
    with pytest.raises(ProviderFailed):
        await (await open_gemini()).generate(PROMPT, within=within)


async def test_a_connection_that_breaks_is_a_time_out(open_gemini, upstream, within):
    upstream.fault("gemini", Fault.reset())
    with pytest.raises(ProviderTimeout):
        await (await open_gemini()).generate(PROMPT, within=within)


async def test_no_request_is_larger_than_the_service_takes(open_gemini, upstream, within):
    prompt = msgspec.structs.replace(PROMPT, pictures=(Picture(b"x" * 16_000_000),))
    with pytest.raises(ProviderRefused):
        await (await open_gemini()).generate(prompt, within=within)
    assert upstream.count("gemini") == 0


def test_every_fixture_can_be_read(fixtures_dir):
    seen = 0
    for file in sorted((fixtures_dir / "providers" / "gemini").glob("*.json")):
        body = file.read_bytes()
        if "_error-" in file.name:
            assert msgspec.json.decode(body, type=Trouble).error.status
        else:
            whole = msgspec.json.decode(body, type=Whole)
            assert whole.candidates or "blocked" in file.name
        seen += 1
    assert seen >= 17


@pytest.mark.parametrize(
    ("text", "value"),
    [("[1]", [1]), ("```json\n[1]\n```", [1]), ("``` [1] ```", [1]), ('  {"a": 2}\n', {"a": 2})],
)
def test_fences_do_not_matter(text, value):
    assert whole_value(text) == value


@pytest.mark.parametrize("text", ["", "none", '[{"a":', "[" * 100_000])
def test_what_is_no_json_says_so(text):
    with pytest.raises(ValueError):  # noqa: PT011 the text does not matter
        whole_value(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('[{"a":1},{"b":2},{"c"', [{"a": 1}, {"b": 2}]),
        ('```json\n[{"a":1}, {"b', [{"a": 1}]),
        ("[1, 2]", [1, 2]),
        ("[", []),
        ("no list", []),
        ("[" * 100_000, []),
    ],
)
def test_the_complete_head_of_a_cut_list_is_kept(text, items):
    assert leading_items(text) == items
