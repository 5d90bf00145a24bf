"""Objects as bytes under paths: a folder, memory or an S3 bucket, over obstore."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from bookstrack.errors import ConfigurationProblem, StorageUnavailable

if TYPE_CHECKING:  # these exist for type checkers only
    from obstore.store import ClientConfig, RetryConfig

_VARIABLE = "BOOKSTRACK_OBJECT_STORE"
_S3_OPTIONS = {"region", "access_key_id", "secret_access_key", "session_token"}
# obstore itself would try for three minutes
_RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_CLIENT: ClientConfig = {"connect_timeout": "2s", "timeout": "10s"}
_PROBE = "probe"


class Blobs:
    """Paths are relative, with ``/`` between parts; every method may raise StorageUnavailable."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        # A folder has no place for content types; who needs them keeps them with the index row.
        self._keeps_types = not isinstance(store, LocalStore)

    async def put(self, path: str, data: bytes, *, content_type: str | None = None) -> None:
        """Write an object, replacing what was there; readers see the old or the new, no mixture."""
        await self._put(path, data, content_type, "overwrite")

    async def put_new(self, path: str, data: bytes, *, content_type: str | None = None) -> bool:
        """Write an object unless the path is taken; of several writers exactly one gets True."""
        try:
            await self._put(path, data, content_type, "create")
        except AlreadyExistsError:
            return False
        return True

    async def get(self, path: str, *, at_most: int) -> bytes | None:
        """Return an object, None when it is absent or has more than ``at_most`` bytes."""
        with _reachable():
            try:
                found = await obstore.get_async(self._store, _checked(path))
                if found.meta["size"] > at_most:
                    return None
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                return None

    async def delete(self, path: str) -> None:
        """Remove an object; an absent one is no mistake."""
        with _reachable(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, _checked(path))

    async def list(self, prefix: str) -> list[str]:
        """Return the sorted paths below a folder-like prefix, "" for all."""
        with _reachable():
            within = _checked(prefix) if prefix else None
            found = await obstore.list(self._store, within).collect_async()  # pyright: ignore[reportUnknownMemberType] arrow is not installed
        return sorted(entry["path"] for entry in found)

    async def probe(self) -> None:
        """Write and remove a small object."""
        await self.put(_PROBE, b"probe")
        await self.delete(_PROBE)

    async def _put(
        self, path: str, data: bytes, content_type: str | None, mode: Literal["create", "overwrite"]
    ) -> None:
        kept = {"Content-Type": content_type} if content_type and self._keeps_types else None
        with _reachable():
            await obstore.put_async(
                self._store, _checked(path), data, attributes=kept, mode=mode, use_multipart=False
            )


def open_blobs(url: str) -> Blobs:
    """Choose the store: ``file://`` + folder, ``memory:`` or ``s3://bucket?endpoint=…&region=…``.

    S3 credentials come from ``access_key_id`` and ``secret_access_key`` in the address, else from
    where the AWS SDKs look, ``AWS_*`` variables and instance roles included. Nothing connects yet.

    Raises:
        ConfigurationProblem: the scheme or an option is unknown, or the folder cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return Blobs(MemoryStore())
    if parts.scheme == "file":
        return Blobs(_folder(url2pathname(parts.netloc + parts.path)))
    if parts.scheme == "s3":
        return Blobs(_bucket(parts.netloc, parse_qs(parts.query)))
    raise ConfigurationProblem(
        _VARIABLE, f"'{parts.scheme}' is not supported; use file://folder, s3://bucket or memory:"
    )


def _folder(path: str) -> LocalStore:
    try:
        return LocalStore(path, automatic_cleanup=True, mkdir=True)
    except (BaseError, OSError) as error:
        raise ConfigurationProblem(_VARIABLE, f"the folder {path} cannot be made") from error


def _bucket(name: str, query: dict[str, list[str]]) -> S3Store:
    if not name:
        raise ConfigurationProblem(_VARIABLE, "s3:// needs the name of a bucket")
    options: dict[str, Any] = {key: values[-1] for key, values in query.items()}
    endpoint: str | None = options.pop("endpoint", None)
    if unknown := options.keys() - _S3_OPTIONS:
        raise ConfigurationProblem(_VARIABLE, f"unknown option {', '.join(sorted(unknown))}")
    client = _CLIENT.copy()
    if endpoint:
        options["endpoint"] = endpoint
        client["allow_http"] = endpoint.startswith("http://")
    try:
        return S3Store(name, **options, client_options=client, retry_config=_RETRY)
    except BaseError as error:
        raise ConfigurationProblem(_VARIABLE, "this S3 address cannot be used") from error


def _checked(path: str) -> str:
    """Refuse paths that could lead out of the store; a mistake of ours, so ValueError."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or "\0" in path:
        raise ValueError(f"not a path inside the object store: {path!r}")
    return path


@contextmanager
def _reachable() -> Generator[None]:
    """Turn failures of the store, other than "taken", into ``StorageUnavailable``."""
    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        raise StorageUnavailable("The object store cannot be reached") from error
