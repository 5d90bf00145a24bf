"""Structured logs on standard output: one JSON object, or one readable line, per event."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from bookstrack.settings import TelemetrySettings

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
# The last line of defence: texts of libraries and exceptions may quote an address.
_SECRETS = re.compile(
    r"(?i)([?&][\w-]*(?:key|token|secret|password)=|\bbearer |://[^/\s:@]*:(?=[^/\s@]+@))"
    r"[^&\s\"'\\@]+"
)
_MARKS = ("=", "://", "earer ", "EARER ")


class Output:
    """Writes lines to what is standard output at that moment; ``name`` is the logger's."""

    def __init__(self, name: str = "bookstrack") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    debug = info = warning = error = critical = msg


def configure_logging(settings: TelemetrySettings) -> None:
    """Set up structlog for this process; libraries' own logs follow from WARNING on."""
    structlog.configure(
        processors=[*_COMPLETING, *rendering(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=Output,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(libraries_format(settings))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def libraries_format(settings: TelemetrySettings) -> logging.Formatter:
    """Return what gives records of the standard library's logging the form of our own lines."""
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_COMPLETING, processors=[meta, *rendering(settings)]
    )


def rendering(settings: TelemetrySettings) -> list[Processor]:
    """Return the steps from a complete event to its line."""
    if settings.log_format == "text":
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            event_key="msg",
            timestamp_key="ts",
            exception_formatter=structlog.dev.plain_traceback,  # the others show local variables
        )
        return [_ordered, console, without_secrets]
    exceptions = structlog.processors.ExceptionRenderer(_described)
    return [exceptions, _ordered, structlog.processors.JSONRenderer(), without_secrets]


def _described(exc_info: ExcInfo) -> dict[str, str]:
    kind, problem, _ = exc_info
    return {"type": kind.__name__, "stack": "".join(traceback.format_exception(problem))}


def _ordered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put what every line has first, under the names of operations §12."""
    first = {name: event.pop(name) for name in ("ts", "level", "logger")}
    ordered: EventDict = {**first, "msg": event.pop("event"), **event}
    if "exception" in ordered:
        ordered["exc"] = ordered.pop("exception")
    return ordered


def without_secrets(_logger: WrappedLogger, _method: str, line: Any) -> Any:
    """Blot out keys, tokens and passwords in addresses that stand in a line."""
    if not any(mark in line for mark in _MARKS):  # a hundred times faster than the pattern
        return line
    return _SECRETS.sub(r"\1***", line)


_COMPLETING: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", key="ts"),
]
