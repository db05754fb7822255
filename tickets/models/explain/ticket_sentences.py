"""Sentences of a ticket's own obstacles: what is in the way, and what would help."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.humanize import counted
from tickets.models.explain import task_sentences
from tickets.models.explain.sentences import Values, listed, shortened


def failed_tasks(values: Values) -> str:
    """The failed tasks by key, and the errors, the most frequent first, each with its count if there are
    several.
    """
    keys = listed(values["failed_keys"], values["failed"])
    return f"{counted(values['failed'], 'task')} failed: {keys}{_errors(values)}"


def _errors(values: Values) -> str:
    errors = [(" ".join(error.split()) or "no reason given", count) for error, count in values["errors"]]
    rest = values["failed"] - sum(count for _, count in errors)
    if len(errors) == 1 and not rest:
        return f" ({errors[0][0]})"
    parts = [f"{count} with: {shortened(error)}" for error, count in errors]
    return f" ({'; '.join([*parts, *([f'{rest} with other errors'] if rest else [])])})"


def retry_failed(values: Values) -> str:
    them = "it" if values["failed"] == 1 else "them"
    return f"Press Retry failed{values['on_page']}, or move the ticket on without {them}: Force a transition."


def unsatisfiable_tasks(values: Values) -> str:
    keys = listed(values["unsatisfiable_keys"], values["unsatisfiable"])
    tasks = counted(values["unsatisfiable"], "task")
    return f"what {tasks} {'needs' if values['unsatisfiable'] == 1 else 'need'} can no longer be met: {keys}"


def repair_needs(values: Values) -> str:
    one = values["unsatisfiable"] == 1
    needed, them = ("it needs", "it") if one else ("they need", "them")
    return f"Press Retry beside what {needed}, or Cancel beside {them}{values['on_page']}."


def all_silent(values: Values) -> str:
    """Its first lease may have ended since, which the clock is about to see."""
    claims = values["silent"]
    others = " and others" if claims["more"] else ""
    number = 2 if others else len(claims["holders"])
    silence = task_sentences.silence(humanize.length(claims["silent_s"]), number)
    left = humanize.length(max(0, claims["lease_s"]))
    held = f"{'holds' if number == 1 else 'hold'} {counted(claims['tasks'], 'task')} of it"
    names = ", ".join(sorted(claims["holders"]))
    agents = "agent" if number == 1 else "agents"
    return f"{agents} {names}{others} {held}, but {silence}; the first lease ends in {left}"


def retire_silent(values: Values) -> str:
    holders = values["silent"]["holders"]
    name, gone = (holders[0], f"{holders[0]} if it") if len(holders) == 1 else ("NAME", "an agent that")
    tasks = "its task comes" if values["silent"]["tasks"] == 1 else "the tasks come"
    return (
        f"Retire {gone} is gone (POST /agents/{name}/retire): all it holds is then free at once."
        f" Otherwise {tasks} back when the leases end."
    )


def submit_evidence(values: Values) -> str:
    how = (
        f"The checklist{values['on_page']} says what each check needs; submit it"
        f" (POST /tickets/{values['ticket']}/artifacts), then press Run checks there."
    )
    return f"{how} If it refuses again, {values['on_failure']}." if values["on_failure"] else how


def awaits_approval(values: Values) -> str:
    approvals, approved = values["approvals"], values["approved"]
    some = f" ({approved} of {approvals['count']} given)" if approved else ""
    left = approvals["count"] - approved
    who = "admin" if approvals["role"] == "admin" else "approver"
    more = "another " if approved else "an "
    return f"it waits for {f'{left} {who}s' if left > 1 else f'{more}{who}'} to approve it{some}"


def disapproved(values: Values) -> str:
    last = values["last_refusal"]
    did = "rejected it" if last["decision"] == "reject" else "requested changes"
    return f"{humanize.who(last['by'])} {did}: {last['reason']}"


def move_due(values: Values) -> str:
    late = values["moves_late"]
    if late is None:
        return f"it can move on from {values['phase']}; the clock or a worker will move it"
    return (
        f"it can move on from {values['phase']} and waits for its turn:"
        f" {counted(late['waiting'], 'ticket')} waited for such a move when the clock last counted,"
        f" the first for {humanize.length(late['age'])}"
    )


def no_task(values: Values) -> str:
    return f"it has no task in {values['phase']}{', and is approved' if _approved(values) else ''}"


def go_on_without_task(values: Values) -> str:
    task = f"add a task (POST /tickets/{values['ticket']}/tasks)"
    if _approved(values):
        return f"Press Advance{values['on_page']}: that runs its checks. Or {task}."
    if not values["gated"]:
        return f"Press Advance{values['on_page']}, or {task}."
    return f"Submit what its gate asks for and press Advance{values['on_page']}, or {task}."


def _approved(values: Values) -> bool:
    return bool(values["approvals"] and values["approved"] >= values["approvals"]["count"])


def all_ended(values: Values) -> str:
    ended = "its only task of {} has" if values["total"] == 1 else "all its tasks of {} have"
    return f"{ended.format(values['phase'])} ended, but nobody has moved it on"


def left_open(values: Values) -> str:
    one = values["left_open"] == 1
    return f"{counted(values['left_open'], 'task')} of it {'is' if one else 'are'} still open"


def cancelled(values: Values) -> str:
    return f"it is cancelled, and {left_open(values)}"


def done(values: Values) -> str:
    return f"it is done, and {left_open(values)}"


def cancel_left(values: Values) -> str:
    return f"Press Cancel beside {_open_ones(values)}{values['on_page']}, or press Reopen."


def follow_up_left(values: Values) -> str:
    return (
        f"Press Cancel beside {_open_ones(values)}{values['on_page']};"
        " for what is still needed, press Open a follow-up."
    )


def _open_ones(values: Values) -> str:
    return "the open task" if values["left_open"] == 1 else "each open task"
