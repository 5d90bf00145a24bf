"""Facts of routes: which limit, group and methods a path has, read out of the application."""

from __future__ import annotations

import pytest

from bookstrack.assembly import open_assembly
from bookstrack.limits.rules import RateClass
from bookstrack.settings import Settings, StorageSettings
from bookstrack.web.app import Application
from bookstrack.web.contract import RouteFacts, RouteMap, Shape


@pytest.fixture
async def routes(tmp_path):
    settings = Settings(storage=StorageSettings(data_dir=str(tmp_path)))
    async with open_assembly(settings) as parts:
        yield Application(parts).routes


@pytest.mark.parametrize(
    ("path", "limit", "group"),
    [
        ("/v1/search/isbn", RateClass.SEARCH, None),
        ("/v1/search/title/", RateClass.SEARCH, None),
        ("/api/v2/books/enrich", RateClass.ENRICH_SINGLE, None),
        ("/v3/books/9780261103344", RateClass.SEARCH, None),
        ("/images/proxy", RateClass.IMAGES, None),
        ("/search/title", RateClass.SEARCH, "legacy_search"),
        ("/external/isbndb", RateClass.EXTERNAL, "external"),
        ("/health", None, None),
    ],
)
async def test_limit_and_lifecycle_of_a_path(routes, path, limit, group):
    facts = routes.find(path)
    assert (facts.limit, facts.group) == (limit, group)


async def test_legacy_routes_are_known_as_such(routes):
    assert routes.find("/search/isbn").legacy
    assert not routes.find("/v1/search/isbn").legacy


async def test_a_path_with_two_methods(routes):
    facts = routes.find("/search/advanced")
    assert facts.methods == {"GET", "POST"}
    assert facts.allow == "GET, POST"


async def test_shape_of_a_route(routes):
    assert routes.find("/health").shape is Shape.MIRRORED


@pytest.mark.parametrize("path", ["/schema", "/schema/redoc", "/nowhere", "/v3/books/a/b", ""])
async def test_nothing_else_is_served(routes, path):
    assert routes.find(path) is None


def test_a_pattern_matches_one_segment():
    there = RouteFacts(template="/a/{b}/c.d", methods=frozenset({"GET"}))
    routes = RouteMap([there])
    assert routes.find("/a/x/c.d") is there
    assert routes.find("/a/x/y/c.d") is None
    assert routes.find("/a/x/cxd") is None
    assert list(routes) == [there]
