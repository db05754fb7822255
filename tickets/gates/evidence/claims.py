"""Numbers that an agent claims. They count only where the workflow says so."""

from __future__ import annotations

from tickets.gates.evidence.bounded_xml import Unreadable
from tickets.gates.evidence.cobertura import Coverage
from tickets.gates.evidence.json_document import json_document


def claimed_coverage(content: bytes) -> Coverage:
    """JSON `{percent, lines}`: the percentage from 0 to 100, and of how many lines."""
    read = json_document(content)
    percent, lines = (read.get("percent"), read.get("lines")) if isinstance(read, dict) else (None, None)
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise Unreadable("`percent` must be a number from 0 to 100")
    if isinstance(lines, bool) or not isinstance(lines, int) or lines < 1:
        raise Unreadable("`lines` must be the number of lines of code, 1 or more")
    claimed = Coverage(percent)
    claimed.lines = lines
    return claimed
