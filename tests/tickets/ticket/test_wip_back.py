"""Tickets that their workflow sends back, where the phase into which they should go is full."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from agents.models import Agent, AgentSpec
from tests.factories import allow_workflow, complete
from tests.support.wip_scene import phase_of
from tickets.models import Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket import automation, limited_moves

pytestmark = pytest.mark.django_db(transaction=True)


def checked(name, back, to):
    return {
        "name": name,
        "to": [to, back],
        "automatic": "on_completion",
        "gate": [{"check": "artifact", "type": "report"}],
        "on_failure": {"send_back": back},
    }


@pytest.fixture
def scene(project, operator):
    """Two tickets in TEST that wait to go back to the full MAKE, before one in PROVE that waits for the full
    BUILD; and what stands in those two.
    """
    phases = [
        {"name": "MAKE", "to": ["BUILD"], "wip": {"limit": 1}},
        {"name": "BUILD", "to": ["TEST"], "wip": {"limit": 1}},
        checked("TEST", "MAKE", "PROVE"),
        checked("PROVE", "BUILD", "DONE"),
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "testing", "phases": phases}))
    hands = Agent.objects.register(AgentSpec("hands", capacity=9), projects=[project], by=operator)
    made = {}
    for phase in ("MAKE", "BUILD", "TEST", "TEST", "PROVE"):
        spec = TicketSpec("ticket", workflow=workflow, phase=phase, reason="it was begun elsewhere")
        ticket = Ticket.objects.open(project, spec, by=operator)
        made.setdefault(phase, []).append(ticket)
        if phase in ("TEST", "PROVE"):
            Task.objects.add(ticket, [TaskSpec("check")], by=operator)
            [claim] = Task.objects.claim(by=hands)
            complete(claim, by=hands)
            Ticket.objects.advance_due([ticket.pk])
            assert "is full" in Ticket.objects.get(pk=ticket.pk).move_fault
    return made


def leave(ticket, operator):
    Ticket.objects.move(ticket.pk, "CANCELLED", by=operator, reason="not needed")


@pytest.mark.parametrize("look", ["fill", "sweep"])
def test_who_waits_for_another_phase_keeps_nobody_waiting(scene, project, operator, monkeypatch, look):
    monkeypatch.setattr(limited_moves, "TRIED", 1)
    monkeypatch.setattr(limited_moves, "SPARE", 1)
    [proved] = scene["PROVE"]
    leave(scene["BUILD"][0], operator)

    moved = Ticket.objects.fill([project.pk]) if look == "fill" else Ticket.objects.advance_due()

    assert (moved, phase_of(proved)) == (1, "BUILD")
    assert [phase_of(ticket) for ticket in scene["TEST"]] == ["TEST", "TEST"]


def test_a_fault_of_one_keeps_nobody_waiting(scene, project, operator, monkeypatch):
    first, _ = scene["TEST"]
    [proved] = scene["PROVE"]
    follow = automation.failure.follow_refusal

    def broken(ticket, verdict):
        if ticket.pk == first.pk:
            raise OperationalError("canceling statement due to lock timeout")
        follow(ticket, verdict)

    monkeypatch.setattr(automation.failure, "follow_refusal", broken)
    for phase in ("MAKE", "BUILD"):
        leave(scene[phase][0], operator)

    Ticket.objects.fill([project.pk])

    assert (phase_of(first), phase_of(proved)) == ("TEST", "BUILD")
