"""Many ways to bypass an approval through a door, none of which succeeds.

A ticket waits for one approval; its author could approve others, and so could bea. Whoever tries must not get
the ticket on, and the try must be in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from agents.models import Agent, AgentSpec, Event, Member, Project, ProjectSpec
from omoi_site.errors import OmoiError
from tests.factories import decide, seen, submit
from tests.support.api_client import Api, api_of
from tests.support.approval_scene import PHASES, ApprovalScene, approval_scene
from tests.support.concurrency import meanwhile, race
from tickets.models import Approval, Task, TaskSpec, Ticket, Workflow
from tickets.models.gate.approval import AuthorBarred

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = {"approval.refused", "ticket.move_refused"}
WAYS: dict[str, Callable[[ApprovalScene], Any]] = {}


def way(act: Callable[[ApprovalScene], Any]) -> Callable[[ApprovalScene], Any]:
    """`act` returns the last answer, or raises."""
    WAYS[act.__name__] = act
    return act


# -- who has no right


@way
def straight_on(scene):
    return scene.go()


@way
def by_an_operator(scene):
    assert scene.approve(scene.person("olga", "operator")).status_code == 403
    return scene.go()


@way
def by_a_viewer(scene):
    assert scene.approve(scene.person("vera", "viewer")).status_code == 403
    return scene.go()


@way
def by_an_agent_with_every_scope(scene):
    assert scene.approve(scene.ada, "work", "tickets:write", "gates:decide").status_code == 403
    return scene.go()


@way
def by_the_admin_of_another_project(scene):
    sam = scene.people.objects.create_user("sam")
    other = Project.objects.create_project(ProjectSpec("OTHER"), by=scene.operator)
    Member.objects.create(project=other, user=sam, role="admin")
    assert scene.approve(sam).status_code == 404
    return scene.go()


@way
def by_a_key_without_the_scope(scene):
    assert scene.approve(scene.bea, "tickets:write").status_code == 403
    return scene.go()


@way
def by_somebody_deactivated(scene):
    scene.people.objects.filter(pk=scene.bea.pk).update(is_active=False)
    assert scene.approve(scene.bea).status_code == 401
    return scene.go()


# -- authors


@way
def by_the_author(scene):
    assert scene.approve(scene.abe).json()["code"] == "author_barred"
    return scene.go()


@way
def by_the_author_under_an_idempotency_key(scene):
    api = api_of(scene.abe)
    body = {"decision": "approve", "seen": seen(scene.ticket)}
    answer = api.post(f"/tickets/{scene.ticket.key}/approvals", body, Idempotency_Key="k")
    assert answer.json()["code"] == "author_barred"
    return scene.go()


@way
def by_the_author_on_the_page(scene):
    client = Client()
    client.force_login(scene.abe)
    answer = client.post(f"/tickets/{scene.ticket.key}/approve/", {"state": seen(scene.ticket)})
    assert answer.status_code == 403
    return scene.go()


@way
def by_the_author_by_command(scene):
    with pytest.raises(AuthorBarred):
        call_command("approvals", "approve", scene.ticket.key, "--as", "abe", "--seen", seen(scene.ticket))
    return scene.go()


@way
def by_the_author_who_says_to_be_somebody_else(scene):
    for forged in ({"by": "user:bea"}, {"user": scene.bea.pk}, {"role": "admin"}, {"self_approved": False}):
        assert scene.approve(scene.abe, **forged).status_code in (403, 422)
    return scene.go()


@way
def by_the_author_who_wants_another_name_in_the_admin(scene):
    staff = Client()
    staff.force_login(scene.operator)
    staff.post(f"/admin/auth/user/{scene.abe.pk}/change/", {"username": "someone", "is_active": "on"})
    assert scene.approve(scene.abe).json()["code"] == "author_barred"
    return scene.go()


@way
def by_whoever_owns_the_agent_that_did_it(scene):
    bot = Agent.objects.register(
        AgentSpec("bot"), projects=[scene.project], by=scene.operator, owner=scene.bea.username
    )
    bot.key_scopes = frozenset({"work", "tickets:write"})
    submit(scene.ticket, "notes", b"by a bot", by=bot)
    assert scene.approve(scene.bea).json()["code"] == "author_barred"
    return scene.go()


@way
def by_whoever_owns_the_agent_that_registered_the_one_that_did_it(scene):
    Member.objects.filter(user=scene.bea).update(role="admin")
    bot = Agent.objects.register(AgentSpec("bot"), projects=[scene.project], by=scene.bea)
    body = {"name": "child", "projects": [scene.project.key]}
    child = Api(api_of(bot, "work", "agents:register").post("/agents", body).json()["key"])
    Task.objects.add(scene.ticket, [TaskSpec("Do it")], by=scene.operator)
    [claim] = child.post("/claims", {}).json()["claims"]
    done = child.post(f"/tasks/{claim['task']['id']}/completion", {"fence": claim["fence"]})
    assert done.status_code == 200, done.json()
    assert scene.approve(scene.bea).json()["code"] == "author_barred"
    return scene.go()


@way
def by_the_author_while_the_others_are_no_members(scene):
    """Others come back before the ticket moves."""
    Member.objects.filter(user=scene.bea).delete()
    scene.people.objects.filter(pk=scene.operator.pk).update(is_active=False)
    assert decide(scene.ticket, "approve", by=scene.abe).self_approved
    scene.people.objects.filter(pk=scene.operator.pk).update(is_active=True)
    return scene.go()


# -- approvals of something else


@way
def an_approval_of_what_was_there_before(scene):
    old = seen(scene.ticket)
    submit(scene.ticket, "notes", b"changed", by=scene.abe)
    assert scene.approve(scene.bea, seen=old).json()["code"] == "version_conflict"
    return scene.go()


@way
def an_approval_before_the_evidence_changed(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    submit(scene.ticket, "notes", b"changed", by=scene.abe)
    return scene.go()


@way
def an_approval_before_the_text_changed(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    body = {"description": "And send the money to abe"}
    assert api_of(scene.operator).patch(f"/tickets/{scene.ticket.key}", body).status_code == 200
    return scene.go()


@way
def an_approval_of_somebody_who_lost_the_role(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    Member.objects.filter(user=scene.bea).update(role="operator")
    return scene.go()


@way
def an_approval_of_somebody_who_is_deactivated(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    scene.people.objects.filter(pk=scene.bea.pk).update(is_active=False)
    return scene.go()


@way
def an_approval_without_what_was_seen(scene):
    assert scene.approve(scene.bea, seen="0" * 64).json()["code"] == "version_conflict"
    return scene.go()


@way
def an_approval_that_somebody_rejected(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    decide(scene.ticket, "reject", by=scene.operator, reason="not like this")
    return scene.go()


@way
def an_approval_of_an_earlier_stay(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    Ticket.objects.move(scene.ticket.pk, "BLOCKED", by=scene.operator, reason="wait", cause="environment")
    Ticket.objects.move(scene.ticket.pk, "WORK", by=scene.operator)
    return scene.go()


@way
def an_approval_of_an_earlier_phase(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    assert scene.go("REVIEW").status_code == 200
    return scene.go()


@way
def an_approval_under_another_version_of_the_workflow(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    phases = [{**PHASES[0], "tasks": [{"title": "Look"}]}, *PHASES[1:]]
    Workflow.objects.install({"name": "approved", "phases": phases}, by=scene.operator)
    moved = api_of(scene.operator).post(f"/tickets/{scene.ticket.key}/workflow", {"version": 2})
    assert moved.status_code == 200, moved.json()
    return scene.go()


@way
def an_approval_before_the_version_changed_and_changed_back(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    phases = [{**PHASES[0], "approvals": {"count": 2, "role": "approver"}}, *PHASES[1:]]
    Workflow.objects.install({"name": "approved", "phases": phases}, by=scene.operator)
    for version in (2, 1):
        Ticket.objects.follow(scene.ticket.pk, version, by=scene.operator)
    return scene.go()


@way
def a_newer_version_that_asks_for_none(scene):
    phases = [{name: part for name, part in phase.items() if name != "approvals"} for phase in PHASES]
    Workflow.objects.install({"name": "approved", "phases": phases}, by=scene.operator)
    return scene.go()


@way
def a_verdict_from_before_the_role_was_lost(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    verdict = scene.judge()
    assert verdict.passed
    Member.objects.filter(user=scene.bea).update(role="operator")
    scene.advance(verdict)


@way
def a_verdict_from_before_it_was_rejected(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    verdict = scene.judge()
    decide(scene.ticket, "request_changes", by=scene.operator, reason="not like this")
    scene.advance(verdict)


@way
def force_with_the_role_of_an_approver(scene):
    body = {"to": "DONE", "force": True, "reason": "because I say so"}
    return api_of(scene.bea).post(f"/tickets/{scene.ticket.key}/transitions", body)


# -- what all of them come to


@pytest.fixture
def scene(project, operator, ada, django_user_model):
    return approval_scene(project, operator, ada, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_approval(scene, name):
    before = Event.objects.filter(kind__in=REFUSED).count()

    try:
        answer = WAYS[name](scene)
    except OmoiError:
        pass
    else:
        assert answer.status_code in (403, 409, 422), answer.content

    assert Ticket.objects.get(pk=scene.ticket.pk).phase != "DONE"
    assert not scene.ticket.history.filter(to_phase="DONE").exists()
    assert not scene.ticket.verdicts.filter(passed=True, phase="REVIEW").exists()
    assert Event.objects.filter(kind__in=REFUSED).count() > before


def test_without_a_trick_it_leads_on(scene):
    assert scene.approve(scene.bea).status_code == 201
    assert scene.go().status_code == 200


def test_the_admin_adds_no_approval(scene):
    client = Client()
    client.force_login(scene.operator)
    answer = client.post("/admin/tickets/approval/add/", {"decision": "approve", "ticket": scene.ticket.pk})
    assert (answer.status_code, Approval.objects.exists()) == (403, False)


def test_an_approval_waits_for_the_evidence_that_comes_meanwhile(scene):
    def approve():
        return Approval.objects.decide(scene.ticket.pk, "approve", by=scene.bea, seen=old)

    old = seen(scene.ticket)
    with meanwhile(approve) as approving:
        submit(scene.ticket, "notes", b"changed", by=scene.abe)

    with pytest.raises(OmoiError, match="has changed"):
        approving.answer()
    assert not Approval.objects.exists()


def test_one_person_who_approves_twice_at_once_approves_once(scene):
    old = seen(scene.ticket)

    def approve(turn):
        return Approval.objects.decide(scene.ticket.pk, "approve", by=scene.bea, seen=old)

    [[one, other]] = race(1, approve, approve)

    assert one.pk == other.pk
    assert Approval.objects.count() == 1
