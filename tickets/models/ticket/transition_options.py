"""The moves that a ticket could make now: the conditions of the moves, checked without moving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.models import Actor, rights
from tickets.models.gate.status import gate
from tickets.models.ticket.room import PhaseFull, full_phases
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.transitions import MOVES


@dataclass(frozen=True)
class Option:
    """A possible move: its verb, its destination and what it needs.

    scope: the right that it needs. permitted: whether `by` has it. least_reason: the minimum length of its
    reason. unmet: what the gate or open tasks still need, each {check, code, need, got, how}.
    """

    verb: str
    to: str
    scope: str
    permitted: bool
    least_reason: int = 0
    unmet: Sequence[dict[str, Any]] = ()
    full: int | None = None

    @property
    def allowed(self) -> bool:
        """Whether the ticket is ready for it, apart from rights."""
        return not self.unmet


def options(
    ticket: Ticket, by: Actor, *, judge: bool = True, scopes: frozenset[str] | None = None
) -> list[Option]:
    """Every possible move of the ticket; none if it is done or archived.

    judge: read the evidence for moves through a gate; without it, `unmet` is left out. scopes: the rights of
    `by` in its project, if they have already been read.
    """
    if ticket.archived_at:
        return []
    held = rights.scopes(by, ticket.project) if scopes is None else scopes
    unmet: Sequence[dict[str, Any]] = _unmet(ticket) if judge and ticket.destinations("advance") else ()
    full = full_phases(ticket)
    lacks = {to: _lacks_room(limit) for to, limit in full.items()}
    return [
        Option(
            verb,
            to,
            scope,
            scope in held,
            least,
            [*(unmet if verb == "advance" else ()), *(lacks[to] if to in lacks and verb != "force" else ())],
            full.get(to),
        )
        for verb, (scope, least) in MOVES.items()
        for to in ticket.destinations(verb)
    ]


def _lacks_room(limit: int) -> list[dict[str, Any]]:
    how = "wait until one of its tickets has moved on; a person may move it in past the limit"
    return [{"check": "wip", "code": PhaseFull.code, "need": limit, "got": limit, "how": how}]


def _unmet(ticket: Ticket) -> list[dict[str, Any]]:
    """What prevents an advance: reasons of the gate on the present evidence, and open tasks."""
    unmet = [reason for check in gate(ticket).checks for reason in check["reasons"]]
    left = ticket.tasks.open().filter(phase=ticket.phase).count()
    if left and not any(reason["code"] == "tasks_open" for reason in unmet):
        how = "complete or cancel them first"
        unmet.append({"check": "tasks", "code": "tasks_open", "need": 0, "got": left, "how": how})
    return unmet
