"""Many ways to pass a gate with a verdict that is not of its present evidence, none of which succeeds.

A verdict is kept, and used after what it is about has changed: evidence, tasks, stay, version, rights.
"""

from __future__ import annotations

import pytest

from agents.models import Event, Member
from omoi_site.errors import Forbidden, OmoiError
from tests.factories import submit
from tests.support import reports
from tests.support.api_client import api_of
from tests.support.concurrency import meanwhile
from tests.support.delivery import Delivery
from tests.support.gate_scene import GateScene, Ways, expect_no_way_on
from tickets.models import GateClosed, PhaseMove, Ticket, Verdict

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = Ways()
way = WAYS.way


@way(lacks="requirements_document")
def a_verdict_that_refused(scene):
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_an_artifact_changed(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    scene.delivery.submit("requirements_document", b"# Scope")
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_another_artifact_of_the_type_was_the_newest(scene):
    """Of two artifacts of a type the last one counts; here the bad one is submitted again unchanged."""
    scene.delivery.submit("requirements_document", b"poor", name="a")
    scene.delivery.submit("requirements_document", reports.requirements(), name="b")
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    scene.delivery.submit("requirements_document", b"poorer", name="a")
    scene.delivery.submit("requirements_document", b"poor", name="a")
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_a_task_was_added(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "one more"}]})
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_verdict_from_an_earlier_stay(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    scene.go("BACKLOG", reason="again")
    scene.go("REQUIREMENTS")
    scene.advance(verdict)


@way()
def a_verdict_of_another_ticket(scene):
    other = Delivery(scene.calls, scene.agent)
    other.bring_to("REQUIREMENTS")
    other.satisfy()
    scene.advance(Ticket.objects.judge(key=other.key, by=scene.operator))


@way("IMPLEMENTATION")
def a_verdict_of_another_phase(scene):
    scene.advance(
        Verdict.objects.filter(ticket=scene.ticket, phase="REQUIREMENTS", passed=True).get(),
        to="TESTING",
    )


@way(lacks="requirements_document")
def a_verdict_from_before_the_version_changed_and_changed_back(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    change_version_and_back(scene)
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_verdict_given_under_a_version_that_asks_for_less(scene):
    """The admin may change the version. The ticket comes back before it moves."""
    install_without_documents(scene)
    assert scene.calls.post(f"{scene.delivery.at}/workflow", {"version": 3}).status_code == 200
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    assert scene.calls.post(f"{scene.delivery.at}/workflow", {"version": 2}).status_code == 200
    scene.advance(verdict)


@way(lacks="requirements_document")
def a_version_that_asks_for_less_by_who_may_not(scene):
    install_without_documents(scene)
    olga = scene.people.objects.create_user("olga")
    Member.objects.create(project=scene.project, user=olga, role="operator")
    for who in (olga, scene.ada):
        assert api_of(who).post(f"{scene.delivery.at}/workflow", {"version": 3}).status_code == 403
        with pytest.raises(Forbidden):
            Ticket.objects.follow(scene.ticket.pk, 3, by=who)
    refused = Event.objects.filter(kind="ticket.move_refused", topic=scene.ticket.topic)
    assert {event.actor for event in refused} == {"user:olga", "agent:ada"}
    return scene.go()


@way(lacks="requirements_document")
def a_verdict_of_somebody_who_lost_the_role(scene):
    olga = scene.people.objects.create_user("olga")
    Member.objects.create(project=scene.project, user=olga, role="operator")
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=olga)
    assert verdict.passed
    Member.objects.filter(user=olga).update(role="viewer")
    scene.operator = olga
    with pytest.raises(Forbidden):
        scene.advance(verdict)


def install_without_documents(scene):
    document = scene.calls.get("/workflows/software_delivery").json()["document"]
    for phase in document["phases"]:
        if "gate" in phase:
            phase["gate"] = [{"check": "tasks_completed"}]
    assert scene.calls.put("/workflows/software_delivery", document).json()["version"] == 3


def change_version_and_back(scene):
    install_without_documents(scene)
    for version in (3, 2):
        moved = scene.calls.post(f"{scene.delivery.at}/workflow", {"version": version})
        assert moved.status_code == 200, moved.json()


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return GateScene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    expect_no_way_on(scene, WAYS[name])


def test_evidence_that_changes_while_the_ticket_moves_is_seen(scene, operator):
    """The move waits for the submission; then its verdict is for outdated evidence."""
    scene.delivery.bring_to("REQUIREMENTS")
    scene.delivery.satisfy()
    ticket = scene.ticket
    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    def move():
        with Ticket.objects.locked(pk=ticket.pk) as locked:
            locked.advance(by=operator, verdict=verdict)

    with meanwhile(move) as moving:
        submit(ticket, "requirements_document", b"# Scope", by=operator)
    with pytest.raises(GateClosed):
        moving.answer()
    assert scene.delivery.phase == "REQUIREMENTS"


def test_two_who_move_it_at_the_same_time_move_it_once(scene, operator):
    scene.delivery.bring_to("REQUIREMENTS")
    scene.delivery.satisfy()
    ticket = scene.ticket
    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    def move():
        with Ticket.objects.locked(pk=ticket.pk) as locked:
            locked.advance("DESIGN", by=operator, verdict=verdict)

    with meanwhile(move) as second:
        move()
    with pytest.raises(OmoiError):
        second.answer()
    assert PhaseMove.objects.filter(ticket=ticket, to_phase="DESIGN").count() == 1
