"""The scenario: the demo's project and tickets, some of which wait until another is merged."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from django.db import transaction

from agents import profiles
from agents.models import Project, ProjectSpec
from tickets.demo.workspace import Impossible, backlog
from tickets.models import BlockedClass, Ticket, TicketSpec, TransitionNotAllowed, Workflow
from tickets.models.ticket.fields import Priority
from tickets.workflows.document import BLOCKED

KEY, WORKFLOW, SOURCE = "DEMO", "demo_delivery", "demo"
BY = "system:demo"
DOCUMENT = Path(__file__).parent / f"{WORKFLOW}.yaml"
PROFILES = sorted(name for name in profiles.installed() if name.startswith("demo_"))
AT_ONCE, EVERY_S = 6, 6.0  # tickets at the beginning, and how often another one is added
LOOK_S = 0.3


def open_project(repository: str) -> Project:
    """The demo's project, created if missing. Raises Impossible if another project has its key."""
    Workflow.objects.install(DOCUMENT)
    project = Project.objects.filter(key=KEY).first() or Project.objects.create_project(
        ProjectSpec(KEY, name="Demo: a ledger", repository=repository, workflow=WORKFLOW, profiles=PROFILES),
        by=BY,
    )
    if project.workflow != WORKFLOW:
        raise Impossible(
            f"The demo did not create the project {KEY}, so it changes nothing. Start without --demo."
        )
    return project


@transaction.atomic
def open_tickets(project: Project, upto: int) -> int:
    """Open tickets of the backlog in order, until there are `upto`. Returns how many there are."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # one process opens them
    existing = set(project.tickets.filter(source=SOURCE).values_list("source_id", flat=True))
    for module in [module for module in backlog() if module["module"] not in existing][
        : max(0, upto - len(existing))
    ]:
        Ticket.objects.open(
            project,
            TicketSpec(
                module["title"],
                description=module["description"].strip(),
                priority=Priority[module["priority"].upper()],
                labels=["demo"],
                source=SOURCE,
                source_id=module["module"],
            ),
            by=BY,
        )
        existing.add(module["module"])
    return len(existing)


def see_through(project: Project) -> None:
    """Open the tickets, some at once and the others over time. Block each one that builds on another until
    that is merged.
    """
    waiting = {module["module"]: module["needs"] for module in backlog() if module.get("needs")}
    count, next_at = open_tickets(project, AT_ONCE), time.monotonic() + EVERY_S
    while waiting or count < len(backlog()):
        for module, needs in list(waiting.items()):
            if over(project, module, needs):
                del waiting[module]
        if time.monotonic() >= next_at:
            count, next_at = open_tickets(project, count + 1), time.monotonic() + EVERY_S
        time.sleep(LOOK_S)


def over(project: Project, module: str, needs: str) -> bool:
    """Block or unblock a ticket that builds on another. True if nothing is left to do."""
    ticket, needed = (
        project.tickets.select_related("workflow").get(source=SOURCE, source_id=name)
        for name in (module, needs)
    )
    reason = f"It builds on ledger.{needs}, which {needed.key} has not merged yet."
    ours = ticket.phase == BLOCKED and ticket.blocked_reason == reason
    if needed.done or ticket.closed:
        if ours:
            _try(ticket, lambda row: row.unblock(by=BY, reason=f"{needed.key} is merged."))
        return not ours
    if (
        ticket.phase in ("REQUIREMENTS", "DESIGN", "IMPLEMENTATION")
        and not ticket.history.filter(to_phase=BLOCKED).exists()
    ):
        _try(ticket, lambda row: row.block(by=BY, cause=BlockedClass.DEPENDENCY, reason=reason))
    return False


def _try(ticket: Ticket, act: Callable[[Ticket], object]) -> None:
    """Ignore a refusal: somebody else was faster, and the next look sees that."""
    try:
        with Ticket.objects.locked(pk=ticket.pk) as row:
            act(row)
    except TransitionNotAllowed:
        pass
