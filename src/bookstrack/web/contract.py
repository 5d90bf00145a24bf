"""What is fixed about a route besides its handler, and how a request finds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Struct

from bookstrack.limits.rules import RateClass


class Shape(StrEnum):
    """How a payload is wrapped (http-api §3.4)."""

    ENVELOPED = "enveloped"
    MIRRORED = "mirrored"
    BARE = "bare"
    RAW = "raw"


class RouteFacts(Struct, frozen=True, kw_only=True):
    """One path: its template, methods, limit class and lifecycle group.

    ``body_limit`` (bytes; the larger counts) and ``timeout_s`` replace those of all routes.
    """

    template: str
    methods: frozenset[str]
    limit: RateClass | None = None
    group: str | None = None
    shape: Shape = Shape.ENVELOPED
    legacy: bool = False
    body_limit: int | None = None
    timeout_s: float | None = None
    policy: str | None = None
    stream: bool = False

    @property
    def allow(self) -> str:
        """Return the ``Allow`` header; HEAD goes with GET and OPTIONS with every path."""
        return ", ".join(sorted(self.methods))


def route_options(
    *,
    limit: str | None = None,
    group: str | None = None,
    shape: Shape = Shape.ENVELOPED,
    legacy: bool = False,
    policy: str | None = None,
    stream: bool = False,
    body_limit: int | None = None,
    timeout_s: float | None = None,
) -> dict[str, Any]:
    """Return the ``opt`` of a handler; ``RouteMap`` reads it back."""
    return {
        "facts": {
            "limit": RateClass(limit) if limit else None,
            "group": group,
            "shape": shape,
            "legacy": legacy,
            "policy": policy,
            "stream": stream,
            "body_limit": body_limit,
            "timeout_s": timeout_s,
        }
    }


class RouteMap:
    """Finds the facts of a path without asking the framework."""

    def __init__(self, routes: Iterable[RouteFacts]) -> None:
        self._static: dict[str, RouteFacts] = {}
        self._patterns: list[tuple[re.Pattern[str], RouteFacts]] = []
        for facts in routes:
            if "{" in facts.template:
                self._patterns.append((_pattern(facts.template), facts))
            else:
                self._static[facts.template] = facts

    def find(self, path: str) -> RouteFacts | None:
        """Return the facts of a path; a trailing slash does not matter."""
        if len(path) > 1 and path.endswith("/"):
            path = path.rstrip("/") or "/"
        facts = self._static.get(path)
        if facts is not None:
            return facts
        return next((facts for pattern, facts in self._patterns if pattern.match(path)), None)

    def __iter__(self) -> Any:
        yield from self._static.values()
        yield from (facts for _, facts in self._patterns)


def route_map(app: Litestar) -> RouteMap:
    """Read the facts of every route out of a built application."""
    found: dict[str, RouteFacts] = {}
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            options: Mapping[str, Any] | None = handler.opt.get("facts")
            if options is None:  # the framework's own: OPTIONS, its pages of the OpenAPI document
                continue
            methods = frozenset(str(m) for m in handler.http_methods)
            template = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", route.path_format)
            before = found.get(template)
            methods |= before.methods if before else frozenset()
            found[template] = RouteFacts(template=template, methods=methods, **options)
    return RouteMap(found.values())


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)) + r"\Z")
