"""A ticket in the middle of its life: gates passed and refused, evidence, tasks in every standing."""

from __future__ import annotations

from typing import Any

from agents.models import Agent, Project
from tests.deeds import allow, complete, fail
from tests.tickets.gate import reports
from tests.tickets.gate.reports import hand_in, work_off
from tickets.models import Edge, Link, Need, Task, TaskSpec, Ticket

FIRST = [
    "Read the old code",
    "Key store schema",
    "Key store service",
    "Gateway client retries",
    "Metrics",
    "Webhook reconciliation",
]
LATER = [
    "Review key store",
    "Replay protection",
    "Contract tests",
    "Chaos: gateway timeouts",
    "Runbook",
    "Security review",
    "Load test 500 rps",
]
EDGES = [
    (0, 1),
    (1, 2),
    (1, 3),
    (0, 4),
    (1, 5),
    (2, 6),
    (2, 7),
    (3, 7),
    (6, 8),
    (5, 9),
    (4, 10),
    (7, 11),
    (8, 12),
    (11, 12),
    (9, 12),
]


def walked(project: Project, *, by: Any, agent: Agent) -> Ticket:
    """A ticket of `software_delivery` that came to IMPLEMENTATION through its gates."""
    plan = allow(project, "software_delivery")
    ticket = Ticket.objects.open(
        project=project, workflow=plan, title="Idempotent payment capture", labels=["payments"], priority=0, by=by,
        description="Capture must be safe to repeat: same key, same answer, one charge.",
    )  # fmt: skip
    Ticket.objects.move(ticket.pk, "REQUIREMENTS", by=by)
    work_off(ticket, by=by, agent=agent, titles=("Ask the merchants", "Write the requirements"))
    Ticket.objects.judge(pk=ticket.pk, by=by)
    hand_in(ticket, "requirements_document", reports.requirements(), by=agent, name="requirements.md")
    Ticket.objects.move(ticket.pk, "DESIGN", by=by)
    Ticket.objects.move(ticket.pk, "IMPLEMENTATION", by=by, reason="ADR-0031 is agreed")
    return Ticket.objects.get(pk=ticket.pk)


def busy(project: Project, *, by: Any, agent: Agent) -> Ticket:
    """The same with tasks done, running, failed, ready and waiting, and a gate that was refused."""
    ticket = walked(project, by=by, agent=agent)
    tasks = Task.objects.add(ticket, [TaskSpec(title) for title in FIRST + LATER], by=by)
    Need.objects.add(project.pk, [Edge(tasks[parent].pk, tasks[child].pk) for parent, child in EDGES], by=by)
    Agent.objects.filter(pk=agent.pk).update(capacity=20)
    while Task.objects.filter(pk__in=[task.pk for task in tasks[:6]], state="pending").exists():
        for claim in Task.objects.claim(by=agent, limit=20):
            if claim.task == tasks[5].pk:
                fail(
                    claim,
                    by=agent,
                    error="TimeoutError in reconcile_batch(): the sandbox drops the connection after 30 s",
                    kind="permanent",
                )
            elif claim.task in {task.pk for task in tasks[:6]}:
                complete(claim, by=agent)
    hand_in(
        ticket,
        "code_changes",
        reports.changes("src/capture.py", "tests/test_capture.py"),
        by=agent,
        name="changes.json",
        commit="4f2a91c7d0",
    )
    hand_in(ticket, "test_coverage", reports.cobertura(742, 258), by=agent, name="coverage.xml")
    Ticket.objects.judge(pk=ticket.pk, by=by)
    other = Ticket.objects.open(project=project, title="Partial refunds", parent=ticket, by=by)
    Link.objects.create(ticket=ticket, other=other, kind="discovered_from")
    return Ticket.objects.get(pk=ticket.pk)
