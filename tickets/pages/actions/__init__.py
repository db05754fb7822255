"""The actions on the page of a ticket: each asks for what its verb needs, then calls the verb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from omoi_site.errors import NotFound
from tickets.pages.actions import acceptance, approvals, discovery, moves, people, task, templates, ticket
from tickets.pages.actions.action import Action, TaskAction, TicketAction

TICKET: Sequence[type[TicketAction]] = (
    moves.Advance,
    moves.Unblock,
    moves.Reopen,
    ticket.FollowUp,
    ticket.Judge,
    ticket.RetryFailed,
    acceptance.WriteCriteria,
    acceptance.AnswerCriterion,
    ticket.Seen,
    ticket.Pause,
    ticket.Resume,
    moves.Block,
    moves.SendBack,
    ticket.Edit,
    ticket.ChangePriority,
    templates.AddTasks,
    moves.Cancel,
    moves.Force,
    ticket.Archive,
    ticket.Restore,
    approvals.Approve,
    approvals.RequestChanges,
    approvals.Reject,
)
TASK: Sequence[type[TaskAction]] = (
    people.Take,
    people.Settle,
    people.HandBack,
    people.Reassign,
    task.Retry,
    task.Bump,
    task.Cancel,
)
# Those on the page of a task itself.
OF_TASK: Sequence[type[TaskAction]] = (*TASK[:-1], task.Prioritise, TASK[-1])
DISCOVERY: Sequence[type[discovery.Decision]] = (
    discovery.MakeTask,
    discovery.OpenTicket,
    discovery.Dismiss,
)
Kind = TypeVar("Kind", bound=Action)


def find(kinds: Sequence[type[Kind]], name: str) -> type[Kind]:
    """The action of this name; raises NotFound."""
    for kind in kinds:
        if kind.name == name:
            return kind
    raise NotFound(f"there is no action {name}")
