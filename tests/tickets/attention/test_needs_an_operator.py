"""Over random states: what the attention list has, and the number beside it on every page, is what
explanations say that an operator must do. Neither knows the SQL of the other.
"""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.models import Agent, Project
from omoi_site.database import sql
from tests.support.kept_plans import kept_plans
from tests.tickets.explain.random_world import ACTS, QUIET, TASKS, World
from tickets.models import Need, Task, TaskSpec, Ticket, TicketWait
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query
from tickets.models.frame import frame
from tickets.models.task.readiness import MOST_RATE_LIMITS
from tickets.templatetags.frame import shown_count

pytestmark = pytest.mark.django_db
BOBS = (0, TaskSpec("Do it", phase="DOING"))  # only bob can do it
URGENT = (0, TaskSpec("Do it", phase="TODO", priority=0))
ADAS = (1, TaskSpec("Do it", capabilities=["rust"], phase="TODO"))
# An explanation names an operator, but nothing is listed: somebody stopped it on purpose; its ticket is
# listed, or another task of it; it stands where a person put it, and has not begun there.
STOPPED, ELSEWHERE, NOT_BEGUN = "stopped", "elsewhere", "not begun"
OF_LANES = {"capability": "nobody_able", "agent_silent": "agents_silent", "capacity": "critical"}


@settings(max_examples=1, deadline=None, suppress_health_check=QUIET)
@example(tasks=[BOBS, ADAS], acts=[("quiet", "ada"), ("claim", "bob", 1), ("limit", "max_tickets", 1)])
@example(tasks=[ADAS], acts=[("turn",), ("claim", "ada", 1), ("meet_limit", "ada"), ("quiet", "eve")])
@example(tasks=[ADAS, BOBS], acts=[("tighten", 1), ("advance", 0), ("claim", "ada", 1), ("turn",)])
@example(tasks=[URGENT], acts=[("wait",), ("claim", "ada", 1), ("release", "ada"), ("wait",), ("freeze",)])
@example(tasks=[URGENT, ADAS], acts=[("claim", "ada", 1), ("complete", "ada"), ("pause", 1), ("block", 1)])
@example(  # it is done, and a task of its first phase was left open
    tasks=[BOBS, URGENT],
    acts=[("advance", 0), ("claim", "bob", 1), ("complete", "bob"), ("turn",)],
)
@example(tasks=[ADAS, BOBS], acts=[("claim", "ada", 1), ("give_up", "ada"), ("cancel", 0, 0)])
@example(tasks=[ADAS], acts=[("claim", "ada", 1), ("stall", "ada"), ("quiet", "ada"), ("quiet", "eve")])
@given(tasks=TASKS, acts=st.lists(ACTS, min_size=8, max_size=16))
def test_the_number_is_what_explanations_say(operator, tasks, acts):
    in_each_state(operator, tasks, acts, every=4)


@pytest.mark.parametrize(
    "examples", [pytest.param(6, marks=pytest.mark.full), pytest.param(40, marks=pytest.mark.campaign)]
)
def test_the_number_is_what_explanations_say_at_length(operator, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)
    @given(tasks=TASKS, acts=st.lists(ACTS, min_size=20, max_size=30))
    def each(tasks, acts):
        in_each_state(operator, tasks, acts)

    each()


def in_each_state(operator, tasks, acts, *, every=1):
    with kept_plans(), transaction.atomic():
        sql.rows(  # a clock runs, so that nothing waits for somebody to start one
            "INSERT INTO tickets_sweeprun (name, at) VALUES ('clock', clock_timestamp() + interval '1 h')"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at"
        )
        world = World(operator)
        world.add(tasks)
        for n, act in enumerate(acts, 1):
            world.act(*act)
            if n % every == 0 or n == len(acts):
                number = check(world, operator)
        shown = shown_count(frame(operator).attention)
        client = Client()
        client.force_login(operator)
        page = client.get("/workflows/").content.decode()
        assert page.count(f'data-count="attention">{shown}</span>') == 2
        assert (f"<title>({number}) " if number else "<title>Workflows") in page
        transaction.set_rollback(True)


def check(world, operator):
    TicketWait.objects.store([ticket.pk for ticket in world.tickets])  # as the clock does within seconds
    items, more = attention_list.page(Query(), by=operator, limit=200)
    listed = {(item.kind.name, item.about or item.id) for item in items}
    explained = explained_items(world) | failing_agents(world)
    assert not more
    assert len(listed) == len(items)
    assert listed == explained, {"only listed": listed - explained, "only explained": explained - listed}
    assert frame(operator).attention == len(explained)
    return len(explained)


def failing_agents(world):
    """Agents have no explanation: nothing but three failures in a row puts one of the world there."""
    out = Agent.objects.filter(projects=world.project, state=Agent.State.MAINTENANCE)
    return {("agent_failing", agent.name) for agent in out}


def explained_items(world):
    """What explanations of all its tasks and tickets call for: the kind of each item, and its id."""
    project = Project.objects.get(pk=world.project.pk)
    tickets = {ticket.pk: ticket for ticket in Ticket.objects.filter(project=project)}
    found = set()
    for ticket in tickets.values():
        for cause in Ticket.objects.explanation(ticket)["causes"]:
            if cause["who"] == "operator" and not cause["what"].startswith(f"{ticket.key}."):
                found.add((of_ticket(ticket, project, cause), ticket.pk))
    ids = [task.pk for task in world.tasks]
    told = Task.objects.explanations(ids)
    for task in Task.objects.filter(pk__in=ids):
        causes = told[task.pk]["causes"]
        if any(cause["who"] == "operator" for cause in causes):
            kind = of_task(task, tickets[task.ticket_id], project, causes)
            found.add((kind, task.lane_id if kind in OF_LANES.values() else task.pk))
    return {(kind, pk) for kind, pk in found if kind not in (STOPPED, ELSEWHERE, NOT_BEGUN)}


def of_ticket(ticket, project, cause):
    stopped = ticket.paused or ticket.archived_at or project.paused
    match cause["code"]:
        case "freeze" | "pause":
            return STOPPED
        case "limit" | "need":  # its tasks that failed, or can never begin
            return ELSEWHERE
        case _ if stopped:
            return STOPPED
        case "agent_silent":
            return "ticket_silent"
        case "phase" if ticket.phase == "BLOCKED":
            return "blocked"
        case "phase" if "has no task" in cause["what"]:
            return NOT_BEGUN
        case "phase" if ticket.move_fault:
            return "move_fault"
        case "phase":
            return "work_ended"
    raise AssertionError(cause)


def of_task(task, ticket, project, causes):
    stopped = ticket.paused or ticket.archived_at or project.paused
    open_now = () if ticket.closed else ticket.plan.open_in(ticket.phase)
    first = causes[0]
    if task.state == "claimed":
        for cause in causes:
            if cause["who"] == "operator" and cause["code"] in ("no_progress", "capacity"):
                halted = project.paused if cause["code"] == "no_progress" else stopped
                kind = "no_progress" if cause["code"] == "no_progress" else "held_by_person"
                return STOPPED if halted else kind
        raise AssertionError(causes)
    if task.state == "failed":
        if stopped:
            return STOPPED
        return "task_failed" if task.phase in open_now else ELSEWHERE
    if first["who"] != "operator":
        return ELSEWHERE
    match first["code"]:
        case "freeze" | "pause":
            return STOPPED
        case "phase":  # its ticket is blocked, or has left that phase
            return ELSEWHERE
        case "need":
            failed = Need.objects.filter(child=task, parent__state="failed").exists()
            if stopped or task.phase not in open_now:
                return STOPPED
            return ELSEWHERE if failed else "cannot_go_on"
        case "quota":
            return "quota" if task.rate_limits >= MOST_RATE_LIMITS else STOPPED
        case "review_full":  # what stands in the full phase is listed
            return ELSEWHERE
        case code:
            return OF_LANES[code]
