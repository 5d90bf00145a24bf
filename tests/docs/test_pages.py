"""Written pages: links lead somewhere, named commands, settings, files and metrics exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bookstrack.settings_loading import leaves
from bookstrack.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md")]
)
NAMED = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

# Read by tests, by the compose file, and families whose names hold a class or group.
NO_SETTING = re.compile(
    r"BOOKSTRACK_(CONFIG|FIXTURES|TEST_\w+|LISTEN|PROJECT|SETTINGS|RATE_\w*|LIFECYCLE_\w*)?$"
)


def prose(page: Path) -> str:
    return page.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@NAMED
def test_links_lead_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@NAMED
def test_every_page_has_one_title(page):
    without_code = re.sub(r"^```.*?^```", "", prose(page), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", without_code, re.MULTILINE)) == 1


@NAMED
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"^```sh\n(.*?)^```", prose(page), re.MULTILINE | re.DOTALL)
    lines = "\n".join([*code, *re.findall(r"`([^`\n]+)`", prose(page))])
    named = set(re.findall(r"(?:^|=\S+ )make ([a-z][a-z-]*)", lines, re.MULTILINE))
    assert named - targets == set()


@NAMED
def test_settings_exist(page):
    known = {leaf.name for leaf in leaves()}
    known |= {f"{name}_FILE" for name in known}
    named = set(re.findall(r"BOOKSTRACK_[A-Z0-9_]+(?![…A-Z0-9_<*])", prose(page)))
    unknown = {name for name in named if name not in known and not NO_SETTING.match(name)}
    assert {name for name in unknown if not name.endswith("_")} == set()


def test_the_metrics_guide_names_real_families():
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }
    guide = prose(ROOT / "docs" / "howto" / "read-the-metrics.md")
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", guide))
    assert named - {"api_miss"} <= families
    assert len(named) > 10


def test_the_index_leads_to_every_page():
    docs = ROOT / "docs"
    index = prose(docs / "README.md")
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_the_guide_explains_every_code_of_a_job():
    package = ROOT / "src" / "bookstrack"
    made = {
        code
        for path in package.rglob("*.py")
        for code in re.findall(r'"(E_[A-Z_]+)"', path.read_text("utf-8"))
    }
    guide = prose(ROOT / "docs" / "clients" / "guide.md")
    told = guide.split("### Why a job failed")[1].split("\n### ")[0]
    assert len(made) > 10
    assert set(re.findall(r"^\| `(E_[A-Z_]+)` \|", told, re.MULTILINE)) == made


def test_the_readme_begins_with_the_two_commands():
    first = prose(ROOT / "README.md").split("```")[1].splitlines()
    assert [line.split("#")[0].strip() for line in first[1:3]] == ["make run", "make test"]


def test_architecture_names_every_part():
    package = ROOT / "src" / "bookstrack"
    parts = {path.stem for path in package.iterdir() if not path.name.startswith(("_", "py."))}
    table = prose(ROOT / "docs" / "architecture.md").split("## The parts")[1].split("\n\n")[2]
    named = {
        name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == parts
