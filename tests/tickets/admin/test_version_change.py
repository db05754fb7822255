"""From the admin's list of tickets to the preview of another version."""

from __future__ import annotations

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME

from agents.models import Project
from tests.factories import allow_workflow
from tests.support.html import squeeze
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db


def test_chosen_tickets_are_previewed_and_nothing_is_changed(client, operator, ticket):
    changed = Workflow.objects.latest_of("simple").text.replace(", TODO", "")
    Workflow.objects.install(changed + "# another\n", by=operator)
    client.force_login(operator)

    answer = choose(client, ticket, follow=True)

    assert answer.redirect_chain == [("/workflows/simple/tickets/?to=2&ticket=OMO-1", 302)]
    assert "What version 2 would mean" in squeeze(answer.content.decode())
    assert Ticket.objects.get(pk=ticket.pk).workflow.version == 1


def test_tickets_of_two_workflows_are_refused_in_a_sentence(client, operator, project, ticket):
    workflow = allow_workflow(Project.objects.get(pk=project.pk), "software_delivery")
    other = Ticket.objects.open(
        Project.objects.get(pk=project.pk), TicketSpec("x", workflow=workflow), by=operator
    )
    client.force_login(operator)

    answer = choose(client, ticket, other, follow=True)

    assert "Choose those of one workflow" in answer.content.decode()


def test_tickets_that_left_the_list_meanwhile_are_chosen_again(client, operator, ticket):
    client.force_login(operator)

    answer = choose(client, ticket, query="?phase=DONE", follow=True)

    assert answer.status_code == 200
    assert "are not in this list any more" in answer.content.decode()


def choose(client, *tickets, query="", **how):
    chosen = {"action": "change_version", ACTION_CHECKBOX_NAME: [ticket.pk for ticket in tickets]}
    return client.post(f"/admin/tickets/ticket/{query}", chosen, **how)
