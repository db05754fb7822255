"""Which git can keep mirrors of repositories."""

from __future__ import annotations

import re

OLDEST = (2, 37)  # the oldest that can be told the addresses of a host


def keeps_mirrors(version: str) -> bool:
    """version: what `git --version` prints."""
    number = re.search(r"(\d+)\.(\d+)", version)
    return bool(number and (int(number[1]), int(number[2])) >= OLDEST)
