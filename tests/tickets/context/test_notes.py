"""Notes of a phase: who may add and withdraw them, what they change, and what is refused."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from agents.models import Event, Member
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, NotFound
from omoi_site.redaction import REDACTED
from tests.factories import complete, lapse
from tests.support.concurrency import race
from tickets.models import ClaimLost, ContextNote, PhaseContext, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.context import note as notes

pytestmark = pytest.mark.django_db


def add(ticket, *decisions, by, phase="", **how):
    return ContextNote.objects.add(ticket, phase, {"decision": decisions}, by=by, **how)


def brief(ticket):
    return Ticket.objects.values_list("context", flat=True).get(pk=ticket.pk)


def texts(items):
    return [item["text"] for item in items]


def test_a_note_of_the_phase_of_the_work_is_in_the_next_claim(ticket, task, operator, ada):
    add(ticket, "Keep keys", by=operator)

    [claim] = Task.objects.claim(by=ada)

    assert claim.brief["context"] == brief(ticket)
    assert texts(claim.brief["context"]["current"]["decisions"]) == ["Keep keys"]
    assert not PhaseContext.objects.exists()  # the phase was not left


def test_a_note_of_a_phase_that_was_left_makes_a_version(ticket, operator):
    [kept] = add(ticket, "Keep keys", by=operator, phase="TODO")
    assert texts(brief(ticket)["phases"]["TODO"]["decisions"]) == ["Keep keys"]

    ContextNote.objects.withdraw(ticket, kept.pk, by=operator, reason="never agreed")

    assert [
        (version.number, version.why, texts(version.content["decisions"]))
        for version in PhaseContext.objects.filter(phase="TODO")
    ] == [(1, "noted", ["Keep keys"]), (2, "withdrawn", [])]
    assert brief(ticket) == {}
    kept.refresh_from_db()
    assert (kept.withdrawn_by, kept.withdrawn_reason) == ("user:admin", "never agreed")


def test_a_note_for_a_later_phase_waits_for_it(project, ticket, operator):
    add(ticket, "Announce it", by=operator, phase="DONE")

    assert brief(ticket) == {}
    Ticket.objects.move(ticket.pk, "DONE", by=operator)
    assert texts(brief(ticket)["current"]["decisions"]) == ["Announce it"]


def test_the_same_text_again_is_the_same_note(ticket, operator):
    first = add(ticket, "Keep keys", by=operator)
    again = add(ticket, " Keep keys\r\n", "Keep keys", by=operator)

    assert {note.pk for note in again} == {first[0].pk}
    assert Event.objects.filter(kind="context.noted").count() == 1


def test_a_note_loses_its_secrets(ticket, operator):
    [kept] = add(ticket, "Use ghp_" + "a1B2" * 9, by=operator)

    assert kept.text == f"Use {REDACTED}"
    assert "ghp_" not in str(Event.objects.get(kind="context.noted").data)


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\u3164\u00ad", "x" * 2_001])
def test_an_empty_or_long_text_is_refused(ticket, operator, text):
    with pytest.raises(Invalid):
        add(ticket, "good", text, by=operator)
    assert not ContextNote.objects.exists()


def test_nothing_many_and_an_unknown_phase_are_refused(ticket, operator):
    with pytest.raises(Invalid, match="write a decision"):
        add(ticket, by=operator)
    with pytest.raises(Invalid, match="at most 100"):
        add(ticket, *[str(n) for n in range(101)], by=operator)
    with pytest.raises(Invalid, match="NOWHERE is not a phase"):
        add(ticket, "x", by=operator, phase="NOWHERE")


def test_a_phase_has_a_bounded_number_of_notes(ticket, operator, monkeypatch):
    monkeypatch.setattr(notes, "STANDING", 3)
    first, *_ = add(ticket, "a", "b", "c", by=operator)
    with pytest.raises(notes.TooManyNotes, match="can have 3 notes"):
        add(ticket, "d", by=operator)

    ContextNote.objects.withdraw(ticket, first.pk, by=operator)

    assert add(ticket, "d", by=operator)


# -- rights


def test_an_agent_adds_under_its_claim_alone(ticket, task, operator, ada, bob):
    ada.key_scopes = bob.key_scopes = frozenset({"work"})
    [claim] = Task.objects.claim(by=ada)

    [kept] = add(ticket, "Keep keys", by=ada, claim=(claim.task, claim.fence))

    assert (kept.by, kept.task_id) == ("agent:ada", claim.task)
    with pytest.raises(Forbidden):
        add(ticket, "x", by=ada)
    for who, fence in ((bob, claim.fence), (ada, claim.fence + 1)):
        with pytest.raises(ClaimLost):
            add(ticket, "x", by=who, claim=(claim.task, fence))
    lapse(claim)
    with pytest.raises(ClaimLost):
        add(ticket, "x", by=ada, claim=(claim.task, claim.fence))
    assert ContextNote.objects.count() == 1


def test_a_claim_of_another_ticket_is_no_right_here(project, ticket, task, operator, ada):
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    [claim] = Task.objects.claim(by=ada)

    with pytest.raises(ClaimLost):
        add(other, "x", by=ada, claim=(claim.task, claim.fence))


def test_one_who_only_looks_adds_and_withdraws_nothing(project, ticket, operator, django_user_model):
    vera = django_user_model.objects.create_user("vera")
    Member.objects.create(project=project, user=vera, role="viewer")
    [kept] = add(ticket, "Keep keys", by=operator)

    with pytest.raises(Forbidden):
        add(ticket, "x", by=vera)
    with pytest.raises(Forbidden):
        ContextNote.objects.withdraw(ticket, kept.pk, by=vera)


def test_a_note_is_withdrawn_once_and_only_on_its_ticket(project, ticket, operator):
    [kept] = add(ticket, "Keep keys", by=operator)
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    with pytest.raises(NotFound):
        ContextNote.objects.withdraw(other, kept.pk, by=operator)
    ContextNote.objects.withdraw(ticket, kept.pk, by=operator, reason="first")

    again = ContextNote.objects.withdraw(ticket, kept.pk, by=operator, reason="second")

    assert again.withdrawn_reason == "first"
    assert Event.objects.filter(kind="context.note_withdrawn").count() == 1
    assert add(ticket, "Keep keys", by=operator)[0].pk != kept.pk  # it may stand again


# -- what the database promises


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tickets_contextnote SET text = 'other'",
        "UPDATE tickets_contextnote SET phase = 'DONE', withdrawn_at = now()",
        "UPDATE tickets_contextnote SET task_id = NULL, by = 'x', withdrawn_at = now()",
        "DELETE FROM tickets_contextnote",
        "INSERT INTO tickets_contextnote"
        " (ticket_id, phase, kind, text, by, key, withdrawn_by, withdrawn_reason)"
        " SELECT ticket_id, phase, kind, text, by, key, '', '' FROM tickets_contextnote",
        "UPDATE tickets_phasecontext SET content = '{}'",
        "DELETE FROM tickets_phasecontext",
        "INSERT INTO tickets_phasecontext (ticket_id, phase, number, content, hash, size, why, move, by, key)"
        " SELECT ticket_id, phase, number + 2, content, hash, size, why, move, by, key"
        " FROM tickets_phasecontext",
        "INSERT INTO tickets_phasecontext (ticket_id, phase, number, content, hash, size, why, move, by, key)"
        " SELECT ticket_id, phase, number, content, hash, size, why, move, by, key FROM tickets_phasecontext",
    ],
)
def test_what_was_kept_cannot_be_changed(ticket, operator, change):
    add(ticket, "Keep keys", by=operator, phase="TODO")

    with (
        pytest.raises(DatabaseError, match=r"never changes|append-only|denied|unique|follows"),
        transaction.atomic(),
    ):
        sql.rows(change)


@pytest.mark.django_db(transaction=True)
def test_two_who_add_at_the_same_time_lose_nothing(project, operator, ada):
    """To two phases that were left, and the same text twice: each note stands once, versions have no gap."""
    ticket = Ticket.objects.open(project, TicketSpec("Race"), by=operator)
    for to in ("DOING", "DONE"):
        Ticket.objects.move(ticket.pk, to, by=operator, force=True, reason="it has to go on")

    answers = race(
        8,
        lambda turn: add(ticket, f"todo {turn}", f"both {turn}", by=operator, phase="TODO"),
        lambda turn: add(ticket, f"doing {turn}", by=operator, phase="DOING"),
        lambda turn: add(ticket, f"both {turn}", by=operator, phase="TODO"),
    )

    assert not [answer for turn in answers for answer in turn if isinstance(answer, Exception)]
    assert ContextNote.objects.count() == 24
    for phase, count in (("TODO", 16), ("DOING", 8)):
        versions = list(PhaseContext.objects.filter(phase=phase))
        assert [version.number for version in versions] == list(range(1, len(versions) + 1))
        assert len(versions[-1].content["decisions"]) == count
    now = brief(ticket)["phases"]
    assert (len(now["TODO"]["decisions"]), len(now["DOING"]["decisions"])) == (16, 8)


@pytest.mark.django_db(transaction=True)
def test_a_move_and_a_note_at_the_same_time_both_count(project, operator):
    for turn in range(5):
        ticket = Ticket.objects.open(project, TicketSpec(f"Race {turn}"), by=operator)
        [[moved, added]] = race(
            1,
            lambda _, pk=ticket.pk: Ticket.objects.move(
                pk, "DOING", by=operator, force=True, reason="it has to go on"
            ),
            lambda _, ticket=ticket: add(ticket, "Keep keys", by=operator, phase="TODO"),
        )
        assert not isinstance(moved, Exception), moved
        assert not isinstance(added, Exception), added
        assert texts(brief(ticket)["phases"]["TODO"]["decisions"]) == ["Keep keys"]


def test_the_constraint_alone_refuses_the_same_note_twice(ticket, operator):
    add(ticket, "Keep keys", by=operator)
    with pytest.raises(IntegrityError), transaction.atomic():
        ContextNote.objects.create(
            ticket=ticket, phase=ticket.phase, kind="decision", text="Keep keys", by="x"
        )


def test_what_a_task_reported_and_somebody_noted_stand_side_by_side(ticket, task, operator, ada):
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada, result={"context": {"risks": "Old clients"}})
    ContextNote.objects.add(ticket, "", {"risk": ["New clients"]}, by=operator)
    Task.objects.add(ticket, [TaskSpec("Other")], by=operator)

    Ticket.objects.move(ticket.pk, "TODO", by=operator, reason="think again")

    assert texts(PhaseContext.objects.get(phase="DOING").content["risks"]) == ["Old clients", "New clients"]
