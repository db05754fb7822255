"""Sentences of a ticket's own obstacles: what is in the way, and what would help."""

from __future__ import annotations

from omoi_site import humanize
from tickets.models.explain.sentences import Values, counted, listed


def failed_tasks(values: Values) -> str:
    """The failed tasks by key, and the error of the first."""
    error = " ".join((values["failed_error"] or "").split())
    keys = listed(values["failed_keys"], values["failed"])
    return f"{counted('task', values['failed'])} failed: {keys}" + (f" ({error})" if error else "")


def retry_failed(values: Values) -> str:
    them = "it" if values["failed"] == 1 else "them"
    return (
        f"Press Retry failed on the page of {values['ticket']},"
        f" or move the ticket on without {them}: Force a transition."
    )


def unsatisfiable_tasks(values: Values) -> str:
    keys = listed(values["unsatisfiable_keys"], values["unsatisfiable"])
    tasks = counted("task", values["unsatisfiable"])
    return f"what {tasks} {'needs' if values['unsatisfiable'] == 1 else 'need'} can no longer be met: {keys}"


def repair_needs(values: Values) -> str:
    one = values["unsatisfiable"] == 1
    needed, them = ("it needs", "it") if one else ("they need", "them")
    return (
        f"Press Retry beside what {needed}, or Cancel beside {them}, on the page of {values['ticket']};"
        f" or remove the need (DELETE /tickets/{values['ticket']}/edges/ID)."
    )


def move_due(values: Values) -> str:
    late = values["moves_late"]
    if late is None:
        return f"it can move on from {values['phase']}; the clock or a worker will move it"
    return (
        f"it can move on from {values['phase']} and waits for its turn:"
        f" {counted('ticket', late['waiting'])} waited for such a move when the clock last counted,"
        f" the first for {humanize.length(late['age'])}"
    )


def all_ended(values: Values) -> str:
    ended = "its only task of {} has" if values["total"] == 1 else "all its tasks of {} have"
    return f"{ended.format(values['phase'])} ended, but nobody has moved it on"


def left_open(values: Values) -> str:
    one = values["left_open"] == 1
    return f"{counted('task', values['left_open'])} of it {'is' if one else 'are'} still open"


def cancelled(values: Values) -> str:
    return f"it is cancelled, and {left_open(values)}"


def done(values: Values) -> str:
    return f"it is done, and {left_open(values)}"


def cancel_left(values: Values) -> str:
    return f"Press Cancel beside {_open_ones(values)} on the page of {values['ticket']}, or press Reopen."


def follow_up_left(values: Values) -> str:
    return (
        f"Press Cancel beside {_open_ones(values)} on the page of {values['ticket']};"
        " for what is still needed, press Open a follow-up."
    )


def _open_ones(values: Values) -> str:
    return "the open task" if values["left_open"] == 1 else "each open task"
