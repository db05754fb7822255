"""A page as a test reads it, however its template is laid out."""

from __future__ import annotations

import re


def squeeze(page: str) -> str:
    """Runs of blanks are one blank, and there is none between two tags."""
    return re.sub(r"> <", "><", " ".join(page.split()))
