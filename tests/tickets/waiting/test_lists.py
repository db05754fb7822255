"""Lists by who must act read what is stored, and cost a page."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from bench.claim import measure
from omoi_site.database import sql
from tests.support.api_client import api_of
from tests.support.many_tickets import many_tickets
from tests.support.vacuum import vacuum
from tests.support.waits import store_waits
from tickets.models import Freeze, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.explain.found_waits import LAST, TASKS, TICKETS

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 20_000


@pytest.fixture
def calls(operator):
    return api_of(operator)


def titles(answer):
    return [each["title"] for each in answer.json()["results"]]


def test_a_list_by_who_must_act_says_when_that_was_stored(ticket, task, ada, calls):
    store_waits()
    Task.objects.claim(by=ada)

    [found] = calls.get("/tasks", waiting_on="agents").json()["results"]

    assert (found["state"], found["waiting_on"]) == ("claimed", "agents")  # as it was
    now = calls.get(f"/tasks/{task.pk}").json()
    assert now["waiting_on"] == "agent:ada"
    assert found["waiting_on_at"] < now["waiting_on_at"]
    store_waits()
    assert calls.get("/tasks", waiting_on="agents").json()["results"] == []
    [found] = calls.get("/tasks", waiting_on="agent:ada").json()["results"]
    assert found["id"] == str(task.pk)


def test_a_ticket_says_who_it_waits_on_and_when_that_was_stored(ticket, task, ada, calls):
    assert calls.get("/tickets/OMO-1").json()["waiting_on"] is None
    store_waits()
    told = calls.get("/tickets/OMO-1").json()
    assert told["waiting_on"] == "agents"
    assert told["created_at"] < told["waiting_on_at"]
    [listed] = calls.get("/tickets", waiting_on="agents").json()["results"]
    assert listed == told
    with Ticket.objects.locked(pk=ticket.pk) as row:
        row.cancel(by="system:test", reason="not wanted")
    Task.objects.filter(pk=task.pk).cancel(by="system:test", reason="not wanted")
    store_waits()
    told = calls.get("/tickets/OMO-1").json()
    assert (told["waiting_on"], told["waiting_on_at"]) == (None, None)


def test_a_list_by_who_must_act_takes_the_other_filters(project, ticket, ada, operator, calls):
    other = Project.objects.create_project(ProjectSpec("ABC", workflow="simple"), by=operator)
    away = Ticket.objects.open(other, TicketSpec("away", tasks=[TaskSpec("elsewhere")]), by=operator)
    Task.objects.add(ticket, [TaskSpec("a"), TaskSpec("b", capabilities=["rust"])], by=operator)
    Task.objects.claim(by=ada)
    store_waits()
    for query, found in (
        ({"waiting_on": "operator"}, ["elsewhere", "b"]),
        ({"waiting_on": "operator", "project": "OMO"}, ["b"]),
        ({"waiting_on": "operator", "ticket": away.key}, ["elsewhere"]),
        ({"waiting_on": "operator", "capability": "rust"}, ["b"]),
        ({"waiting_on": "agent", "agent": "ada"}, ["a"]),
        ({"waiting_on": "agent", "state": "pending"}, []),
        ({"waiting_on": "agent:' OR 1=1 -- %s {x}"}, []),
        ({"waiting_on": "user:\u200b"}, []),
    ):
        assert titles(calls.get("/tasks", **query)) == found, query
    assert titles(api_of(ada).get("/tasks", waiting_on="operator")) == ["b"]
    assert titles(api_of(ada).get("/tickets", waiting_on="operator")) == []
    assert calls.get("/tickets", waiting_on="operator", project="NONE").status_code == 404


@pytest.mark.full
def test_a_list_by_who_must_act_costs_a_page_however_many_wait(project, ticket, ada, operator):
    """Of 20,000 tickets: none matches, the oldest does, all do; and where everything is stopped."""
    Task.objects.add(ticket, [TaskSpec("oldest", capabilities=["rust"])], by=operator)
    many_tickets(project, MANY, tasks=1)
    Agent.objects.register(AgentSpec("bob"), projects=[project], by=operator)
    store_waits()
    vacuum()
    rows = "SELECT (SELECT count(*) FROM tickets_taskwait) + (SELECT count(*) FROM tickets_ticketwait) AS n"
    assert sql.one(rows) == {"n": 2 * MANY + 2}

    def cost(table, who):
        params = {"who": who, "projects": None, "above": 0, "below": LAST, "most": 51}
        return sum(measure(table.found_statement(who in ("agent", "task")), params).values())

    for table in (TASKS, TICKETS):
        costs = {who: cost(table, who) for who in ("clock", "operator", "agents", "task", "agent:ada")}
        assert max(costs.values()) <= 120, (table, costs)
        print(table.name, costs)
    Freeze.objects.freeze(project, by=operator, reason="Stop")
    store_waits()
    stopped = {who: cost(TICKETS, who) for who in ("operator", "agents")}
    print("stopped", stopped)
    assert max(stopped.values()) <= 120, stopped


@pytest.mark.parametrize("path", ["/tickets", "/tasks"])
def test_a_filter_that_can_find_nothing_is_refused_with_what_there_is(task, calls, path):
    for query, field, named in (
        ({"waiting_on": "operatr"}, "waiting_on", "operator"),
        ({"waiting_on": "agent:"}, "waiting_on", "agent:ada"),
        ({"phase": "nope"}, "phase", "no workflow has a phase NOPE; there are "),
    ):
        answer = calls.get(path, **query)
        assert answer.status_code == 422, query
        [fault] = answer.json()["errors"]
        assert fault["field"] == field
        assert named in fault["message"]
    for phase in ("BLOCKED", "CANCELLED", "phase_done"):
        assert calls.get(path, phase=phase).json()["results"] == []
