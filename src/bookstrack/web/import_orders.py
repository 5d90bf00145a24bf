"""How an import was asked for: query, the form field ``options``, and headers, checked. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from bookstrack.errors import FeatureDisabled, InvalidRequest
from bookstrack.imports.export import Format
from bookstrack.pipelines.csv_rows import ImportOptions
from bookstrack.web.import_upload import Upload
from bookstrack.web.job_access import chosen_id
from bookstrack.web.json_bodies import idempotency_key

Parser = Literal["auto", "deterministic", "ai"]
OnDuplicate = Literal["skip", "update"]
_PARSERS = ("auto", "deterministic", "ai")


class ImportQuery(Struct, frozen=True, kw_only=True):
    """The options of the query; ``None`` where one was not sent."""

    parser: Parser | None = None
    format: Format | None = None
    enrich: bool | None = None
    user_id: str | None = None
    on_duplicate: OnDuplicate | None = None
    dry_run: bool | None = None
    job_id: str | None = None


class ImportOrder(Struct, frozen=True, kw_only=True):
    """A checked request for an import."""

    options: ImportOptions
    job_id: str | None
    key: str | None
    fingerprint: str
    user_id: str | None = None


def read_order(upload: Upload, query: ImportQuery, *, key_header: str) -> ImportOrder:
    """Return what was asked for; the query wins over the form.

    Raises:
        InvalidRequest: an option is no JSON object, or has a wrong value.
    """
    form = _form_options(upload.fields)
    options = ImportOptions(
        parser=_parser(query.parser or _text(form, "parser")),
        format=(query.format or _format(_text(form, "format"))),
        enrich=_first(query.enrich, _flag(form, "auto_enrich"), default=True),
        dry_run=_first(query.dry_run, _flag(form, "dryRun"), default=False),
        on_duplicate=query.on_duplicate or _on_duplicate(form),
        charset=upload.charset,
    )
    given = query.job_id or upload.fields.get("jobId") or _text(form, "jobId")
    return ImportOrder(
        options=options,
        job_id=None if given is None else chosen_id(given),
        key=idempotency_key(key_header, form, upload.fields),
        fingerprint=_fingerprint(upload.data, options),
        user_id=query.user_id or _text(form, "userId") or upload.fields.get("userId") or None,
    )


def check_features(order: ImportOrder, *, ai_ready: bool) -> None:
    """Refuse what this server does not do.

    Raises:
        FeatureDisabled: rows for a user's library, or an AI that is not there.
    """
    if order.user_id is not None:
        raise FeatureDisabled(
            "Imports into a user's library are not available yet",
            details={"parameter": "userId"},
        )
    if order.options.parser == "ai" and not ai_ready:
        raise FeatureDisabled(
            "No AI is set up here; leave out parser=ai", details={"parameter": "parser"}
        )


def _form_options(fields: Mapping[str, str]) -> dict[str, Any]:
    text = fields.get("options", "").strip()
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _wrong("options", "is not valid JSON") from None
    if not isinstance(found, dict):
        raise _wrong("options", "must be a JSON object")
    return cast("dict[str, Any]", found)


def _parser(asked: str | None) -> str:
    parser = asked or "auto"
    if parser not in _PARSERS:
        raise _wrong("parser", f"must be one of {', '.join(_PARSERS)}")
    return parser


def _format(asked: str | None) -> str | None:
    if asked is not None and asked not in list(Format):
        raise _wrong("format", f"must be one of {', '.join(Format)}")
    return asked


def _on_duplicate(form: Mapping[str, Any]) -> str:
    return "update" if _flag(form, "skip_duplicates") is False else "skip"


def _flag(form: Mapping[str, Any], name: str) -> bool | None:
    value = form.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "must be true or false")
    return value


def _text(form: Mapping[str, Any], name: str) -> str | None:
    value = form.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(name, "must be a text")
    return value or None


def _first(*values: bool | None, default: bool) -> bool:
    return next((value for value in values if value is not None), default)


def _wrong(name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {problem}", details={"parameter": name})


def _fingerprint(data: bytes, options: ImportOptions) -> str:
    """Return the hash under which a repeat is recognised: of the file and what was asked [I2]."""
    asked = json.dumps(msgspec.to_builtins(options), sort_keys=True, separators=(",", ":"))
    parts = f"{hashlib.sha256(data).hexdigest()}\n{asked}"
    return hashlib.sha256(parts.encode()).hexdigest()
