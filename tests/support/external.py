"""Parts outside of the repository that some tests want."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def unavailable(part: str, how: str) -> NoReturn:
    """End a test whose outside part is not there: skipped, saying how to get it; failed when
    OMOI_TEST_REQUIRE names the part.
    """
    if part in os.environ.get("OMOI_TEST_REQUIRE", "").replace(",", " ").split():
        pytest.fail(how)
    pytest.skip(how)
