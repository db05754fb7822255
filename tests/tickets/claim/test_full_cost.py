"""What a claim costs that must count before it takes: with limits alone, and with all that guards a lane at
once. Buffers are compared with a plain claim of the same run in the same projects: in several, that one looks
into the lanes of each and counts the claims of each for the fair share, which guards do not add.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.db import transaction

from agents.models import Agent, Pool, Project, ProjectSpec
from bench.claim import backlog
from bench.plan_buffers import measure_in_turn
from omoi_site.database import prepared
from tests.factories import allow_workflow, fail
from tests.support.vacuum import vacuum
from tests.support.wip_scene import watch_phases
from tests.tickets.claim.test_limits import in_doing, limit
from tests.tickets.claim.test_wip import age
from tickets.models import Lane, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.claim import last_guards

pytestmark = pytest.mark.django_db(transaction=True)

FULL = pytest.mark.full
SHARING = 7  # other agents of ada's pool
WAITING = 2  # tickets that have stood in CHECK for long, with work to do there
WORKFLOW = {
    "name": "checked",
    "phases": [
        {"name": "DOING", "to": ["CHECK"], "automatic": "on_completion"},
        {"name": "CHECK", "to": ["DONE"], "wip": {"limit": 3, "holds": ["DOING"], "oldest_s": 60}},
        {"name": "DONE", "to": []},
    ],
}


@dataclass(frozen=True)
class Cost:
    granted: int
    pages: int
    statements: int
    round_trips: int

    @property
    def trips(self):
        return self.granted, self.statements, self.round_trips


@pytest.fixture
def cost(ada, monkeypatch):
    """What ada's next claim costs. It is rolled back. first: as if this process had not seen her before."""

    def measured(*, first=False):
        if first:
            monkeypatch.setattr(last_guards, "_projects", {})
        trips, together = [], prepared.together

        def noted(*asked, last=False):
            trips.append([each for each in asked if "SAVEPOINT" not in each[0]])
            return together(*asked, last=last)

        with monkeypatch.context() as patch, transaction.atomic():
            patch.setattr(prepared, "together", noted)
            claims = Task.objects.claim(by=Agent.objects.get(pk=ada.pk))
            transaction.set_rollback(True)
        sent = [trip for trip in trips if trip]
        # twice: what was rolled back may just have filled a page of the journal
        pages = [
            min(sum(one.values()), sum(other.values()))
            for trip in sent
            for one, other in zip(measure_in_turn(trip), measure_in_turn(trip), strict=True)
        ]
        return Cost(len(claims), sum(pages), len(pages), len(sent))

    return measured


def use_all(project, agent, operator):
    """The project has a task that the agent has failed, and a phase that may hold the others."""
    [claim] = Task.objects.claim(by=agent, project=project)
    fail(claim, by=agent)
    Task.objects.filter(pk=claim.task).update(not_before="2020-01-01T00:00Z")
    Task.objects.wake()
    workflow = allow_workflow(project, Workflow.objects.install(WORKFLOW))
    for number in range(WAITING):
        ticket = Ticket.objects.open(project, TicketSpec(f"{number}", workflow=workflow), by=operator)
        Ticket.objects.move(ticket.pk, "CHECK", by=operator)
        ticket.refresh_from_db()
        Task.objects.add(ticket, [TaskSpec("check it", capabilities=["checking"])], by=operator)
        age(ticket, 86_400)  # they wait for agents, not for people
    Lane.objects.filter(project=project, phase="DOING").update(workflow=workflow, guarded=True)
    assert watch_phases() == 0


# The most pages of ada's first claim, of each later one, and of one that finds nothing because the limit of
# agents is reached; a plain claim reads one.
MOST = {"limits": (1.5, 1.2, 0.45), "all": (1.5, 1.5, 0.65)}


@pytest.mark.parametrize("ready", [1_000, pytest.param(100_000, marks=FULL)])
@pytest.mark.parametrize(
    ("uses", "projects"),
    [
        pytest.param("limits", 1, marks=FULL),
        pytest.param("limits", 3, marks=FULL),
        ("all", 1),
        pytest.param("all", 3, marks=FULL),
    ],
)
def test_a_claim_with_guards_costs_what_they_count(ticket, ada, bob, operator, cost, uses, projects, ready):
    Agent.objects.filter(pk__in=[ada.pk, bob.pk]).update(capabilities=["skill-0"], capacity=50)
    backlog(ticket, ready, 1)
    Task.objects.claim(by=bob, limit=3)
    for key in ["TWO", "THREE"][: projects - 1]:
        other = Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=operator)
        in_doing(other, operator, 3, capabilities=["skill-0"])
        for agent in (ada, bob):
            agent.projects.add(other)
        Task.objects.claim(by=bob, limit=2)
    vacuum()
    plain = cost()
    for project in Project.objects.all():
        if uses == "all":
            use_all(project, ada, operator)
        limit(project, operator, max_agents=10, max_tickets=50)
    if uses == "all":
        Pool.objects.create_pool("team", by=operator, limit=100)
        names = ["ada", *(f"crowd-{100 + number}" for number in range(SHARING))]
        Agent.objects.filter(name__in=names).update(pools=["team"])
    vacuum()

    first, later = cost(first=True), cost()
    Project.objects.update(max_agents=1)
    nothing = cost()

    assert plain.trips == (1, 1, 1)
    # the look without locks names the projects; who names a pool needs none, and asks which they are
    assert first.trips == (1, 3 if uses == "limits" else 2, 2)
    assert later.trips == (1, 2, 1)
    assert nothing.trips == (0, 2, 1)
    sizes = tuple(each.pages / plain.pages for each in (first, later, nothing))
    assert all(size <= most for size, most in zip(sizes, MOST[uses], strict=True)), (plain, sizes)
