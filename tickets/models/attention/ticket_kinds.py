"""Kinds of attention about one ticket or task."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.database import sql
from tickets.gates.check_names import name_of
from tickets.models.attention.registry import API, Act, Kind, Values, see_why
from tickets.models.explain import sql_fragments as fragments
from tickets.models.explain import task_sentences, ticket_sentences
from tickets.models.explain.sql_fragments import (
    AWAITS_APPROVAL,
    EACH_OPEN_PHASES,
    IN_OPEN_PHASE,
    IN_TIME,
    STUCK,
    TAKEABLE,
    TAKEN_AT,
    UNFINISHED,
)
from tickets.models.task.readiness import MET, MOST_RATE_LIMITS
from tickets.workflows.document import CANCELLED

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
    return task_sentences.ended_badly(values)


def no_progress(values: Values) -> str:
    claim = values["details"]
    taken = humanize.coming(claim["taken_s"])
    words = {"holder": claim["holder"], "inactive": humanize.length(claim["inactive_s"]), "taken": taken}
    return task_sentences.no_progress(words)


def retry(values: Values) -> Act:
    body = {"reason": "Retried from the attention list"}
    return Act("Retry", "POST", f"{API}/tasks/{values['task']}/retry", body, page="retry")


def cannot_go_on(values: Values) -> str:
    need = values["details"]
    return (
        f"it waits for {need['need']} ({need['need_title']}), which is {need['need_state']}:"
        " retry that task, or remove the need"
    )


def limited(values: Values) -> str:
    return task_sentences.limited_often(values)


def discovered(values: Values) -> str:
    found = values["details"]
    kind = found["type"].replace("_", " ")
    what = f"{humanize.actor(found['by'])} found something on the way ({kind}): {found['title']}"
    return f"{what}; {found['fault']}" if found["fault"] else f"{what}. Say what becomes of it"


def decide(values: Values) -> Act:
    """A ticket that ended takes no more tasks."""
    path = f"{API}/discoveries/{values['id']}/decision"
    if values["details"]["ended"]:
        body = {"as": "ticket"}
        return Act("Open a ticket", "POST", path, body, page="open-ticket", discovery=values["id"])
    return Act("Make it a task", "POST", path, {"as": "task"}, page="make-task", discovery=values["id"])


def work_ended(values: Values) -> str:
    work = {**values["details"], "phase": humanize.phase(values["phase"])}
    if values["phase"] == CANCELLED:
        return ticket_sentences.cancelled(work)
    return ticket_sentences.all_ended(work) if work["unfinished"] else ticket_sentences.done(work)


def go_on(values: Values) -> Act:
    return advance(values) if values["details"]["to"] else explain(values)


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


def held_by_person(values: Values) -> str:
    claim = values["details"]
    person, span = humanize.actor(claim["holder"]), humanize.length(claim["held_s"])
    away = f", and {person} can no longer work in this project" if claim["away"] else ""
    return f"{person} has held it for {span}{away}"


def take_over(values: Values) -> Act:
    body = {"to": "me", "reason": "Taken over from the attention list"}
    return Act("Reassign", "POST", f"{API}/tasks/{values['task']}/assignment", body, page="reassign")


def nobody(values: Values) -> str:
    what = "the task" if values["task"] else "the ticket"
    return f"nobody and nothing would ever move {what} on: no rule says what it waits for"


def explain(values: Values) -> Act:
    if values["task"]:
        return see_why(values)
    return Act("See why", "GET", f"{API}/tickets/{values['ticket']}/explain")


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
    details="CASE WHEN t.error <> '' THEN jsonb_build_object('alike', omoi_error_mark(t.error)) END",
)
NO_PROGRESS = Kind(
    "no_progress",
    "No progress",
    "warn",
    "clock",
    sql.statement(__file__, "no_progress", in_time=IN_TIME, no_progress=fragments.NO_PROGRESS),
    no_progress,
    see_why,
    details=sql.statement(__file__, "no_progress_details", takeable=TAKEABLE, taken_at=TAKEN_AT),
)
CANNOT_GO_ON = Kind(
    "cannot_go_on",
    "Cannot go on",
    "bad",
    "circle-x",
    sql.statement(__file__, "cannot_go_on", met=MET.strip()),
    cannot_go_on,
    see_why,
    details=sql.statement(__file__, "cannot_go_on_details", met=MET.strip()),
    indexed=False,
)
HELD_BY_PERSON = Kind(
    "held_by_person",
    "Held by a person",
    "warn",
    "user-round",
    sql.statement(
        __file__,
        "held_by_person",
        held_long=fragments.HELD_LONG,
        may_still_work=fragments.MAY_STILL_WORK,
        goes_on=GOES_ON,
    ),
    held_by_person,
    take_over,
    details=sql.statement(
        __file__, "held_by_person_details", may_still_work=fragments.MAY_STILL_WORK
    ).strip(),
    indexed=False,
)
QUOTA = Kind(
    "quota",
    "Limit met too often",
    "warn",
    "hand",
    sql.statement(
        __file__,
        "quota",
        goes_on=GOES_ON,
        often=str(MOST_RATE_LIMITS),
        open_phases=EACH_OPEN_PHASES.rstrip(),
        in_open_phase=IN_OPEN_PHASE,
    ),
    limited,
    retry,
)
WORK_ENDED = Kind(
    "work_ended",
    "Work has ended",
    "attention",
    "circle-check",
    sql.statement(
        __file__,
        "work_ended",
        goes_on=GOES_ON,
        unfinished=UNFINISHED,
        open_phases=EACH_OPEN_PHASES.rstrip(),
        in_open_phase=IN_OPEN_PHASE,
    ),
    work_ended,
    go_on,
    details=sql.statement(
        __file__,
        "work_ended_details",
        unfinished=UNFINISHED,
        open_phases=EACH_OPEN_PHASES.rstrip(),
        in_open_phase=IN_OPEN_PHASE,
        next_phase=sql.statement(__file__, "move_fault_details").strip(),
    ),
)
DISCOVERY = Kind(
    "discovery",
    "Discovery",
    "attention",
    "search",
    sql.statement(__file__, "discovery", goes_on=GOES_ON),
    discovered,
    decide,
    details=sql.statement(__file__, "discovery_details", unfinished=UNFINISHED),
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
NOBODY = Kind(
    "nobody",
    "Waits on nobody",
    "bad",
    "circle-x",
    sql.statement(__file__, "nobody"),
    nobody,
    explain,
    indexed=False,
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
