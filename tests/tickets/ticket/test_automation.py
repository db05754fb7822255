"""Automatic moves: judged once, tried again while something prevents them, and recorded."""

from __future__ import annotations

import pytest

from agents.models import Event, Project
from omoi_site.database import sql
from tests.factories import allow_workflow, complete, submit
from tests.support.concurrency import meanwhile
from tests.support.waits import store_waits
from tickets.models import SweepRun, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.ticket import automation

pytestmark = pytest.mark.django_db(transaction=True)

GATE = [{"check": "artifact", "type": "notes"}]


@pytest.fixture
def made(project, operator, ada):
    """A ticket all of whose work in the gated MAKE is done; from there it goes on to SHIP by itself."""
    phases = [
        {"name": "MAKE", "to": ["SHIP"], "automatic": "on_completion", "gate": GATE},
        {"name": "SHIP", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "making", "phases": phases}))
    ticket = Ticket.objects.open(
        project, TicketSpec(workflow=workflow, title="x", tasks=[TaskSpec("x")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    return ticket


def now(ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def test_a_gate_that_refuses_leaves_the_version_as_it_was(made):
    before = now(made)

    assert Ticket.objects.advance_due() == 0

    assert made.verdicts.filter(passed=False).count() == 1
    assert (now(made).version, now(made).updated_at) == (before.version, before.updated_at)


def test_two_hints_at_once_judge_a_gate_once(made, ada):
    submit(made, "notes", b"done", by=ada)

    with meanwhile(lambda: Ticket.objects.advance_due([made.pk])) as second:
        Ticket.objects.judge(pk=made.pk, by="system:workflow")  # the first one has judged and not moved yet

    assert second.answer() == 1
    assert made.verdicts.count() == 1
    assert now(made).phase == "SHIP"


def test_a_hint_that_comes_behind_the_move_judges_nothing_where_no_gate_is(project, operator, ada):
    phases = [
        {"name": "MAKE", "to": ["LOOK"], "automatic": "on_completion", "gate": GATE},
        {"name": "LOOK", "to": ["SHIP"], "automatic": "on_completion"},
        {"name": "SHIP", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "looking", "phases": phases}))
    tasks = [TaskSpec("x"), TaskSpec("y", phase="LOOK", ended=True)]
    ticket = Ticket.objects.open(project, TicketSpec(workflow=workflow, title="x", tasks=tasks), by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    submit(ticket, "notes", b"done", by=ada)

    with (
        meanwhile(lambda: Ticket.objects.advance_due([ticket.pk])) as second,
        Ticket.objects.locked(pk=ticket.pk) as row,
    ):
        row.advance(by=operator, verdict=Ticket.objects.judge(pk=ticket.pk, by=operator))

    assert second.answer() == 1
    assert [verdict.phase for verdict in ticket.verdicts.all()] == ["MAKE"]
    assert now(ticket).phase == "SHIP"


@pytest.fixture
def tool(settings, tmp_path):
    """The file of the profile `tool`."""
    settings.OMOI_HOME = tmp_path
    (tmp_path / "profiles").mkdir()
    file = tmp_path / "profiles" / "tool.yaml"
    file.write_text("{kind: command, words: ['true']}")
    return file


@pytest.fixture
def bereft(project, operator, ada, tool):
    """A ticket whose work in MAKE is done, while the profile that the first task of SHIP names was taken
    away.
    """
    phases = [
        {"name": "MAKE", "to": ["SHIP"], "automatic": "on_completion", "gate": GATE},
        {"name": "SHIP", "to": ["OUT"], "tasks": [{"title": "Ship it", "profile": "tool"}]},
        {"name": "OUT", "to": []},
    ]
    Project.objects.act(project.pk, "edit", by=operator, profiles=["tool"])
    workflow = allow_workflow(project, Workflow.objects.install({"name": "shipping", "phases": phases}))
    ticket = Ticket.objects.open(
        project, TicketSpec(workflow=workflow, title="x", tasks=[TaskSpec("x")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    submit(ticket, "notes", b"done", by=ada)
    tool.unlink()
    return ticket


def sweep() -> int:
    return Ticket.objects.advance_due(between=(0, 1 << 40))


def move_faults(ticket) -> list[str]:
    return list(
        Event.objects.filter(topic=ticket.topic, kind="ticket.move_failed").values_list("reason", flat=True)
    )


def test_a_move_that_cannot_be_made_says_why_and_what_helps(bereft, client, operator):
    SweepRun.note({})
    assert sweep() == 0

    told = Ticket.objects.explanation(bereft)
    [cause] = told["causes"]
    assert (told["waiting_on"], cause["code"], cause["who"]) == ("operator", "phase", "operator")
    assert (
        "it should move on from Make but cannot: phases.SHIP.tasks.0.profile: there is no profile tool"
        in cause["what"]
    )
    assert "Fix that" in cause["how"]
    assert cause["since"] is not None
    assert Ticket.objects.waits([bereft.pk]) == {bereft.pk: "operator"}
    store_waits()
    assert Ticket.objects.waiting_on("operator", limit=5) == ([bereft.pk], None)
    client.force_login(operator)
    assert "there is no profile tool" in client.get(f"/tickets/{bereft.key}/").content.decode()
    board = client.get(f"/board/?project={bereft.project.key}&view=attention").content.decode()
    assert "Cannot move on: phases.SHIP.tasks.0.profile: there is no profile tool" in board


def test_a_move_that_cannot_be_made_is_told_of_once_however_often_it_is_tried(bereft, caplog):
    sweep()
    before, events, logged = now(bereft), Event.objects.count(), len(caplog.records)

    sweep()
    Ticket.objects.advance_due([bereft.pk])

    assert (len(move_faults(bereft)), len(caplog.records), Event.objects.count()) == (1, logged, events)
    assert bereft.verdicts.count() == 1
    assert (now(bereft).version, now(bereft).move_fault_at) == (before.version, before.move_fault_at)


def test_a_move_is_made_as_soon_as_what_kept_it_is_mended(bereft, tool):
    sweep()
    tool.write_text("{kind: command, words: ['true']}")

    assert sweep() == 1

    assert (now(bereft).phase, now(bereft).move_fault, now(bereft).move_fault_at) == ("SHIP", "", None)
    assert bereft.tasks.get(phase="SHIP").profile == "tool"
    assert "cannot" not in str(Ticket.objects.explanation(bereft))


def test_another_fault_is_told_of_anew(bereft, tool):
    sweep()
    tool.write_text("{kind: command, words: ['true', {slot: where}], slots: {where: {}}}")

    sweep()

    assert [reason.partition(":")[0] for reason in move_faults(bereft)] == [
        "phases.SHIP.tasks.0.profile",
        "phases.SHIP.tasks.0.slots.where",
    ]


def test_a_ticket_that_cannot_move_on_stands_in_no_other_ones_way(bereft, made, ada, monkeypatch):
    submit(made, "notes", b"done", by=ada)
    monkeypatch.setattr(automation, "MOST", 1)
    sweep()

    assert (sweep(), now(made).phase, now(bereft).phase) == (1, "SHIP", "MAKE")


def test_a_ticket_that_is_not_due_any_more_says_nothing_of_the_move_it_could_not_make(bereft, operator, tool):
    sweep()
    Task.objects.add(bereft, [TaskSpec("one thing more")], by=operator)

    assert "cannot" not in str(Ticket.objects.explanation(bereft))
    assert not Ticket.objects.stalled().exists()


def test_a_ticket_that_keeps_failing_hides_no_later_one_that_can_move_again(bereft, made, ada, monkeypatch):
    """Where only one of those that failed is tried at once."""
    sweep()
    submit(made, "notes", b"done", by=ada)
    Ticket.objects.filter(pk=made.pk).update(move_fault="the disk was full")
    assert now(bereft).move_fault
    assert bereft.pk < made.pk
    monkeypatch.setattr(automation, "MOST_AGAIN", 1)

    assert any(sweep() for _ in range(50))

    assert now(made).phase == "SHIP"


def test_a_ticket_is_due_since_the_last_thing_that_made_it_so(made, ada, monkeypatch):
    """Here that is an artifact, long after its work was done."""
    submit(made, "notes", b"done", by=ada)
    sql.rows(
        "UPDATE tickets_task SET claimed_at = now() - interval '9 min', ended_at = now() - interval '8 min'"
    )
    sql.rows("UPDATE tickets_ticket SET updated_at = now() - interval '9 min'")
    monkeypatch.setattr(automation, "MOST", 0)

    assert Ticket.objects.advance_between(*automation.EVERY).since == made.artifacts.get().at
