"""Many ways to bypass a gate through a door, none of which succeeds.

A way is tried on a ticket without evidence, or with all evidence except the faked one. The ticket must never
get past the gate, and a try through API, page or admin must be in the journal.
"""

from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Event, Member
from tests.support import reports
from tests.support.delivery import Delivery
from tests.support.gate_scene import LONG, GateScene, Ways, expect_no_way_on
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = Ways()
way = WAYS.way


# -- the moves themselves


@way()
def straight_on(scene):
    return scene.go()


@way()
def skipping_phases(scene):
    return scene.go("DEPLOYMENT")


@way()
def straight_to_the_end(scene):
    return scene.go("DONE")


@way()
def another_spelling(scene):
    return scene.go("phase_design")


@way()
def back_and_from_there_on(scene):
    scene.go("BACKLOG", reason="again")
    return scene.go()


@way()
def through_blocked(scene):
    scene.go("BLOCKED", reason="waits")
    return scene.go()


@way()
def through_blocked_to_a_phase_further_on(scene):
    scene.go("BLOCKED", reason="waits")
    return scene.go("TESTING")


@way()
def through_cancelled(scene):
    scene.go("CANCELLED", reason="never mind")
    return scene.go(reason="after all")


@way()
def through_blocked_and_cancelled(scene):
    scene.go("BLOCKED", reason="waits")
    scene.go("CANCELLED", reason="never mind")
    return scene.go(reason="after all")


@way()
def with_nothing_but_a_copy_of_the_ticket_from_before(scene):
    """An old version number must not overwrite a newer state."""
    return scene.calls.post(f"{scene.delivery.at}/transitions", {"to": "DESIGN"}, If_Match='"1"')


# -- tasks


@way()
def with_no_task(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    return scene.go()


@way()
def with_all_tasks_cancelled(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    [task] = scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "never done"}]}).json()[
        "tasks"
    ]
    scene.calls.post(f"/tasks/{task['id']}/cancellation", {"reason": "no"})
    return scene.go()


@way()
def with_the_task_of_another_phase(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    scene.go("BACKLOG", reason="again")
    scene.delivery.work_off()
    scene.go("REQUIREMENTS")
    return scene.go()


@way(lacks="")
def with_a_failed_task(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "breaks"}]})
    claim = scene.delivery.claim()
    scene.agent.post(
        f"/tasks/{claim['task']['id']}/failure", {"fence": claim["fence"], "error": "no", "kind": "permanent"}
    )
    return scene.go()


@way(lacks="")
def with_an_open_task(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "still open"}]})
    return scene.go()


@way(lacks="")
def with_a_task_somebody_holds(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "still running"}]})
    scene.delivery.claim()
    return scene.go()


# -- the workflow


@way()
def a_new_version_of_its_workflow_without_gates(scene):
    document = scene.calls.get("/workflows/software_delivery").json()["document"]
    for phase in document["phases"]:
        phase.pop("gate", None)
    assert scene.calls.put("/workflows/software_delivery", document).json()["version"] == 3
    return scene.go()


@way()
def another_workflow_of_its_project(scene):
    assert scene.calls.patch("/projects/OMO", {"workflow": "simple"}).status_code == 200
    return scene.go()


@way(door=False)
def a_workflow_that_lets_blocked_lead_on(scene):
    phases = [
        {"name": "A", "to": ["B"], "gate": [{"check": "tasks_completed"}], "blocked_to": ["B"]},
        {"name": "B", "to": []},
    ]
    return scene.calls.put("/workflows/leaky", {"name": "leaky", "phases": phases})


@way(door=False)
def a_workflow_whose_gate_lets_the_next_phase_be_claimed(scene):
    phases = [
        {"name": "A", "to": ["B"], "automatic": "on_claim", "gate": [{"check": "tasks_completed"}]},
        {"name": "B", "to": []},
    ]
    return scene.calls.put("/workflows/leaky", {"name": "leaky", "phases": phases})


# -- fields and other doors


@way(door=False)
def the_field_in_a_patch(scene):
    return scene.calls.patch(scene.delivery.at, {"phase": "DESIGN"})


@way(door=False)
def the_workflow_in_a_patch(scene):
    return scene.calls.patch(scene.delivery.at, {"workflow": "simple"})


@way(door=False)
def the_form_of_the_admin(scene):
    client = Client()
    client.force_login(scene.operator)
    ticket = scene.ticket
    at = f"/admin/tickets/ticket/{ticket.pk}/change/"
    form = client.get(at).context["adminform"].form
    fields = {name: form[name].value() or "" for name in form.fields} | {
        "title": "x",
        "phase": "DESIGN",
        "workflow": "1",
        "moves": "9",
    }
    rows = {"history-TOTAL_FORMS": "0", "history-INITIAL_FORMS": "0"}
    assert client.post(at, {**fields, **rows}).status_code == 302
    assert scene.ticket.title == "x"


def by_hand(scene, word, who=None, **form):
    """The person's act on the ticket's page."""
    client = Client()
    client.force_login(who or scene.operator)
    return client.post(f"{scene.delivery.at}/{word}/", {"version": scene.ticket.version, **form})


@way()
def the_button_on_the_page(scene):
    return by_hand(scene, "advance", to="DESIGN", reason=LONG)


@way()
def the_button_with_another_destination(scene):
    return by_hand(scene, "back", to="DESIGN", reason=LONG)


@way()
def the_button_that_forces_as_an_operator_of_the_project(scene):
    olga = scene.people.objects.create_user("olga")
    Member.objects.create(project=scene.project, user=olga, role="operator")
    return by_hand(scene, "force", olga, to="DESIGN", reason=LONG)


@way()
def the_button_that_forces_without_a_reason(scene):
    return by_hand(scene, "force", to="DESIGN", reason="  ")


@way()
def tickets_in_bulk_in_the_admin(scene):
    """Each is moved by its own verb, and refused alone."""
    other = Delivery(scene.calls, scene.agent)
    other.bring_to("REQUIREMENTS")
    client = Client()
    client.force_login(scene.operator)
    chosen = Ticket.objects.filter(workflow__name="software_delivery").values_list("pk", flat=True)
    form = {"action": "advance_tickets", "_selected_action": [*chosen], "reason": LONG}
    client.post("/admin/tickets/ticket/", form)
    refused = Event.objects.filter(kind="ticket.move_refused").values_list("topic", flat=True)
    assert {*refused} == {scene.ticket.topic, f"ticket:{other.key}"}


@way(door=False)
def a_ticket_made_in_the_admin(scene):
    client = Client()
    client.force_login(scene.operator)
    form = {"project": scene.project.pk, "title": "x", "priority": 2, "labels": "", "description": ""}
    client.post("/admin/tickets/ticket/add/", {**form, "acceptance": "", "phase": "DONE", "moves": "9"})
    assert Ticket.objects.latest("pk").phase == "TODO"


@way(lacks="requirements_document")
def by_itself_when_its_work_is_done(scene):
    """An automatic move is also checked by the gate."""
    assert Ticket.objects.advance_due() == 0
    return scene.go()


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return GateScene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    expect_no_way_on(scene, WAYS[name])
