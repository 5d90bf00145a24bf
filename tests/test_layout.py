"""The shape of the code itself: sizes, names, docstrings, nothing left half done."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "bookstrack"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 500
HIDING = {"utils", "util", "helpers", "common", "manager", "service", "processor", "misc"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
SHARED_BY_PROVIDERS = {
    "__init__",
    "base",
    "bibliography",
    "country_table",
    "reading",
    "regions",
    "roster",
}


def named(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_there_is_something_to_check():
    assert len(MODULES) > 100


def test_no_file_is_too_long():
    files = [path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts]
    long = [path for path in files if len(path.read_text("utf-8").splitlines()) >= LONGEST]
    assert named(long) == []


def test_nothing_is_half_done():
    open_ends = [path for path in MODULES if UNFINISHED.search(path.read_text("utf-8"))]
    assert named(open_ends) == []


def test_no_name_hides_what_is_inside():
    parts = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert parts & HIDING == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path):
    said = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert said
    first = said.splitlines()[0]
    assert len(first) > 10


def test_packages_hold_something():
    folders = [path.parent for path in MODULES if path.name == "__init__.py"]
    empty = [
        folder for folder in folders if not set(folder.glob("*.py")) - {folder / "__init__.py"}
    ]
    assert named(empty) == []


def test_every_provider_module_is_in_the_independence_contract():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["type"] == "independence")
    listed = {name.rpartition(".")[2] for name in contract["modules"]}
    present = {path.stem for path in (PACKAGE / "providers").glob("*.py")}
    assert listed == present - SHARED_BY_PROVIDERS
