"""The verbs themselves check who may bypass a gate, whoever calls them, even a shell."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec, Event, Member
from omoi_site.errors import Forbidden
from tickets.models import Backlog, Item, Task, Ticket, TicketSpec, Workflow
from tickets.models.ticket import bulk_import
from tickets.models.ticket.transition_options import options

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "it was agreed on the phone"


@pytest.fixture
def vera(project, django_user_model):
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="operator")
    return vera


def test_who_may_not_force_a_ticket_is_refused_by_the_move(ticket, vera):
    with pytest.raises(Forbidden) as refusal:
        Ticket.objects.move(ticket.pk, "DONE", by=vera, force=True, reason=REASON)

    assert refusal.value.more["scope"] == "gates:force"
    assert Ticket.objects.get(pk=ticket.pk).phase == "DOING"
    told = Event.objects.get(kind="ticket.move_refused")
    assert (told.actor, told.data["code"]) == ("user:vera", "forbidden")


def test_who_may_not_force_opens_no_ticket_past_the_first_phase(project, vera):
    with pytest.raises(Forbidden):
        Ticket.objects.open(project, TicketSpec("Done already", phase="DONE", reason=REASON), by=vera)

    assert not Ticket.objects.exists()
    assert Event.objects.get(kind="ticket.birth_refused").data == {"phase": "DONE", "code": "forbidden"}


def test_who_may_not_force_brings_no_finished_work_in(project, vera, operator):
    simple = Workflow.objects.latest_of("simple")
    finished = Backlog("test", [Item("1", "Done already", done=True)])

    with pytest.raises(Forbidden):
        bulk_import.import_backlog(finished, project=project, workflow=simple, by=vera)
    assert not Ticket.objects.exists()

    assert bulk_import.import_backlog(finished, project=project, workflow=simple, by=operator).new == 1


def test_options_tell_each_move_with_the_right_it_takes(ticket, vera, operator):
    of_vera = {(option.verb, option.to): option.permitted for option in options(ticket, vera)}

    assert of_vera == {
        ("advance", "DONE"): True,
        ("send_back", "TODO"): True,
        ("block", "BLOCKED"): True,
        ("cancel", "CANCELLED"): True,
        ("force", "TODO"): False,
        ("force", "DONE"): False,
    }
    assert all(option.permitted for option in options(ticket, operator))


def test_who_holds_a_task_of_another_project_is_told_to_nobody_there(project, task, ada, bob, operator):
    [held] = Task.objects.claim(by=bob)
    outsider = Agent.objects.register(AgentSpec("eve"), by=operator)

    _, [told] = Task.objects.renew([(held.task, held.fence)], by=outsider)
    _, [known] = Task.objects.renew([(held.task, held.fence)], by=ada)

    assert (told["holder"], told["state"]) == (None, None)
    assert (known["holder"], known["state"]) == ("bob", "claimed")
