"""Checks of the ticket's acceptance criteria."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates.registry import Reason, gate_check

CHECK = "acceptance"


@gate_check(CHECK)
def acceptance(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The ticket has acceptance criteria, and each names the artifact that answers it, as that artifact is
    now.
    """
    criteria = case.ticket.criteria
    if not criteria:
        how = "write what must be true of the ticket: its acceptance criteria"
        yield Reason(CHECK, "no_criteria", 1, 0, how)
    open_ones = [each for each in criteria if each.state == "open"]
    if open_ones:
        numbers = ", ".join(str(each.number) for each in open_ones)
        how = f"name the artifact that answers criterion {numbers}"
        yield Reason(CHECK, "criteria_open", [each.text for each in open_ones], None, how)
    for each in criteria:
        if each.state == "old":
            name = each.evidence["name"]
            how = f"look at the newest {name}, then name what answers criterion {each.number} again"
            yield Reason(CHECK, "criterion_old", each.text, name, how)
