"""The check of approvals. A phase asks for them by a key of its own, `approvals`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates.registry import Reason, gate_check, registered

COUNT = {
    "type": "integer",
    "minimum": 1,
    "maximum": 20,
    "title": "Count",
    "description": "How many different people must approve.",
}
ROLE = {
    "enum": ["approver", "admin"],
    "title": "Role",
    "description": "The role in the project that they need. An admin may also approve as approver.",
}
SELF = {
    "enum": ["never"],
    "title": "Self-approval",
    "description": "never: an author does not approve, even if nobody else could. Without it, an author may"
    " approve where nobody else could, and the approval stays marked as self-approved.",
}
EXPIRES = {
    "type": "integer",
    "minimum": 60,
    "maximum": 365 * 86400,
    "title": "Expiry",
    "description": "The seconds for which an approval counts, while the evidence is the same.",
}
REFUSED = {"reject": "rejected", "request_changes": "changes_requested"}


@gate_check(
    "approvals",
    parameters={"count": COUNT, "role": ROLE},
    optional={"self": SELF, "expires_s": EXPIRES},
)
def approvals(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """So many people with the role have approved what the ticket shows now."""
    decisions = case.decisions()
    approved = len({decision.by for decision in decisions if decision.counts})
    if approved >= needs["count"]:
        return
    last = decisions[-1] if decisions else None
    if last and not last.counts:
        how = f"{last.by} says: {last.reason}. Change it, submit it again, then ask for approval"
        yield Reason("approvals", REFUSED[last.decision], needs["count"], approved, how)
        return
    missing, could = needs["count"] - approved, case.approvers_left()
    who = f"{missing} more with the role {needs['role']} must approve it, on the ticket's page"
    if could < missing:
        who += (
            f"; {could or 'nobody'} could: give more people the role (authors do not approve their own work)"
        )
    yield Reason("approvals", "approvals_missing", needs["count"], approved, who)


SCHEMA = registered()["approvals"].parameters  # of the key in a phase
