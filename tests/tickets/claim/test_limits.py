"""Limits of a project: how many agents and tickets may be at work in it at the same time."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile, race
from tickets.models import CapacityFull, Lane, Outcome, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.claim import claim

pytestmark = pytest.mark.django_db(transaction=True)


def limit(project, operator, **limits):
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(by=operator, **limits)


def crew(project, operator, count, **more):
    return [
        Agent.objects.register(AgentSpec(f"crew-{n}", **more), projects=[project], by=operator)
        for n in range(count)
    ]


def in_doing(project, operator, count, *, tasks=1, **more):
    made = []
    for n in range(count):
        ticket = Ticket.objects.open(project, TicketSpec(f"ticket {n}"), by=operator)
        with Ticket.objects.locked(pk=ticket.pk) as row:
            row.advance(by=operator)
        made.append(Task.objects.add(ticket, [TaskSpec(f"task {n}", **more)] * tasks, by=operator))
    return made


def settle(tasks, *, by):
    Task.objects.settle([Outcome(task.pk, task.fence, "completed") for task in tasks], by=by)


def held():
    return list(Task.objects.filter(state="claimed"))


def test_no_more_agents_work_in_a_project_than_its_limit(project, operator):
    in_doing(project, operator, 4, tasks=2)
    one, two, three = crew(project, operator, 3, capacity=3)
    limit(project, operator, max_agents=2)

    assert Task.objects.claim(by=one)
    assert Task.objects.claim(by=two)
    assert Task.objects.claim(by=three) == []
    assert Task.objects.claim(by=one)  # an agent at work may take more

    settle(Task.objects.filter(holder=two), by=two)
    assert Task.objects.claim(by=three)


def test_no_more_tickets_are_in_work_than_the_limit(project, operator):
    first, second, third = in_doing(project, operator, 3, tasks=2)
    one, two, three = crew(project, operator, 3, capacity=5)
    limit(project, operator, max_tickets=2)

    assert {each.task for each in Task.objects.claim(by=one)} == {first[0].pk}
    assert {each.task for each in Task.objects.claim(by=two, limit=5)} == {first[1].pk, *pks(second)}
    assert Task.objects.claim(by=three) == []

    [mine] = Task.objects.filter(holder=one)
    settle([mine], by=one)
    assert Task.objects.claim(by=three) == []  # another task of that ticket is held
    settle(Task.objects.filter(holder=two, ticket=mine.ticket), by=two)
    assert {each.task for each in Task.objects.claim(by=three, limit=5)} == {*pks(third)}


def test_a_ticket_in_work_goes_on_behind_a_long_backlog(project, operator):
    [[late, _]] = in_doing(project, operator, 1, tasks=2)
    one, two = crew(project, operator, 2)
    Task.objects.claim(by=one)
    in_doing(project, operator, 12)
    Task.objects.filter(ticket=late.ticket).update(rank=2**62)
    limit(project, operator, max_tickets=1)

    assert [each.ticket for each in Task.objects.claim(by=two)] == [late.ticket_key]


def pks(tasks):
    return {task.pk for task in tasks}


def test_a_limited_project_does_not_keep_work_of_others_waiting(project, operator):
    other = Project.objects.create_project(ProjectSpec("FREE", workflow="simple"), by=operator)
    in_doing(project, operator, 2)
    [[free]] = in_doing(other, operator, 1)
    one, two = crew(project, operator, 2)
    two.projects.add(other)
    limit(project, operator, max_agents=1)
    Task.objects.claim(by=one)

    assert [each.task for each in Task.objects.claim(by=two)] == [free.pk]


def test_a_new_lane_of_a_limited_project_is_guarded(project, operator):
    limit(project, operator, max_agents=1)
    in_doing(project, operator, 1)
    assert list(Lane.objects.values_list("guarded", flat=True)) == [True]
    limit(project, operator, max_agents=None)
    assert list(Lane.objects.values_list("guarded", flat=True)) == [False]


def test_a_full_agent_is_told_so_in_a_limited_project(project, operator):
    in_doing(project, operator, 2)
    [one] = crew(project, operator, 1)
    limit(project, operator, max_agents=1)
    Task.objects.claim(by=one)
    with pytest.raises(CapacityFull):
        Task.objects.claim(by=one)


def test_settling_and_claiming_keeps_to_the_limits(project, operator):
    in_doing(project, operator, 3)
    one, two = crew(project, operator, 2)
    limit(project, operator, max_agents=1)
    [first] = Task.objects.claim(by=one)

    [second] = complete_and_claim(first, by=one)
    assert Task.objects.claim(by=two) == []
    assert [task.pk for task in held()] == [second.task]
    assert not complete_and_claim(second, by=one, capabilities=[], phases=["TODO"])
    assert Task.objects.claim(by=two)


def complete_and_claim(held, *, by, **options):
    """What is claimed with the completion of this claim."""
    _, claims = Task.objects.settle_and_claim([Outcome(held.task, held.fence, "completed")], by=by, **options)
    return claims


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock of the project"])
@pytest.mark.parametrize("what", ["max_agents", "max_tickets"])
def test_two_claims_at_once_do_not_both_take_the_last_place(project, operator, monkeypatch, what, locked):
    in_doing(project, operator, 1, capabilities=["rust"])
    in_doing(project, operator, 1, capabilities=["sql"])
    one, two = (
        Agent.objects.register(AgentSpec(skill, capabilities=[skill]), projects=[project], by=operator)
        for skill in ("rust", "sql")
    )
    limit(project, operator, **{what: 1})
    if not locked:
        monkeypatch.setattr(claim, "LOCK_GUARDS", "SELECT")

    with meanwhile(lambda: Task.objects.claim(by=two), waits=locked) as second:
        assert Task.objects.claim(by=one)

    assert len(second.answer()) == (0 if locked else 1)
    assert len(held()) == (1 if locked else 2)


@pytest.mark.full
@pytest.mark.parametrize("claimers", [16, pytest.param(64, marks=pytest.mark.full)])
@pytest.mark.parametrize("what", ["max_agents", "max_tickets"])
def test_many_claimers_at_once_never_exceed_a_limit(project, operator, what, claimers):
    in_doing(project, operator, claimers + 6)
    agents = crew(project, operator, claimers)
    limit(project, operator, **{what: 7})

    [answers] = race(1, *[lambda _, agent=agent: Task.objects.claim(by=agent) for agent in agents])

    assert not [each for each in answers if isinstance(each, Exception)]
    assert len(held()) == sum(len(each) for each in answers) == 7


def test_explain_says_that_a_limit_is_reached(project, operator):
    ((first, second),) = [in_doing(project, operator, 2)]
    one, _ = crew(project, operator, 2)
    limit(project, operator, max_agents=1)
    [claim_] = Task.objects.claim(by=one)
    [left] = {first[0].pk, second[0].pk} - {claim_.task}

    cause = Task.objects.explanations([left])[left]["causes"][0]

    assert (cause["code"], cause["who"]) == ("limit", "agents")
    assert cause["what"] == "project OMO is limited to 1 agent at work, and they have no free capacity for it"
    limit(project, operator, max_agents=None, max_tickets=1)
    cause = Task.objects.explanations([left])[left]["causes"][0]
    assert cause["code"] == "limit"
    assert "--max-tickets" in cause["how"]


def test_a_phase_paused_by_two_at_once_keeps_the_first_reason(project, operator):
    def pause(reason):
        Project.objects.act(project.pk, "pause_phase", phase="DOING", by=operator, reason=reason)

    with meanwhile(lambda: pause("second")) as other:
        pause("first")
    other.answer()
    assert Project.objects.get(pk=project.pk).paused_phases["DOING"]["reason"] == "first"


def test_a_lane_made_while_its_phase_is_being_paused_is_paused(project, ticket, operator):
    with meanwhile(lambda: Task.objects.add(ticket, [TaskSpec("new")], by=operator)) as other:
        Project.objects.act(project.pk, "pause_phase", phase="DOING", by=operator)
    other.answer()
    assert list(Lane.objects.values_list("phase", "paused")) == [("DOING", True)]


def test_limits_and_pauses_over_http(project, ticket, task, operator, ada):
    api, agent = api_of(operator), api_of(ada)
    changed = api.patch("/projects/OMO", {"limits": {"max_agents": 1, "max_tickets": 3}})
    assert changed.json()["limits"] == {"max_agents": 1, "max_tickets": 3}
    assert api.patch("/projects/OMO", {"limits": {"max_tickets": None}}).json()["limits"] == {
        "max_agents": 1,
        "max_tickets": None,
    }
    for wrong in (0, -1, 1.5, "many", True, 10**9):
        assert api.patch("/projects/OMO", {"limits": {"max_agents": wrong}}).status_code == 422
    assert agent.patch("/projects/OMO", {"limits": {"max_agents": 5}}).status_code == 403

    paused = api.post("/projects/OMO/phases/DOING/pause", {"reason": "tests are red"})
    assert [row["reason"] for row in paused.json()["paused_phases"]] == ["tests are red"]
    assert api.post("/projects/OMO/phases/NOWHERE/pause", {}).status_code == 422
    assert agent.post("/claims", {}).status_code == 204
    assert api.post("/projects/OMO/phases/doing/resume", {}).json()["paused_phases"] == []
    assert agent.post("/claims", {}).status_code == 200


def test_limits_and_pauses_by_the_command(project, capsys):
    call_command("projects", "limit", "OMO", "--max-agents", "3")
    call_command("projects", "pause", "OMO", "doing", "--reason", "tests are red")
    assert "agents: 3, tickets: any number" in capsys.readouterr().out
    call_command("projects", "limit", "OMO", "--max-agents", "none", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["limits"] == {"max_agents": None, "max_tickets": None}
    assert [(each["phase"], each["reason"]) for each in told["paused_phases"]] == [("DOING", "tests are red")]
    call_command("projects", "resume", "OMO", "DOING")
    assert "Nothing is paused in OMO." in capsys.readouterr().out
