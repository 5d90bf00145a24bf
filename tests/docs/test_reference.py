"""The reference pages are those the code makes now, and leave nothing out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from prometheus_client import Metric

from bookstrack import errors
from bookstrack.assembly import open_assembly
from bookstrack.cli.main import app as command_line
from bookstrack.settings import Settings, StorageSettings
from bookstrack.settings_loading import leaves
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.app import Application

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = ("serve", "worker", "lookup", "import", "scan", "doctor", "migrate", "flags", "openapi")


def reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text("utf-8")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_pages_are_up_to_date(generate):
    made = await generate.pages()
    old = [name for name, text in made.items() if text != reference(name)]
    assert old == [], "run `make docs`"


async def test_there_are_no_other_pages(generate):
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(await generate.pages())


@pytest.mark.parametrize("name", [leaf.name for leaf in leaves()])
def test_every_setting_has_its_line(name):
    assert re.search(rf"^\| `{name}` \| [^|]+ \| [^|]+ \|$", reference("settings.md"), re.MULTILINE)


async def test_every_route_has_its_line(tmp_path):
    settings = Settings(storage=StorageSettings(data_dir=str(tmp_path)))
    async with open_assembly(settings) as parts:
        routes = list(Application(parts).routes)
    page = reference("routes.md")
    missing = [
        facts.template
        for facts in routes
        if not re.search(rf"\| `{re.escape(facts.template)}` \| \w[^|]+ \|", page)
    ]
    assert len(routes) > 20
    assert missing == []


def kinds(kind: type[errors.BooksTrackError]) -> list[type[errors.BooksTrackError]]:
    """Return a kind and those below it, without what ends a job and answers no request."""
    if kind is errors.JobProblem:
        return []
    return [kind, *(below for one in kind.__subclasses__() for below in kinds(one))]


@pytest.mark.parametrize("code", sorted({kind.code for kind in kinds(errors.BooksTrackError)}))
def test_every_error_code_has_its_line(code):
    assert re.search(rf"^\| `{code}` \| \d\d\d \|", reference("errors.md"), re.MULTILINE)


def families() -> list[Metric]:
    return list(Metrics().registry.collect())


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_every_metric_has_its_line(family):
    name = f"{family.name}_total" if family.type == "counter" else family.name
    assert f"\n| `{name}` | {family.type} |" in reference("metrics.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained(command):
    assert f"\n## bookstrack {command}\n" in reference("commands.md")


def test_there_are_no_other_commands():
    assert {name for name in command_line if not name.startswith("-")} == set(COMMANDS)
