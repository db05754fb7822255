"""Many ways to bypass a gate by force, or to open a ticket behind it, none of which succeeds.

Both need a right of their own and a reason in words. The refusal must be in the journal.
"""

from __future__ import annotations

import json

import pytest

from agents.models import Member, Project, ProjectSpec
from tests.support.api_client import api_of
from tests.support.delivery import Delivery
from tests.support.gate_scene import LONG, GateScene, Ways, expect_no_way_on

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = Ways()
way = WAYS.way


# -- force


@way()
def force_without_the_scope(scene):
    return scene.writer().post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_without_the_scope_under_an_idempotency_key(scene):
    body = {"to": "DESIGN", "force": True, "reason": LONG}
    return scene.writer().post(f"{scene.delivery.at}/transitions", body, Idempotency_Key="k")


@way()
def force_as_an_operator_of_the_project(scene):
    olga = scene.people.objects.create_user("olga")
    Member.objects.create(project=scene.project, user=olga, role="operator")
    return api_of(olga).post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_as_the_admin_of_another_project(scene):
    sam = scene.people.objects.create_user("sam")
    Member.objects.create(
        project=Project.objects.create_project(ProjectSpec("OTHER"), by=scene.operator),
        user=sam,
        role="admin",
    )
    Member.objects.create(project=scene.project, user=sam, role="operator")
    return api_of(sam).post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_with_an_agents_key(scene):
    return scene.agent.post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_without_a_reason(scene):
    return scene.go(force=True)


@way()
def force_with_a_short_reason(scene):
    return scene.go(force=True, reason="hurry up")


@way()
def force_with_a_reason_of_blanks(scene):
    return scene.go(force=True, reason=" " * 40 + "x")


@way()
def as_a_viewer(scene):
    vera = scene.people.objects.create_user("vera")
    Member.objects.create(project=scene.project, user=vera, role="viewer")
    return api_of(vera).post(f"{scene.delivery.at}/transitions", {"to": "DESIGN"})


# -- births and imports


@way()
def born_behind_the_gate(scene):
    body = {
        "project": "OMO",
        "title": "x",
        "workflow": "software_delivery",
        "phase": "DEPLOYMENT",
        "reason": LONG,
    }
    return scene.writer().post("/tickets", body)


@way()
def born_behind_the_gate_under_an_idempotency_key(scene):
    body = {
        "project": "OMO",
        "title": "x",
        "workflow": "software_delivery",
        "phase": "DEPLOYMENT",
        "reason": LONG,
    }
    return scene.writer().post("/tickets", body, Idempotency_Key="k")


@way()
def born_behind_the_gate_with_a_short_reason(scene):
    return scene.calls.post(
        "/tickets",
        {"project": "OMO", "title": "x", "workflow": "software_delivery", "phase": "DONE", "reason": "short"},
    )


@way()
def imported_behind_the_gate(scene):
    document = json.dumps({"id": "a", "title": "done elsewhere", "status": "closed", "priority": 1})
    return scene.writer().post(
        "/imports",
        {"format": "beads", "project": "OMO", "workflow": "software_delivery", "document": document},
    )


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return GateScene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    expect_no_way_on(scene, WAYS[name])
