"""Agents: edited under a version, in one state at a time, retired for good."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from drf_spectacular.generators import SchemaGenerator

from agents.models import Agent, AgentSpec, Event, Key, Project, ProjectSpec, Retired
from agents.models.scopes import SCOPES
from omoi_site.errors import Forbidden, Invalid, VersionConflict
from tests.factories import complete, holder_of
from tests.support.api_client import api_of
from tickets.models import AgentUnavailable, ClaimLost, Task

pytestmark = pytest.mark.django_db


def test_an_agent_is_edited_under_its_version(ada, operator, task):
    with Agent.objects.locked(name="ada") as agent:
        agent.edit(
            by=operator,
            version=1,
            capabilities=[" Python", "python", "SQL"],
            phases=["phase_doing"],
            capacity=2,
        )
    ada.refresh_from_db()
    assert (ada.capabilities, ada.phases, ada.capacity, ada.version) == (["python", "sql"], ["DOING"], 2, 2)
    with pytest.raises(VersionConflict), Agent.objects.locked(name="ada") as agent:
        agent.edit(by=operator, version=1, capacity=3)
    with pytest.raises(Invalid), Agent.objects.locked(name="ada") as agent:
        agent.edit(by=operator, capacity=0)
    assert Task.objects.claim(by=ada)


def test_an_agent_that_left_work_itself_hears_that_it_can_come_back(ada, task):
    Agent.objects.act(ada.pk, "make_unavailable", by=ada)
    with pytest.raises(AgentUnavailable, match="ada is in maintenance, set by ada") as refused:
        Task.objects.claim(by=ada)
    assert "It may end that itself: POST /agents/ada/availability" in refused.value.next_action


UNAVAILABLE = {"make_unavailable": "in maintenance", "drain": "draining", "quarantine": "quarantined"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", UNAVAILABLE)
def test_an_agent_that_is_not_available_claims_nothing_until_it_is(act, ada, operator, task):
    with Agent.objects.locked(name="ada") as agent:
        getattr(agent, act)(by=operator, reason="to be looked at")
    with pytest.raises(
        AgentUnavailable, match=r", set by .*, so it takes no work: to be looked at"
    ) as refused:
        Task.objects.claim(by=ada)
    assert refused.value.message.startswith(f"ada is {UNAVAILABLE[act]}, set by")
    assert "an operator" in refused.value.next_action
    with Agent.objects.locked(name="ada") as agent:
        agent.make_available(by=operator)
    assert Task.objects.claim(by=ada)


@pytest.mark.parametrize("act", ["make_unavailable", "drain", "quarantine"])
def test_an_agent_cannot_undo_what_an_operator_set(ada, bob, operator, act):
    Agent.objects.act(ada.pk, act, by=operator)
    state = Agent.objects.get(name="ada").state

    for who in (ada, bob):
        who.key_scopes = frozenset({"agents:register"})
        for undo in ("make_available", "make_unavailable", "drain", "quarantine"):
            with pytest.raises(Forbidden, match="admin set ada to"):
                Agent.objects.act(ada.pk, undo, by=who)
    assert Agent.objects.get(name="ada").state == state

    Agent.objects.act(ada.pk, "make_available", by=operator)
    Agent.objects.act(ada.pk, "make_unavailable", by=ada)
    Agent.objects.act(ada.pk, "make_available", by=ada)


def test_no_agent_ends_a_quarantine_not_even_its_own(ada, operator):
    ada.key_scopes = frozenset({"agents:register"})
    Agent.objects.act(ada.pk, "quarantine", by=ada)
    with pytest.raises(Forbidden):
        Agent.objects.act(ada.pk, "make_available", by=ada)
    assert Agent.objects.act(ada.pk, "make_available", by=operator).state == "available"


def test_a_quarantined_agent_holds_nothing(ada, bob, operator, task):
    [claim] = Task.objects.claim(by=ada)
    Agent.objects.act(ada.pk, "quarantine", by=operator)

    with pytest.raises(ClaimLost):
        complete(claim, by=ada)
    [again] = Task.objects.claim(by=bob)
    assert (again.task, again.attempt) == (task.pk, 1)


def test_a_quarantined_agent_changes_nothing_by_any_route(ada, operator, task):
    """It tries every route that changes something, with a key that has every right."""
    calls = api_of(ada, *SCOPES)
    Agent.objects.act(ada.pk, "quarantine", by=operator)

    routes = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    changes = [
        (path.removeprefix("/api/v1"), method)
        for path, ways in routes.items()
        for method in ways
        if method in {"post", "put", "patch", "delete"}
    ]
    assert len(changes) > 30
    for path, method in changes:
        answer = getattr(calls, method)(re.sub(r"{\w+}", "1", path))
        assert (path, answer.status_code, answer.json()["code"]) == (path, 409, "agent_unavailable")
    assert calls.get("/agents/me").json()["state"] == "quarantined"


def test_retiring_gives_claims_back_and_revokes_keys(ada, bob, operator, task):
    _, text = Key.objects.issue(agent=ada, by=operator)
    [claim] = Task.objects.claim(by=ada)

    with Agent.objects.locked(name="ada") as agent:
        agent.retire(by=operator, reason="replaced")

    assert holder_of(task) is None
    assert Key.objects.bearing(text) is None
    [again] = Task.objects.claim(by=bob)
    assert (again.task, again.attempt) == (claim.task, 1)
    with pytest.raises(Retired) as refused, Agent.objects.locked(name="ada") as agent:
        agent.make_available(by=operator)
    assert refused.value.code == "transition_not_allowed"
    assert Event.objects.filter(topic="agent:ada").values_list("kind", flat=True).last() == "key.revoked"


def test_a_revoked_key_opens_nothing_and_is_revoked_once(ada, operator):
    key, text = Key.objects.issue(agent=ada, by=operator)
    assert Key.objects.bearing(text) == key
    assert Key.objects.filter(prefix=key.prefix).revoke(by=operator) == [key.prefix]
    assert Key.objects.filter(prefix=key.prefix).revoke(by=operator) == []
    assert Key.objects.bearing(text) is None
    assert list(Event.objects.filter(subject=f"key:{key.prefix}").values_list("kind", "number")) == [
        ("key.issued", 1),
        ("key.revoked", 2),
    ]


@pytest.mark.parametrize(
    "verb", ["edit", "drain", "quarantine", "retire", "make_available", "make_unavailable"]
)
def test_who_may_not_change_agents_changes_none(ada, bob, django_user_model, project, operator, verb):
    """The verb checks the right, whoever calls it. Some changes an agent may make to itself."""
    viewer, worker = (django_user_model.objects.create_user(name) for name in ("eve", "mia"))
    project.members.create(user=viewer, role="viewer")
    project.members.create(user=worker, role="operator")
    changes = {"capacity": 9} if verb == "edit" else {}

    for who in (viewer, worker, bob):
        with pytest.raises(Forbidden, match="agents:register"):
            Agent.objects.act(ada.pk, verb, by=who, **changes)
    itself = verb in ("make_available", "make_unavailable")
    with nullcontext() if itself else pytest.raises(Forbidden, match="agents:register"):
        Agent.objects.act(ada.pk, verb, by=ada, **changes)


def test_nobody_brings_an_agent_into_a_project_of_others(ada, project, django_user_model, operator):
    boss = django_user_model.objects.create_user("kim")
    project.members.create(user=boss, role="admin")
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by=operator)

    with pytest.raises(Forbidden, match="agents:register in project TWO"):
        Agent.objects.act(ada.pk, "edit", by=boss, projects=[project, other])
    assert list(ada.projects.all()) == [project]


def test_who_may_not_register_agents_registers_none(project, django_user_model, operator):
    worker, boss = (django_user_model.objects.create_user(name) for name in ("mia", "kim"))
    project.members.create(user=worker, role="operator")
    project.members.create(user=boss, role="admin")

    for who, projects in [(worker, [project]), (boss, [])]:
        with pytest.raises(Forbidden, match="agents:register"):
            Agent.objects.register(AgentSpec("cat"), by=who, projects=projects)
    with pytest.raises(Forbidden, match="admin"):
        Agent.objects.register(AgentSpec("cat"), by=boss, projects=[project], owner="mia")
    assert Agent.objects.register(AgentSpec("cat"), by=boss, projects=[project]).owner == boss
    assert Agent.objects.register(AgentSpec("dog"), by=operator, owner="mia").owner == worker


def test_keys_are_seen_and_revoked_by_their_owner_and_by_an_admin(
    ada, bob, project, django_user_model, operator
):
    key, _ = Key.objects.issue(by=operator, agent=ada)
    own, _ = Key.objects.issue(by=operator, user=operator)
    worker = django_user_model.objects.create_user("mia")
    project.members.create(user=worker, role="operator")

    for who in (worker, bob):
        with pytest.raises(Forbidden):
            Key.objects.of(ada, by=who)
        for keys in (Key.objects.filter(pk=key.pk), Key.objects.filter(pk=own.pk), Key.objects.all()):
            with pytest.raises(Forbidden):
                keys.revoke(by=who)
    with pytest.raises(Forbidden):
        # an agent's number may be a person's too
        Key.objects.filter(pk=own.pk).revoke(by=Agent(pk=operator.pk, name="bob"))
    assert not Key.objects.exclude(revoked_at=None).exists()
    assert Key.objects.of(ada, by=ada).revoke(by=ada) == [key.prefix]


@pytest.mark.parametrize("act", ["make_available", "make_unavailable", "drain", "quarantine"])
def test_an_act_without_effect_keeps_the_first_reason(ada, operator, act):
    if act == "make_available":
        Agent.objects.act(ada.pk, "drain", by=operator, reason="away")
    Agent.objects.act(ada.pk, act, by=operator, reason="first")
    before = Event.objects.count()
    Agent.objects.act(ada.pk, act, by="system:test")
    ada.refresh_from_db()
    assert (ada.state_reason, ada.state_by, Event.objects.count()) == ("first", "user:admin", before)


@pytest.mark.parametrize("by", ["agent", "system:failures"])
def test_an_operator_takes_over_what_an_agent_or_its_failures_did(ada, operator, by):
    Agent.objects.act(ada.pk, "make_unavailable", by=ada if by == "agent" else by, reason="a rest")
    Agent.objects.act(ada.pk, "make_unavailable", by=operator, reason="the keys leak")
    ada.refresh_from_db()
    assert (ada.state_reason, ada.state_by) == ("the keys leak", "user:admin")
    with pytest.raises(Forbidden):
        Agent.objects.act(ada.pk, "make_available", by=ada)


@pytest.mark.parametrize(
    ("field", "value"),
    [("capabilities", "x\x01y"), ("tags", "x\ny"), ("phases", "NOPHASE")],
)
def test_words_of_an_agent_that_nothing_can_match_are_refused(project, ada, operator, field, value):
    with pytest.raises(Invalid) as new:
        Agent.objects.register(AgentSpec("new", **{field: [value]}), projects=[project], by=operator)
    with pytest.raises(Invalid) as edited:
        Agent.objects.act(ada.pk, "edit", by=operator, **{field: [value]})
    assert [fault.value.more["errors"][0]["field"] for fault in (new, edited)] == [field, field]
    assert not Agent.objects.filter(name="new").exists()
