"""The pages of agents, as a person without script has them: what they show, and what can be done."""

from __future__ import annotations

import re

import pytest

from agents.models import Agent, AgentSpec, Event, Key, Member, Pool, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import complete, fail
from tests.support.html import squeeze
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.claim.workload import fleet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(client, operator, project):
    client.force_login(operator)
    return client


@pytest.fixture
def as_role(client, project, operator, django_user_model):
    """A client of a member with this role; without one, of a stranger."""

    def signed_in(role):
        person = django_user_model.objects.create_user(role or "eve")
        if role:
            Member.objects.set(project, person, role, by=operator)
        client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def working(project, ada, operator):
    """Claims of two tasks that ada holds."""
    Ticket.objects.open(project, TicketSpec("Ship it", tasks=[TaskSpec("one"), TaskSpec("two")]), by=operator)
    return Task.objects.claim(by=ada, limit=2)


def silence(seconds, *agents):
    names = [agent.name for agent in agents]
    sql.rows(
        """
        UPDATE agents_agentpresence p
        SET last_seen_at = clock_timestamp() - %s * interval '1 s'
        FROM agents_agent a
        WHERE a.id = p.agent_id
          AND a.name = ANY (%s)
        """,
        [seconds, names],
    )


def listed(answer):
    """The agents of the list, in order."""
    return re.findall(r"data-nav>([^<]+)</a>", answer.content.decode())


def main(answer):
    text = answer.content.decode()
    return squeeze(re.sub(r"<[^>]+>", " ", text.partition('id="main"')[2].partition("</main>")[0]))


def test_worst_first_and_each_with_its_status(desk, working, project, operator, ada):
    spoken = {}
    for name, seconds, verb in (
        ("idle", 0, ""),
        ("late", 60, ""),
        ("lost", 300, ""),
        ("left", 7200, ""),
        ("asleep", 90_000, ""),
        ("draining", 0, "drain"),
        ("away", 0, "make_unavailable"),
        ("barred", 0, "quarantine"),
        ("over", 0, "retire"),
    ):
        spoken[name] = Agent.objects.register(AgentSpec(name), projects=[project], by=operator)
        if verb:
            Agent.objects.act(spoken[name].pk, verb, by=operator, reason="because")
        silence(seconds, spoken[name])
    running = Agent.objects.register(AgentSpec("busy"), projects=[project], by=operator)
    Task.objects.add(Ticket.objects.get(), [TaskSpec("x")], by=operator)
    Task.objects.claim(by=running)
    silence(300, ada)

    page = desk.get("/agents/")

    order = ["ada", "late", "lost", "barred", "draining", "away", "busy", "idle", "left", "over"]
    assert listed(page) == order
    text = page.content.decode()
    shown = re.findall(r'<span class="badge \w+">.*?</svg>(\w+)</span>', text.partition("<tbody>")[2])
    statuses = dict(fleet().with_status().values_list("name", "status"))
    assert shown[: len(order)] == [statuses[name] for name in order]
    assert "1 agent was not heard from for over 24 hours" in main(page)
    assert listed(desk.get("/agents/?view=all")) == [*order[:8], "asleep", "left", "over"]
    assert listed(desk.get("/agents/?status=out")) == ["barred", "draining", "away"]
    assert listed(desk.get("/agents/?q=BUS")) == ["busy"]
    assert listed(desk.get("/agents/?status=nonsense&after=zzz&kind=x")) == order
