"""Structured logs on standard output: one JSON object, or one readable line, per event."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from bookstrack.settings import TelemetrySettings

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def configure_logging(settings: TelemetrySettings) -> None:
    """Set up structlog for this process; libraries' own logs follow from WARNING on."""
    last: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "text":
        last = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(message)s"
    )
