"""Writes the reference pages from the code: ``make docs``, or with ``--check`` only compares."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from litestar.routes import HTTPRoute
from prometheus_client import Counter, Gauge, Histogram

import bookstrack
from bookstrack import errors
from bookstrack.assembly import open_assembly
from bookstrack.cli.main import app as command_line
from bookstrack.limits.rules import RateClass, Rates
from bookstrack.readers.shelf import PhotoUnread
from bookstrack.settings import LimitSettings, Secret, Settings, StorageSettings
from bookstrack.settings_loading import Leaf, leaves
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.app import Application
from bookstrack.web.contract import RouteFacts
from bookstrack.web.failures import C3_NAMES, status_of
from bookstrack.web.lifecycle import GROUPS

FOLDER = Path(__file__).parent / "reference"
_INTERNAL = "A mistake of ours; the log has the trace under the request's id"
_MADE = "<!-- Made by docs/generate.py from the code; `make docs` writes it anew. -->\n"

_SETTINGS = """\
Environment variables; the same names in lower case and without `BOOKSTRACK_` may stand in the TOML
file that `BOOKSTRACK_CONFIG` names. The environment wins over the file, the file over the default.
A value that cannot be used stops the start with exit code 2 and names the variable; an unknown name
is reported as a warning. A secret may be given as a file: `<variable>_FILE` holds its path.
Booleans are `true`, `false`, `1`, `0`, `on` or `off`; lists are separated by commas.
"""
_FAMILIES = """\
Requests per seconds of one caller and class of routes, written `100/60`. The variable with `_AUTH`
at its end holds the limit of callers with an API token.

"""
_PHASES = """\
The phase of a group of deprecated routes, `active`, `deprecated` (default) or `gone`:
"""
_ROUTES = """\
Parameters and bodies are in the OpenAPI document: `/doc` of a running server, or `bookstrack
openapi`. Every `GET` route also answers `HEAD`, every route `OPTIONS`. *Limit* is the class of
[rate limit](settings.md#families) that counts the request.
"""
_ERRORS = """\
The `error` object of a failed answer carries `code`, `message`, `statusCode`, `retryable` and,
where they are known, `retryAfter` (seconds, also in the header `Retry-After`), `retryAfterMs`,
`provider` and `details`. Callers that send `X-API-Version: 3` get the name of the fourth column as
`code` and the first as `canonicalCode`; for all others it is the other way round. Legacy routes
spell `MISSING_PARAMETER` as `MISSING_PARAM`. How failures of single providers show in answers that
succeed is told under [honesty](../honesty.md), and the codes of failed
jobs (`E_…`) in the [guide for client makers](../clients/guide.md#why-a-job-failed).
"""
_METRICS = """\
`/metrics?format=prometheus` gives the text form 0.0.4. What to look at is told in
[read the metrics](../howto/read-the-metrics.md).
"""
_COMMANDS = """\
Exit codes: 0 done, 1 failed or nothing found, 2 wrong use or a setting that cannot be used, 130
interrupted. `bookstrack --version` prints the version, `--help` after any command its options.
Settings come from the [environment](settings.md) in every command.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def first_line(documented: Any) -> str:
    """Return the first line of a docstring without its full stop."""
    line = (inspect.getdoc(documented) or "").split("\n")[0].rstrip(".")
    return re.sub(r" \([^()]*§[^()]*\)", "", line.replace("``", "`"))


def settings_page(application: Application) -> str:
    """Every setting, by part of the tree."""
    page = [
        "# Settings\n",
        _MADE,
        _SETTINGS,
    ]
    section: tuple[str, ...] | None = None
    rows: list[list[str]] = []
    for leaf in leaves():
        if leaf.path[:-1] != section:
            page += [table(_SETTING_HEAD, rows)] if rows else []
            rows, section = [], leaf.path[:-1]
            page.append(f"## {first_line(_part(section))}\n")
        rows.append(_setting(leaf))
    page.append(table(_SETTING_HEAD, rows))
    page += ["## Families\n", _families(application)]
    return "\n".join(page)


_SETTING_HEAD = ("variable", "default", "meaning")


def _part(path: Sequence[str]) -> Any:
    part: Any = Settings()
    for name in path:
        part = getattr(part, name)
    return type(part)


def _setting(leaf: Leaf) -> list[str]:
    also = f"; also read as `{leaf.var.original}`" if leaf.var.original else ""
    secret = "; secret" if leaf.type is Secret else ""
    idle = "" if _used(leaf.path[-1]) else " (accepted, but nothing in this version uses it)"
    return [f"`{leaf.name}`", _default(leaf.default), leaf.var.help + secret + also + idle]


def _used(field: str) -> bool:
    """Tell whether any module besides those that read the settings looks at this one."""
    return re.search(rf"\.{field}\b", _sources()) is not None


@cache
def _sources() -> str:
    package = Path(bookstrack.__file__).parent
    modules = (path for path in package.rglob("*.py") if not path.name.startswith("settings"))
    return "\n".join(path.read_text("utf-8") for path in modules)


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value) or "empty"
    return f"`{value}`" if value not in ("", Secret()) else "empty"


def _families(application: Application) -> str:
    rates = Rates(LimitSettings())
    counted = {facts.limit for facts in application.routes}
    rows = [
        [
            f"`BOOKSTRACK_RATE_{name.value.upper()}`",
            f"`{rates.of(name, authenticated=False).count}/60`",
            f"`{rates.of(name, authenticated=True).count}/60`",
        ]
        for name in RateClass
        if name in counted
    ]
    groups = ", ".join(f"`BOOKSTRACK_LIFECYCLE_{name.upper()}`" for name in GROUPS)
    head = ("variable", "default", "default with `_AUTH`")
    return _FAMILIES + table(head, rows) + f"\n{_PHASES}{groups}.\n"


def routes_page(application: Application) -> str:
    """Every route with its limit and lifecycle."""
    texts = _summaries(application)
    rows = [
        [
            ", ".join(sorted(facts.methods)),
            f"`{facts.template}`",
            texts[facts.template],
            f"`{facts.limit.value}`" if facts.limit else "",
            f"deprecated: `{facts.group}`" if facts.group else "",
        ]
        for facts in sorted(application.routes, key=_place)
    ]
    return "\n".join(
        [
            "# Routes\n",
            _MADE,
            _ROUTES,
            table(("method", "path", "what it does", "limit", "lifecycle"), rows),
        ]
    )


def _place(facts: RouteFacts) -> tuple[bool, str]:
    return (facts.group is not None, facts.template)


def _summaries(application: Application) -> dict[str, str]:
    found: dict[str, str] = {}
    for route in application.litestar.routes:
        if isinstance(route, HTTPRoute):
            template = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", route.path_format)
            for handler in route.route_handlers:
                if "facts" in handler.opt:
                    found[template] = first_line(handler.fn)
    return found


def errors_page() -> str:
    """Every error code with its statuses."""
    rows = [
        [
            f"`{kind.code}`",
            str(status_of(kind.__new__(kind))),
            "yes" if kind.retryable else "no",
            f"`{C3_NAMES[kind.code]}`" if kind.code in C3_NAMES else "",
            _INTERNAL if kind is errors.BooksTrackError else first_line(kind),
        ]
        for kind in sorted(_kinds(errors.BooksTrackError), key=_rank)
    ]
    return "\n".join(
        [
            "# Errors\n",
            _MADE,
            _ERRORS,
            table(("code", "status", "retryable", "v3 name", "when"), rows),
        ]
    )


def _kinds(kind: type[errors.BooksTrackError]) -> Iterator[type[errors.BooksTrackError]]:
    if issubclass(kind, _INSIDE_JOBS) or kind.__name__.startswith("_"):
        return
    if kind not in _NEVER_SENT:
        yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


_INSIDE_JOBS = (errors.JobProblem, PhotoUnread)  # their codes are in the guide for client makers
_NEVER_SENT = (
    errors.RequestProblem,
    errors.ProviderProblem,
    errors.StorageProblem,
    errors.ConfigurationProblem,  # ends a command, never a request
)


def _rank(kind: type[errors.BooksTrackError]) -> tuple[int, str, str]:
    return (status_of(kind.__new__(kind)), kind.code, kind.__name__)


def metrics_page() -> str:
    """Every metric family."""
    rows = [
        [
            f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in labels),
            family.documentation.rstrip("."),
        ]
        for family, labels in sorted(_metrics(), key=lambda found: found[0].name)
    ]
    return "\n".join(
        [
            "# Metrics\n",
            _MADE,
            _METRICS,
            table(("family", "type", "labels", "meaning"), rows),
        ]
    )


def _metrics() -> Iterator[tuple[Any, Sequence[str]]]:
    for part in vars(Metrics()).values():
        if isinstance(part, Counter | Gauge | Histogram):
            yield next(iter(part.describe())), part._labelnames
    yield next(f for f in Metrics().registry.collect() if f.name == "build_info"), _BUILD


_BUILD = ("version", "python")


def commands_page() -> str:
    """The command line as it explains itself."""
    text = command_line.generate_docs(output_format="markdown")
    _, _, commands = text.partition("\n## bookstrack serve")
    return "\n".join(
        [
            "# Commands\n",
            _MADE,
            _COMMANDS,
            "## bookstrack serve" + commands.rstrip() + "\n",
        ]
    )


async def pages() -> dict[str, str]:
    """Return the reference pages by file name."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_assembly(Settings(storage=StorageSettings(data_dir=folder))) as parts:
            application = Application(parts)
    return {
        "settings.md": settings_page(application),
        "routes.md": routes_page(application),
        "errors.md": errors_page(),
        "metrics.md": metrics_page(),
        "commands.md": commands_page(),
    }


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` name those that are out of date."""
    old = []
    for name, text in asyncio.run(pages()).items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            old.append(name)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    print(f"{'out of date' if '--check' in arguments else 'rewritten'}: {', '.join(old) or 'none'}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
