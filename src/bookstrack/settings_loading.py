"""Reads the settings tree from defaults, a TOML file and the environment.

Wrong values raise ``ConfigurationProblem`` with the variable's name; unknown names are reported
as warnings, since a typing error in a name would otherwise go unnoticed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import Rate, Secret, Settings, Var

PREFIX = "BOOKSTRACK_"

# Accepted so that old deployments start; what they switched is always on, or replaced.
_WITHOUT_EFFECT = frozenset(
    {"PROVIDER_RATE_MS", "ENABLE_REFACTORED_DOS", "ENABLE_HONO_ROUTER", "ENABLE_UNIFIED_ENVELOPE"}
)
# Read by the command itself and by the client library, not part of the tree.
_NOT_OURS = ("CONFIG", "URL", "TOKEN", "CLIENT_", "TEST_", "FIXTURES")
_SECOND_NAMES = {"ISBNDB_API_KEY": "ISBN_SEARCH_KEY"}
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})
_ADMIN_TOKEN_LENGTH = 16
_PHASES = ("active", "deprecated", "gone")
# What routes and forms take at all, photos in base64 included; larger values would do nothing.
_LARGEST = (
    ("csv_max_mb", 1000),
    ("scan_image_max_mb", 700),
    ("scan_batch_max_mb", 700),
    ("scan_max_photos", 30),
)


class Leaf(Struct, frozen=True, kw_only=True):
    """One setting: where it lies in the tree, its type, its variable and its default."""

    path: tuple[str, ...]
    type: Any
    var: Var
    default: Any

    @property
    def name(self) -> str:
        """Return the full variable name."""
        return PREFIX + self.var.name


class Loaded(Struct, frozen=True, kw_only=True):
    """The settings, what was odd about them, and where each value came from."""

    settings: Settings
    warnings: tuple[str, ...]
    sources: dict[str, str]


def leaves(tree: Struct | None = None, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every setting of the tree in order of declaration."""
    tree = Settings() if tree is None else tree
    for name, hint in get_type_hints(type(tree), include_extras=True).items():
        value = getattr(tree, name)
        if get_origin(hint) is Annotated:
            kind, var = get_args(hint)
            yield Leaf(path=(*path, name), type=kind, var=var, default=value)
        elif isinstance(value, Struct):
            yield from leaves(value, (*path, name))


def load_settings(environ: Mapping[str, str]) -> Loaded:
    """Build the tree.

    Raises:
        ConfigurationProblem: a value cannot be used, or the file cannot be read.
    """
    from_file = _file_values(environ)
    values: dict[tuple[str, ...], Any] = {}
    sources: dict[str, str] = {}
    known: set[str] = set()
    for leaf in leaves():
        known.update((leaf.name, leaf.name + "_FILE"))
        found = _text_of(leaf, environ, from_file)
        if found is not None:
            text, sources[leaf.name] = found
            values[leaf.path] = _convert(leaf, text)
    values.update(_families(environ, from_file, known))
    settings = _build(Settings(), values)
    _check_whole(settings)
    return Loaded(
        settings=settings, warnings=tuple(_unknown(environ, from_file, known)), sources=sources
    )


def _file_values(environ: Mapping[str, str]) -> dict[str, Any]:
    path = environ.get(PREFIX + "CONFIG")
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigurationProblem(PREFIX + "CONFIG", f"cannot read {path}: {problem}") from None


def _text_of(
    leaf: Leaf, environ: Mapping[str, str], from_file: Mapping[str, Any]
) -> tuple[Any, str] | None:
    name = leaf.name
    if name in environ:
        return environ[name], "environment"
    if leaf.type is Secret and environ.get(name + "_FILE"):
        return _secret_file(name, environ[name + "_FILE"]), "file of " + name + "_FILE"
    for second in (leaf.var.original, _SECOND_NAMES.get(leaf.var.name)):
        if second and second in environ:
            return environ[second], f"environment ({second})"
    key = leaf.var.name.lower()
    return (from_file[key], "configuration file") if key in from_file else None


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationProblem(name + "_FILE", f"cannot read {path}: {problem}") from None


def _convert(leaf: Leaf, value: Any) -> Any:
    try:
        return _CONVERTERS[leaf.type](value) if leaf.type in _CONVERTERS else _choice(leaf, value)
    except ValueError as problem:
        raise ConfigurationProblem(leaf.name, str(problem)) from None


def _choice(leaf: Leaf, value: Any) -> str:
    assert get_origin(leaf.type) is Literal, leaf  # noqa: S101 a new kind of leaf needs a converter
    choices = get_args(leaf.type)
    for choice in choices:
        if str(value).strip().lower() == choice.lower():
            return choice
    raise ValueError(f"must be one of {', '.join(choices)}")


def _bool(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def _number(kind: Callable[[Any], float]) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        try:
            number = kind(str(value).strip())
        except ValueError:
            raise ValueError("must be a number") from None
        if not 0 <= number < 1e15:
            raise ValueError("must not be negative or huge")
        return number

    return convert


def _texts(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value).split(",")  # pyright: ignore[reportUnknownVariableType]
    return tuple(str(part).strip() for part in parts if str(part).strip())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    bool: _bool,
    int: _number(int),
    float: _number(float),
    str: lambda value: str(value).strip(),
    Secret: lambda value: Secret(str(value).strip()),
    tuple[str, ...]: _texts,
}


def _families(
    environ: Mapping[str, str], from_file: Mapping[str, Any], known: set[str]
) -> dict[tuple[str, ...], Any]:
    """Read the settings whose names hold a class or group: RATE_<CLASS>, LIFECYCLE_<GROUP>."""
    rates: dict[str, Rate] = {}
    phases: dict[str, str] = {}
    named = {PREFIX + key.upper(): value for key, value in from_file.items()} | dict(environ)
    for name, value in named.items():
        family, _, rest = name.removeprefix(PREFIX).partition("_")
        if name in known or not name.startswith(PREFIX) or not rest:
            continue
        if family == "RATE":
            rates[rest.lower()] = _rate(name, str(value))
            known.add(name)
        elif family == "LIFECYCLE":
            if value not in _PHASES:
                raise ConfigurationProblem(name, f"must be one of {', '.join(_PHASES)}")
            phases[rest.lower()] = str(value)
            known.add(name)
    return {("limits", "overrides"): rates, ("api", "lifecycle"): phases}


def _rate(name: str, text: str) -> Rate:
    count, _, seconds = text.partition("/")
    try:
        rate = Rate(int(count), int(seconds or 60))
    except ValueError:
        raise ConfigurationProblem(name, "must look like 100/60") from None
    if rate.count < 0 or rate.seconds < 1:
        raise ConfigurationProblem(name, "must look like 100/60")
    return rate


def _build(tree: Any, values: Mapping[tuple[str, ...], Any], path: tuple[str, ...] = ()) -> Any:
    changes: dict[str, Any] = {}
    for name in tree.__struct_fields__:
        here = (*path, name)
        if here in values:
            changes[name] = values[here]
        elif isinstance(part := getattr(tree, name), Struct):
            changes[name] = _build(part, values, here)
    return replace(tree, **changes)


def _check_whole(settings: Settings) -> None:
    if not 1 <= settings.server.workers <= 256:
        raise ConfigurationProblem(PREFIX + "WORKERS", "must be between 1 and 256")
    if settings.server.port > 65_535:
        raise ConfigurationProblem(PREFIX + "PORT", "must be at most 65535")
    if settings.providers.max_results < 1:
        raise ConfigurationProblem(PREFIX + "MAX_RESULTS_DEFAULT", "must be at least 1")
    for name, most in _LARGEST:
        if not 1 <= getattr(settings.imports, name) <= most:
            raise ConfigurationProblem(PREFIX + name.upper(), f"must be between 1 and {most}")
    _check_streams(settings)
    _check_networks(PREFIX + "TRUSTED_PROXIES", settings.server.trusted_proxies)
    _check_networks(PREFIX + "RATE_EXEMPT_CIDRS", settings.limits.exempt_cidrs)


def _check_streams(settings: Settings) -> None:
    if not 60 <= settings.jobs.results_ttl_s <= 86_400:
        raise ConfigurationProblem(PREFIX + "JOB_RESULTS_TTL", "must be between 60 and 86400")
    admin = settings.api.admin_token.reveal()
    if admin and len(admin) < _ADMIN_TOKEN_LENGTH:
        raise ConfigurationProblem(
            PREFIX + "ADMIN_TOKEN", f"must have at least {_ADMIN_TOKEN_LENGTH} characters"
        )
    for name, day in (
        ("WEBSOCKET_DEPRECATION_DATE", settings.streams.websocket_deprecated_on),
        ("WEBSOCKET_SUNSET_DATE", settings.streams.websocket_sunset_on),
    ):
        try:
            date.fromisoformat(day)
        except ValueError:
            raise ConfigurationProblem(PREFIX + name, "must look like 2026-06-01") from None


def _check_networks(name: str, networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ConfigurationProblem(name, f"{network} is no address or network") from None


def _unknown(
    environ: Mapping[str, str], from_file: Mapping[str, Any], known: set[str]
) -> Iterator[str]:
    names = {name for name in environ if name.startswith(PREFIX)}
    names |= {PREFIX + key.upper() for key in from_file}
    for name in sorted(names - known):
        rest = name.removeprefix(PREFIX)
        if rest in _WITHOUT_EFFECT:
            yield f"{name} is accepted but has no effect"
        elif not rest.startswith(_NOT_OURS):
            yield f"{name} is not a setting; check its spelling"
