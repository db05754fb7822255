"""Logs: one JSON object a line, on standard error."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

# API keys and the tokens of one-time links, which are parts of addresses that Django logs.
SECRETS = re.compile(r"(omoi_[0-9a-f]{8}_|/login/once/[^/\s]+/)[\w-]+")


def without_secrets(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = SECRETS.sub(r"\1…", value)
    return line


# What our own lines of the standard library's `logging` may add, as `extra`: others add objects of theirs.
EXTRA = structlog.stdlib.ExtraAdder(allow=["agent", "check", "number", "tasks", "tickets"])
STEPS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.format_exc_info,
    without_secrets,
]


def to_stderr(level: str) -> dict[str, Any]:
    """Django's LOGGING: all log lines, ours and those of libraries, have the same format."""
    structlog.configure(
        processors=[*STEPS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    shape = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
        "foreign_pre_chain": [EXTRA, *STEPS],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": shape},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"level": "ERROR"},  # a 404 is an answer
            "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }
