"""The success and failure envelope of every contract; the only place (http-api §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from bookstrack.clock import timestamp
from bookstrack.model.answer import Caution
from bookstrack.model.naming import camel_name

encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class Metadata(Struct, kw_only=True, omit_defaults=True, rename=camel_name):
    """Facts about one answer; times in ms, ages in s. Results also say how long they are kept."""

    timestamp: str
    processing_time: int = msgspec.field(default_factory=int)
    provider: str | None = None
    source: str | None = None
    cached: bool | None = None
    cache_source: str | None = None
    cache_age: int | None = None
    ttl: str | None = None
    resource_id: str | None = None
    expires_at: str | None = None
    request_id: str
    trace_id: str
    warnings: tuple[Caution, ...] = ()


class ErrorBody(Struct, kw_only=True, omit_defaults=True, rename=camel_name):
    """What went wrong. ``details`` never contains null; times in s and ms."""

    code: str
    message: str
    status_code: int
    retryable: bool = msgspec.field(default_factory=bool)
    canonical_code: str | None = None
    retry_after: int | None = None
    retry_after_ms: int | None = None
    provider: str | None = None
    providers_checked: tuple[str, ...] | None = None
    details: dict[str, Any] | None = None


class Failure(Struct, kw_only=True, omit_defaults=True):
    """Envelope of a failure. Legacy search adds an empty ``items`` at top level."""

    success: bool
    data: None = msgspec.field(default_factory=lambda: None)
    error: ErrorBody
    metadata: Metadata
    meta: Metadata | None = None
    items: list[Any] | None = None


def metadata_of(now: float, *, request_id: str, took_ms: int, **facts: Any) -> Metadata:
    """Return the metadata of an answer made at ``now`` (epoch seconds)."""
    return Metadata(
        timestamp=timestamp(now),
        processing_time=took_ms,
        request_id=request_id,
        trace_id=request_id,
        **facts,
    )


class Envelope:
    """Puts envelopes together from encoded parts."""

    def __init__(self, *, meta_alias: bool) -> None:
        self._alias = meta_alias

    def prefix(self, data: bytes, *, mirrored: bytes | None = None) -> bytes:
        """Return the part of a success that does not depend on the request.

        ``mirrored`` is an encoded object whose keys are repeated at top level.
        """
        top = b"" if mirrored is None or mirrored == b"{}" else mirrored[1:-1] + b","
        return b'{"success":true,' + top + b'"data":' + data

    def suffix(self, metadata: Metadata) -> bytes:
        """Return the rest of a success."""
        encoded = encode(metadata)
        alias = b',"meta":' + encoded if self._alias else b""
        return b',"metadata":' + encoded + alias + b"}"

    def bare(self, payload: bytes, metadata: Metadata) -> bytes:
        """Return a payload at top level, with ``success`` and ``metadata`` (legacy routes)."""
        inner = b"" if payload == b"{}" else payload[1:-1] + b","
        return b'{"success":true,' + inner + b'"metadata":' + encode(metadata) + b"}"

    def failure(self, error: ErrorBody, metadata: Metadata, *, items: bool = False) -> bytes:
        """Return an encoded failure."""
        return encode(
            Failure(
                success=False,
                error=error,
                metadata=metadata,
                meta=metadata if self._alias else None,
                items=[] if items else None,
            )
        )


def without_nulls(value: Any) -> Any:
    """Return JSON data without nulls at any depth: a client's decoder fails on them."""
    if isinstance(value, Mapping):
        return {str(k): without_nulls(v) for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [without_nulls(v) for v in value if v is not None]  # pyright: ignore[reportUnknownVariableType]
    return value
