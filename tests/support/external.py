"""Parts outside of the repository that some tests want."""

from __future__ import annotations

import importlib.util
import os
from typing import NoReturn

import pytest

LIBRARIES = {"redis": "redis", "rabbitmq": "pika"}  # that a broker is reached with


def unavailable(part: str, how: str) -> NoReturn:
    """End a test whose outside part is not there: skipped, saying how to get it; failed when
    OMOI_TEST_REQUIRE names the part.
    """
    if part in os.environ.get("OMOI_TEST_REQUIRE", "").replace(",", " ").split():
        pytest.fail(how)
    pytest.skip(how)


def needs_library(broker: str) -> None:
    """End a test whose broker cannot be reached from here, since its library is not installed."""
    if importlib.util.find_spec(LIBRARIES[broker]) is None:
        unavailable(broker, "pip install -r requirements-scale.txt")
