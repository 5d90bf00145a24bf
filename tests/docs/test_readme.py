"""The answer that the README shows is the one that a new installation gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bookstrack.assembly import open_assembly
from bookstrack.model.isbn import Isbn
from bookstrack.settings import ProviderSettings, Settings, StorageSettings

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def shown():
    (answer,) = re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return json.loads(re.sub(r",\s*…", "", answer))


def agrees(part, whole):
    if isinstance(part, dict):
        return all(key in whole and agrees(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return len(part) == len(whole) and all(map(agrees, part, whole))
    return part == whole


async def test_the_answer_is_true(tmp_path):
    asked = re.search(r"isbn\?isbn=(\d{13})", README)
    storage = StorageSettings(data_dir=str(tmp_path), sample_data=True)
    settings = Settings(storage=storage, providers=ProviderSettings(offline=True))
    async with open_assembly(settings) as parts:
        hit = await parts.catalogue.by_isbn(Isbn.parse(asked[1]))
    assert agrees(shown()["data"], json.loads(hit.entry.body))
    metadata = shown()["metadata"]
    assert metadata["provider"] == hit.entry.facts.provider
    assert metadata["cacheSource"] == hit.source.value
