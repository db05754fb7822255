"""What an agent holds is taken back over REST."""

from __future__ import annotations

import pytest

from agents.models import Agent, Member, Project, ProjectSpec
from omoi_site.errors import Forbidden
from tests.support.api_client import api_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


def test_it_takes_back_what_the_caller_sees_and_nothing_of_others(project, ada, operator, django_user_model):
    other = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    Agent.objects.act(ada.pk, "edit", by=operator, projects=[project, other])
    for place in (project, other):
        Ticket.objects.open(place, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    mine, hidden = sorted(Task.objects.claim(by=ada, limit=2), key=lambda claim: claim.key)
    people = {role: django_user_model.objects.create_user(role) for role in ("viewer", "operator")}
    for role, person in people.items():
        Member.objects.set(project, person, role, by=operator)
    form = {"reason": "Its host is gone"}

    viewer = api_of(people["viewer"]).post("/agents/ada/requeue", form)
    silent = api_of(people["operator"]).post("/agents/ada/requeue", {"reason": " "})
    taken = api_of(people["operator"]).post("/agents/ada/requeue", form)
    again = api_of(people["operator"]).post("/agents/ada/requeue", form)

    assert (viewer.status_code, silent.status_code) == (403, 422)
    assert (taken.status_code, taken.json()) == (200, {"tasks": [str(mine.task)]})
    assert again.json() == {"tasks": []}
    assert list(Task.objects.filter(holder=ada).values_list("pk", flat=True)) == [hidden.task]
    assert Task.objects.get(pk=mine.task).attempts == 0


def test_a_claim_that_begins_after_the_right_was_asked_is_not_taken_without_it(
    project, ada, operator, django_user_model, monkeypatch
):
    other = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    Agent.objects.act(ada.pk, "edit", by=operator, projects=[project, other])
    person = django_user_model.objects.create_user("half")
    for place, role in ((project, "operator"), (other, "viewer")):
        Member.objects.set(place, person, role, by=operator)
    Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    Task.objects.claim(by=ada)
    Ticket.objects.open(other, TicketSpec("y", tasks=[TaskSpec("y")]), by=operator)
    held = Task.objects.filter(holder=ada)
    asked = type(held)._require

    def asked_before_the_claim(tasks, by):
        asked(tasks, by)
        monkeypatch.undo()
        assert Task.objects.claim(by=ada)

    monkeypatch.setattr(type(held), "_require", asked_before_the_claim)

    with pytest.raises(Forbidden):
        held.requeue(by=person, reason="Its host is gone")

    assert held.get().project == project  # the other claim was made in the same transaction
