"""What lies in deploy/ fits the program, and its parts fit each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bookstrack.settings import Secret
from bookstrack.settings_loading import leaves, load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ENVIRONMENTS = ("development", "staging", "production")
STORAGE = ("data_dir", "database_url", "kv_url", "object_store")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def values(environment: str) -> dict[str, Any]:
    return tomllib.loads((DEPLOY / f"{environment}.toml").read_text(encoding="utf-8"))


def filled(text: str) -> str:
    """Replace ``${NAME:-default}`` by the default and ``${NAME:?…}`` by NAME."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"\$\{(\w+):\?[^}]*\}", r"\1", text)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_settings_files_are_understood(environment: str) -> None:
    loaded = load_settings({"BOOKSTRACK_CONFIG": str(DEPLOY / f"{environment}.toml")})
    assert loaded.warnings == ()
    assert loaded.settings.server.environment == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_settings_files_name_only_settings_and_no_secrets(environment: str) -> None:
    known = {leaf.var.name.lower(): leaf for leaf in leaves()}
    given = values(environment)
    assert set(given) <= known.keys()
    assert [name for name in given if known[name].type is Secret] == []
    assert [v for v in given.values() if urlsplit(str(v)).password is not None] == []


def test_commented_settings_exist_too() -> None:
    known = {leaf.var.name.lower() for leaf in leaves()}
    for environment in ENVIRONMENTS:
        text = (DEPLOY / f"{environment}.toml").read_text(encoding="utf-8")
        assert set(re.findall(r"^# (\w+) = ", text, re.M)) <= known


def test_staging_and_production_share_no_storage() -> None:
    staging, production = values("staging"), values("production")
    for name in STORAGE:
        assert staging[name] != production[name], name
    assert urlsplit(staging["database_url"]).path == "/bookstrack_staging"
    assert urlsplit(production["database_url"]).path == "/bookstrack"
    assert not production["object_store"].startswith(staging["object_store"])
    assert not staging["object_store"].startswith(production["object_store"])


def test_staging_logs_more() -> None:
    assert values("staging")["log_level"] == "DEBUG"
    assert values("production")["log_level"] == "INFO"


def test_compose_runs_four_services(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"server", "migrate", "database", "cache"}
    assert services["server"]["image"] == services["migrate"]["image"]
    assert services["database"]["image"].startswith("postgres:")
    assert services["cache"]["image"].startswith("valkey/valkey:")
    context = (DEPLOY / services["server"]["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / services["server"]["build"]["dockerfile"]).is_file()


def test_compose_starts_in_order(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["server"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "cache": {"condition": "service_healthy"},
    }
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["restart"] == "no"


def test_every_store_has_a_health_check(compose: dict[str, Any]) -> None:
    checks = {name: compose["services"][name]["healthcheck"] for name in ("database", "cache")}
    assert checks["cache"]["test"] == ["CMD", "valkey-cli", "ping"]
    assert "pg_isready" in checks["database"]["test"][1]
    assert all(check["retries"] >= 3 for check in checks.values())


def test_compose_uses_the_hosts_that_settings_name(compose: dict[str, Any]) -> None:
    for environment in ("staging", "production"):
        for name in ("database_url", "kv_url"):
            assert urlsplit(values(environment)[name]).hostname in compose["services"]
    database = compose["services"]["database"]["environment"]
    url = urlsplit(values("production")["database_url"])
    assert (database["POSTGRES_USER"], f"/{filled(database['POSTGRES_DB'])}") == (
        url.username,
        url.path,
    )


def test_compose_mounts_what_exists(compose: dict[str, Any]) -> None:
    server = compose["services"]["server"]
    sources = [filled(volume).split(":")[0] for volume in server["volumes"]]
    assert sources == ["./production.toml", "data"]
    assert (DEPLOY / sources[0]).is_file()
    named = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == set(compose["volumes"])


def test_compose_gives_secrets_as_files(compose: dict[str, Any]) -> None:
    server = compose["services"]["server"]
    secret_names = {f"{leaf.name}_FILE" for leaf in leaves() if leaf.type is Secret}
    given = {name: path for name, path in server["environment"].items() if name.endswith("_FILE")}
    assert set(given) <= secret_names
    assert {path.removeprefix("/run/secrets/") for path in given.values()} == set(server["secrets"])
    assert set(server["secrets"]) == set(compose["secrets"])
    assert all(s["file"].startswith("./secrets/") for s in compose["secrets"].values())
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()
    assert ignored == [".env", "secrets/"]


def test_the_server_may_take_its_time_to_stop(compose: dict[str, Any]) -> None:
    grace = int(compose["services"]["server"]["stop_grace_period"].removesuffix("s"))
    assert grace > load_settings({}).settings.server.shutdown_grace_s


def test_env_example_names_what_compose_asks_for() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    names = set(re.findall(r"^(\w+)=", example, re.M))
    assert set(re.findall(r"\$\{(\w+):\?", text)) <= names
    assert names <= set(re.findall(r"\$\{(\w+):", text))


def test_the_image_watches_itself(dockerfile: str) -> None:
    assert "HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3" in dockerfile
    assert "http://127.0.0.1:8787/health/live" in dockerfile
    assert load_settings({}).settings.server.port == 8787
    assert "EXPOSE 8787" in dockerfile


def test_the_image_runs_without_rights(dockerfile: str) -> None:
    lines = dockerfile.splitlines()
    assert lines.index("USER bookstrack") < lines.index('ENTRYPOINT ["bookstrack"]')
    assert "VOLUME /data" in lines
    assert "WORKDIR /" in lines  # ./data, the default data folder, is the volume
    assert load_settings({}).settings.storage.data_dir == "./data"


def test_the_image_is_built_from_files_that_exist(dockerfile: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    copied = {
        name.removeprefix("./")
        for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.M)
        for name in line.split()[:-1]
    }
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied
    assert '".[${EXTRAS}]"' in dockerfile
    extras = re.search(r"^ARG EXTRAS=([\w,]+)$", dockerfile, re.M)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert "bookstrack" in project["scripts"]
