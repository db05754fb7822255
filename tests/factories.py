"""Factories: plain functions that call the real verbs. Time moves by changing rows, never by sleeping.

The fixed cast (`operator`, `project`, `ada`, `bob`, `ticket`, `task`) is in `conftest.py`; files a tool would
write are in `support/reports.py`, backlogs of other systems in `support/backlog_files.py`.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import F, Func, Value

from agents.models import Agent, Project
from omoi_site.database import sql
from tests.support import reports
from tickets.models import (
    Approval,
    Artifact,
    Claim,
    Edge,
    Link,
    Need,
    NewArtifact,
    Outcome,
    Settlement,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.gate.status import gate


def complete(claim: Claim, *, by: Any, result: Any = None) -> Settlement:
    [settled] = Task.objects.settle([Outcome(claim.task, claim.fence, "completed", result=result)], by=by)
    return settled.or_raise()


def fail(claim: Claim, *, by: Any, error: str = "broken", kind: str = "transient") -> Settlement:
    [settled] = Task.objects.settle(
        [Outcome(claim.task, claim.fence, "failed", error=error, kind=kind)], by=by
    )
    return settled.or_raise()


def lapse(claim: Claim) -> None:
    """End the lease of this claim, and let the sweep see it."""
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [claim.task],
    )
    assert Task.objects.lapse() == 1


def owned_by(agent: Agent, person: str) -> Agent:
    """The agent, from now on of this person, who is made if there is none."""
    owner, _ = get_user_model().objects.get_or_create(username=person)
    Agent.objects.filter(pk=agent.pk).update(owner=owner)
    return agent


def holder_of(task: Any) -> Any:
    return Task.objects.select_related("holder").get(pk=task.pk).holder


def allow_workflow(project: Project, workflow: str | Workflow) -> Workflow:
    """Allow this workflow for tickets of the project."""
    found = Workflow.objects.latest_of(workflow) if isinstance(workflow, str) else workflow
    project.workflows = [*project.workflows, found.name]
    Project.objects.filter(pk=project.pk).update(workflows=project.workflows)
    return found


def submit(ticket: Ticket, kind: str, content: bytes, *, by: Any, **more: Any) -> Artifact:
    return Artifact.objects.submit(ticket, NewArtifact(kind, BytesIO(content), **more), by=by)


def asks_for_approvals(project: Project, **approvals: Any) -> Workflow:
    """A workflow whose first phase, WORK, needs one approval by an approver, or what `approvals` says."""
    asked = {"count": 1, "role": "approver", **approvals}
    phases = [{"name": "WORK", "to": ["DONE"], "approvals": asked}, {"name": "DONE", "to": []}]
    return allow_workflow(project, Workflow.objects.install({"name": "approved", "phases": phases}))


def seen(ticket: Ticket) -> str:
    """The digest of what the ticket shows now."""
    return gate(Ticket.objects.get(pk=ticket.pk)).evidence


def decide(ticket: Ticket, decision: str, *, by: Any, reason: str = "") -> Approval:
    """What `by` decides about what the ticket shows now."""
    return Approval.objects.decide(ticket.pk, decision, by=by, seen=seen(ticket), reason=reason)


def work_off(ticket: Ticket, *, by: Any, agent: Agent, titles: tuple[str, ...] = ("do it",)) -> None:
    """Claim and complete tasks in the ticket's phase."""
    ticket.refresh_from_db()
    Task.objects.add(ticket, [TaskSpec(title) for title in titles], by=by)
    for claim in Task.objects.claim(by=agent, limit=len(titles)):
        complete(claim, by=agent)


def due_for_two_moves(count: int, project: Project, operator: Any, agent: Agent) -> list[Ticket]:
    """Tickets of `simple` in TODO whose only task, of DOING, is done: each is due for two automatic moves."""
    made = [
        Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("y")]), by=operator)
        for _ in range(count)
    ]
    Agent.objects.filter(pk=agent.pk).update(capacity=count)
    for claim in Task.objects.claim(by=agent, limit=count):
        complete(claim, by=agent)
    return made


def install_profile(name: str, **document: Any) -> str:
    """Install a profile for this test, by default a command whose only slot is a shell's text."""
    folder = Path(settings.OMOI_HOME) / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"kind": "command", **document}))
    Project.objects.update(profiles=Func(F("profiles"), Value(name), function="array_append"))
    return name


def shell_profile(name: str = "shell") -> str:
    """A profile that runs the text in its slot: for tests only, which are what an admin of this machine
    wants. What such jobs leave in $OMOI_SHARED, others and the test can read and write.
    """
    return install_profile(
        name,
        words=["sh", "-c", {"slot": "text"}],
        slots={"text": {"pattern": "(?s).*"}},
        shared="tests",
    )


def shell_tasks(ticket: Any, *texts: str, by: Any, **more: Any) -> list[Task]:
    """Ready tasks that run these texts in a shell."""
    return Task.objects.add(
        ticket,
        [TaskSpec(text[:50], profile=shell_profile(), slots={"text": text}, **more) for text in texts],
        by=by,
    )


def states(*tasks: Task) -> list[str]:
    return [
        row["state"]
        for row in sql.rows(
            "SELECT state FROM tickets_task WHERE id = ANY (%s) ORDER BY id", [[task.pk for task in tasks]]
        )
    ]


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


def ticket_in_implementation(project: Project, *, by: Any, agent: Agent) -> Ticket:
    """A ticket of `software_delivery` that came to IMPLEMENTATION through its gates."""
    plan = allow_workflow(project, "software_delivery")
    ticket = Ticket.objects.open(
        project,
        TicketSpec(
            workflow=plan,
            title="Idempotent payment capture",
            labels=["payments"],
            priority=0,
            description="Capture must be safe to repeat: same key, same answer, one charge.",
        ),
        by=by,
    )
    Ticket.objects.move(ticket.pk, "REQUIREMENTS", by=by)
    work_off(ticket, by=by, agent=agent, titles=("Ask the merchants", "Write the requirements"))
    Ticket.objects.judge(pk=ticket.pk, by=by)
    submit(ticket, "requirements_document", reports.requirements(), by=agent, name="requirements.md")
    Ticket.objects.move(ticket.pk, "DESIGN", by=by)
    Ticket.objects.move(ticket.pk, "IMPLEMENTATION", by=by, reason="ADR-0031 is agreed")
    return Ticket.objects.get(pk=ticket.pk)


def busy_ticket(project: Project, *, by: Any, agent: Agent) -> Ticket:
    """The same with tasks done, running, failed, ready and waiting, and a gate that was refused."""
    ticket = ticket_in_implementation(project, by=by, agent=agent)
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
    submit(
        ticket,
        "code_changes",
        reports.changes("src/capture.py", "tests/test_capture.py"),
        by=agent,
        name="changes.json",
        commit="4f2a91c7d0",
    )
    submit(ticket, "test_coverage", reports.cobertura(742, 258), by=agent, name="coverage.xml")
    Ticket.objects.judge(pk=ticket.pk, by=by)
    other = Ticket.objects.open(project, TicketSpec("Partial refunds", parent=ticket), by=by)
    Link.objects.create(ticket=ticket, other=other, kind="discovered_from")
    return Ticket.objects.get(pk=ticket.pk)
