"""Kinds of attention about one ticket or task."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.database import sql
from tickets.gates.check_names import name_of
from tickets.models.attention.registry import API, Act, Kind, Values
from tickets.models.explain import task_sentences, ticket_sentences
from tickets.models.explain.sql_fragments import AWAITS_APPROVAL, STUCK

# Nobody stopped the work on purpose.
GOES_ON = "NOT k.paused AND k.archived_at IS NULL AND NOT j.paused"


def move_failed(values: Values) -> str:
    return f"it should move on from {humanize.phase(values['phase'])} but cannot: {values['move_fault']}"


def advance(values: Values) -> Act:
    return move(values, f"Advance to {humanize.phase(values['details']['to'])}", page="advance")


def move(values: Values, label: str, *, page: str) -> Act:
    path = f"{API}/tickets/{values['ticket']}/transitions"
    return Act(label, "POST", path, {"to": values["details"]["to"]}, page)


def gate_failed(values: Values) -> str:
    gate = values["details"]
    unmet = ", ".join(name_of(check) for check in gate["unmet"] or [])
    return f"the gate of {humanize.phase(values['phase'])} refused it {gate['refusals']} times: {unmet}"


def judge(values: Values) -> Act:
    path = f"{API}/tickets/{values['ticket']}/gate/evaluations"
    return Act("Run checks", "POST", path, page="judge")


def approval(values: Values) -> str:
    return ticket_sentences.awaits_approval(values["details"])


def review(values: Values) -> Act:
    """Whoever approves has looked at the evidence, so the request only shows it."""
    return Act("Review", "GET", f"{API}/tickets/{values['ticket']}/gate", section="approvals")


def task_failed(values: Values) -> str:
    say = task_sentences.worker_lost if values["failure"] == "worker_lost" else task_sentences.failed
    return say(values)


def retry(values: Values) -> Act:
    body = {"reason": "Retried from the attention list"}
    return Act("Retry", "POST", f"{API}/tasks/{values['task']}/retry", body, page="retry")


def notified(values: Values) -> str:
    return f"it entered {humanize.phase(values['details']['entered'])}; its workflow notifies you of that"


def dismiss(values: Values) -> Act:
    path = f"{API}/tickets/{values['ticket']}/notices/{values['id']}/dismissal"
    return Act("Seen", "POST", path, page="seen")


def blocked(values: Values) -> str:
    block = values["details"]
    return f"it is blocked ({block['class'].replace('_', ' ')}): {block['reason']}"


def unblock(values: Values) -> Act:
    return move(values, "Unblock", page="unblock")


MOVE_FAULT = Kind(
    "move_fault",
    "Cannot move on",
    "bad",
    "circle-x",
    sql.statement(__file__, "move_fault", stuck=STUCK, goes_on=GOES_ON),
    move_failed,
    advance,
    details=sql.statement(__file__, "move_fault_details"),
)
GATE_FAILED = Kind(
    "gate_failed",
    "Gate failed twice",
    "bad",
    "shield-alert",
    sql.statement(__file__, "gate_failed", goes_on=GOES_ON),
    gate_failed,
    judge,
    details=sql.statement(__file__, "gate_failed_details"),
)
APPROVAL = Kind(
    "approval",
    "Approval",
    "attention",
    "hand",
    sql.statement(
        __file__,
        "approval",
        awaits_approval=AWAITS_APPROVAL.replace("tickets_ticket.", "k."),
        goes_on=GOES_ON,
    ),
    approval,
    review,
    details=sql.statement(__file__, "approval_details"),
    indexed=False,
)
TASK_FAILED = Kind(
    "task_failed",
    "Task failed",
    "bad",
    "circle-x",
    sql.statement(__file__, "task_failed"),
    task_failed,
    retry,
)
NOTIFIED = Kind(
    "notified",
    "Notice",
    "attention",
    "hand",
    sql.statement(__file__, "notified"),
    notified,
    dismiss,
    details="(SELECT jsonb_build_object('entered', n.phase) FROM tickets_notice n WHERE n.id = f.id)",
)
BLOCKED = Kind(
    "blocked",
    "Blocked",
    "warn",
    "octagon-x",
    sql.statement(__file__, "blocked", goes_on=GOES_ON),
    blocked,
    unblock,
    details=sql.statement(__file__, "blocked_details"),
)
