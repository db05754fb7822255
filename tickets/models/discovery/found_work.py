"""The work that a discovery becomes: a task of its ticket, or a ticket that is linked to it."""

from __future__ import annotations

from typing import Any

from agents.models import Actor
from omoi_site import field_limits, humanize
from omoi_site.errors import short
from tickets.models.discovery.fields import DiscoveryFields
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.past_phases import PhaseLeft, phase_left
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.ticket_spec import TicketSpec
from tickets.models.ticket.workflow_tasks import PRIORITIES, filled, in_document


def locked(ticket: int) -> Ticket:
    return Ticket.lock_in_order([ticket])[ticket]


def left(ticket: Ticket, rule: dict[str, Any]) -> PhaseLeft | None:
    """Why no task of this rule could be done any more; None if it can."""
    effective = ticket.effective_phase
    return phase_left(ticket, ticket.phase, effective, rule.get("phase") or ticket.plan.works_in(effective))


def add_task(discovery: DiscoveryFields, ticket: Ticket, *, by: Actor) -> int:
    """Add the task that the workflow describes for this type; without a word there, one of the discovery's
    title, where work is now. Returns its id.
    """
    rule = _rule(discovery, ticket, "task")
    spec = TaskSpec(
        **{"kind": discovery.type, **_values(rule)},
        title=_title(rule, ticket.tasks.model),
        description=_description(discovery, rule, ticket.tasks.model),
    )
    with in_document(f"discoveries.{discovery.type}"):
        [made] = ticket.tasks.model.objects.insert(ticket, [spec], by=by)
    return int(made)


def open_ticket(discovery: DiscoveryFields, ticket: Ticket, *, by: Actor) -> int:
    """Open the ticket that the workflow describes for this type, as a child of the discovery's ticket; of one
    that has ended, as its follow-up. Returns its id.
    """
    rule = _rule(discovery, ticket, "ticket")
    spec = TicketSpec(
        _title(rule, Ticket),
        description=_description(discovery, rule, Ticket),
        priority=PRIORITIES[rule["priority"]] if "priority" in rule else ticket.priority,
        workflow=rule.get("workflow"),
        parent=None if ticket.closed else ticket,
        follow_up=ticket if ticket.closed else None,
    )
    return Ticket.objects.open(ticket.project, spec, by=by).pk


def _rule(discovery: DiscoveryFields, ticket: Ticket, make: str) -> dict[str, Any]:
    """What the workflow says of the type, its words replaced. If something else is made of it than the
    workflow says, only the words that suit both are taken.
    """
    rule = ticket.plan.discoveries.get(discovery.type, {"make": make})
    if rule["make"] != make:
        rule = {name: rule[name] for name in ("title", "description", "priority") if name in rule}
    words = {
        "ticket": ticket.key,
        "title": ticket.title,
        "phase": ticket.phase,
        "discovery": discovery.title,
    }
    return {"title": discovery.title, **filled(rule, words)}


def _values(rule: dict[str, Any]) -> dict[str, Any]:
    """The fields of a task that are taken as the rule has them."""
    values = {name: rule[name] for name in rule if name not in ("make", "title", "description", "priority")}
    return values | ({"priority": PRIORITIES[rule["priority"]]} if "priority" in rule else {})


def _title(rule: dict[str, Any], model: Any) -> str:
    return short(rule["title"], field_limits.longest(model, "title"))


def _description(discovery: DiscoveryFields, rule: dict[str, Any], model: Any) -> str:
    parts = [
        rule.get("description", ""),
        discovery.body,
        f"Found by {humanize.actor(discovery.by)} in {discovery.task}.",
    ]
    return short("\n\n".join(filter(None, parts)), field_limits.longest(model, "description"))
