"""What the timeline of a ticket says of each kind of event: one line a kind.

A line has the group by which it is filtered, and how the sentence goes on after who did it. `{task}`,
`{gate}` and the other names of `timeline.LINKS` lead to what the event is about; any other name is a value of
the event's data. Where the words depend on the data, they are a function of it. An app above registers its
own kinds in its AppConfig.ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from omoi_site import humanize
from omoi_site.humanize import counted

Data = Mapping[str, Any]
GROUPS = {
    "moves": "Moves",
    "gate": "Gate and approvals",
    "submissions": "Submissions",
    "tasks": "Tasks",
    "changes": "Changes",
    "comments": "Comments",
    "context": "Context",
    "discoveries": "Discoveries",
    "steps": "Small steps",
}
QUIET = {"steps"}  # groups that are shown only when they are asked for


class Line(NamedTuple):
    """tone: the colour of its dot."""

    group: str
    words: str | Callable[[Data], str]
    tone: str = "neutral"


def fields(data: Data) -> str:
    """The names of the fields that changed."""
    names = [name.replace("_", " ") for name in data.get("after") or data.get("before") or ()]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names) or "it"


def moved(data: Data) -> str:
    match data.get("ground"):
        case "verdict":
            return "moved it from {from} to {to}: its gate passed"
        case "back":
            return "sent it back from {from} to {to}"
        case "blocked":
            return "blocked it in {from}"
        case "unblocked":
            return "unblocked it: it goes on in {to}"
        case "cancelled":
            return "cancelled it in {from}"
        case "reopened":
            return "reopened it in {to}"
        case "forced":
            return "forced it from {from} to {to}"
        case _:
            return "moved it from {from} to {to}"


def opened(data: Data) -> str:
    if data.get("source") and data["source"] != "demo":
        return "imported it from {source}, in {phase}"
    if data.get("follow_up"):
        return "opened it in {phase} as a follow-up of {followed}"
    return "opened it in {phase}"


def judged(data: Data) -> str:
    failed = len(data.get("unmet") or ())
    if data.get("passed"):
        return "ran the checks of {gate}: every check passes"
    return (
        f"ran the checks of {{gate}}: {counted(failed, 'check')} {'does' if failed == 1 else 'do'} not pass"
    )


def approved(data: Data) -> str:
    return f"approved {{approvals}}{', as an author of it' if data.get('self_approved') else ''}"


def answered(data: Data) -> str:
    return (
        f"answered a check of {{gate}}, {{check}}: it {'passes' if data.get('passed') else 'does not pass'}"
    )


def criterion(data: Data) -> str:
    if data.get("evidence"):
        return "named the evidence of {criterion}"
    return "took back the evidence of {criterion}"


def tried_again(data: Data) -> str:
    """With an attempt it is the holder's failure, else somebody's retry."""
    if data.get("kind") == "rate_limited":
        return "met the limit of an account at {task}; it costs no attempt"
    if data.get("attempt"):
        return "failed at {task} in attempt {attempt}; it is tried again"
    return "let {task} be tried again"


def ended_by_time(why: str) -> Callable[[Data], str]:
    def words(data: Data) -> str:
        whose = " from {holder}" if data.get("holder") else ""
        return f"took {{task}} back{whose}: {why}"

    return words


def assigned(data: Data) -> str:
    return f"gave {{task}} to {humanize.actor(str(data.get('holder') or 'somebody'))}"


def stalled(data: Data) -> str:
    whose = " of {holder}" if data.get("holder") else ""
    return f"found no progress{whose} on {{task}}"


def progressed(data: Data) -> str:
    percent = f": {data['percent']} %" if data.get("percent") is not None else ""
    return f"reported progress on {{task}}{percent}{': {message}' if data.get('message') else ''}"


def launched(data: Data) -> str:
    return f"added {counted(len(data.get('tasks') or ()), 'task')} of {{phase}} from the workflow"


def noted(data: Data) -> str:
    what = "something" if data.get("kind") == "note" else "a {kind}"
    return f"noted {what} for {{context}}: {{text}}"


def came(data: Data) -> str:
    """Of how many tasks a sync knows the end."""
    return f"{len(data.get('completed') or ())} of {data.get('of', 0)}"


def tasks_of(name: str) -> Callable[[Data], str]:
    return lambda data: counted(len(data.get(name) or ()), "task")


def recorded(data: Data) -> str:
    return f"found something on the way: {{discovery}}{' ({type})' if data.get('type') else ''}"


def decided(data: Data) -> str:
    match data.get("as"):
        case "task":
            return "made a task of {discovery}"
        case "ticket":
            return "opened a ticket for {discovery}"
        case _:
            return "dismissed {discovery}"


def failed_validation(data: Data) -> str:
    then = "a task to fix it was added" if data.get("fix") else "nothing more is tried"
    return f"failed the validation of {{task}}, time {{number}}: {then}"


LINES: dict[str, Line] = {
    "alarm.raised": Line("steps", "corrected what was stored about {task}", "warn"),
    "approval.changes_requested": Line("gate", "asked for changes in {approvals}", "warn"),
    "approval.given": Line("gate", approved, "ok"),
    "approval.refused": Line("gate", "could not decide about {approvals}", "warn"),
    "approval.rejected": Line("gate", "rejected {approvals}", "bad"),
    "artifact.handed_in": Line(
        "submissions", "submitted {artifact} for {phase}, revision {revision}", "info"
    ),
    "context.note_withdrawn": Line("context", "took back a {kind} for {context}: {text}"),
    "context.noted": Line("context", noted),
    "coordination.join.created": Line(
        "tasks", lambda data: f"added {{task}}, which goes on from {tasks_of('needs')(data)}"
    ),
    "coordination.merge.completed": Line(
        "tasks",
        lambda data: f"merged the results of {tasks_of('sources')(data)} in {{task}}: {{strategy}}",
        "ok",
    ),
    "coordination.merge.created": Line(
        "tasks", "added {task}, which merges the results of the tasks before it: {strategy}"
    ),
    "coordination.split.created": Line(
        "tasks", lambda data: f"split {{task}} into {tasks_of('tasks')(data)}"
    ),
    "coordination.sync.created": Line(
        "tasks", lambda data: f"added {{task}}, which waits for {tasks_of('needs')(data)}"
    ),
    "coordination.sync.ready": Line(
        "tasks", lambda data: f"reached {{task}}: {came(data)} tasks have ended", "ok"
    ),
    "coordination.sync.timed_out": Line(
        "tasks", lambda data: f"ended {{task}}: its time was over with {came(data)} tasks", "warn"
    ),
    "discovery.decided": Line("discoveries", decided),
    "discovery.follow_failed": Line(
        "discoveries", "could not do what the workflow says of {discovery}", "warn"
    ),
    "discovery.recorded": Line("discoveries", recorded, "info"),
    "gate.check_answered": Line("gate", answered),
    "gate.judged": Line("gate", judged),
    "need.added": Line("changes", "let {task} wait for one more task"),
    "need.removed": Line("changes", "let {task} no longer wait for another task"),
    "notice.dismissed": Line("steps", "has seen the notice to the role {role}"),
    "task.added": Line("tasks", "added {task}"),
    "task.assigned": Line("tasks", assigned, "running"),
    "task.bumped": Line("tasks", "put {task} before all other work"),
    "task.cancelled": Line("tasks", "cancelled {task}"),
    "task.claimed": Line("tasks", "claimed {task}", "running"),
    "task.completed": Line("tasks", "completed {task}", "ok"),
    "task.doomed": Line("tasks", "found that what {task} needs can no longer be met", "warn"),
    "task.edited": Line("changes", lambda data: f"changed {fields(data)} of {{task}}"),
    "task.failed": Line("tasks", "failed at {task} for good", "bad"),
    "task.lapsed": Line("tasks", ended_by_time("its lease ended"), "warn"),
    "task.progressed": Line("steps", progressed),
    "task.promoted": Line("steps", "put {task} before ordinary work, because it waited long"),
    "task.readied": Line("steps", "found all that {task} needs done: it is ready"),
    "task.released": Line("tasks", "gave {task} back", "warn"),
    "task.retried": Line("tasks", tried_again, "warn"),
    "task.revoked": Line("tasks", "took {task} back", "warn"),
    "task.stalled": Line("tasks", stalled, "warn"),
    "task.taken": Line("tasks", "took {task} by hand", "running"),
    "task.taken_back": Line("tasks", ended_by_time("it showed no progress"), "warn"),
    "task.timed_out": Line("tasks", ended_by_time("it ran too long"), "warn"),
    "task.woken": Line("steps", "found that the time of {task} has come"),
    "template.launched": Line("tasks", launched),
    "ticket.archived": Line("changes", "took the ticket out of the lists"),
    "ticket.commented": Line("comments", "brought {comments} with an import"),
    "ticket.criterion_answered": Line("gate", criterion),
    "ticket.edited": Line("changes", lambda data: f"changed {fields(data)}"),
    "ticket.followed_up": Line("moves", "opened {ticket}, which goes on with it"),
    "ticket.mend_failed": Line("gate", "could not do what the workflow asks for after a refusal", "bad"),
    "ticket.move_failed": Line("moves", "could not move it on from {from}", "bad"),
    "ticket.move_refused": Line("moves", "was refused a move from {from} to {to}", "warn"),
    "ticket.moved": Line("moves", moved, "ok"),
    "ticket.notified": Line("steps", "told the role {role} that it entered {phase}"),
    "ticket.opened": Line("moves", opened, "ok"),
    "ticket.paused": Line("changes", "paused it", "warn"),
    "ticket.restored": Line("changes", "put it into the lists again"),
    "ticket.resumed": Line("changes", "let it go on after a pause"),
    "validation.failed": Line("tasks", failed_validation, "warn"),
    "ticket.workflow_changed": Line("changes", "let it follow version {to} of {workflow} instead of {from}"),
}
# Kinds that are about no ticket, so that no timeline has them.
ELSEWHERE = {
    "project.frozen",
    "project.imported",
    "project.thawed",
    "repository.added",
    "repository.edited",
    "repository.fetch_failed",
    "repository.fetched",
    "repository.removed",
    "schedule.created",
    "schedule.disabled",
    "schedule.edited",
    "schedule.enabled",
    "schedule.removed",
    "schedule.restored",
    "schedule.run_opened",
    "schedule.run_owed",
    "schedule.run_skipped",
    "tasks.bulk_begun",
    "tasks.bulk_ended",
    "template.created",
    "template.edited",
    "template.opened",
    "template.removed",
    "template.restored",
    "ticket.birth_refused",
    "workflow.installed",
}
MOVE_TONES = {
    "back": "warn",
    "blocked": "warn",
    "unblocked": "info",
    "cancelled": "neutral",
    "reopened": "info",
    "forced": "bad",
}


def register(kinds: Mapping[str, Line]) -> None:
    """Add the kinds of an app above."""
    LINES.update(kinds)


def kinds_of(groups: set[str]) -> list[str]:
    """The kinds of these groups; of all but the quiet ones if none is named."""
    return [kind for kind, line in LINES.items() if line.group in (groups or GROUPS.keys() - QUIET)]


def value(name: str, data: Data) -> str:
    """A value of the data, in words."""
    found = data.get(name)
    if name in ("phase", "from", "to", "check") and isinstance(found, str):
        return humanize.phase(found)
    if name in ("type", "strategy"):
        return str(found or "").replace("_", " ")
    return "" if found is None else str(found)
