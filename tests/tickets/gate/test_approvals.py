"""People approve what a ticket shows. An approval counts while the evidence, the person's role and the phase
are the same, and no author approves where somebody else could.
"""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Event, Member
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from omoi_site.errors import Forbidden, Invalid
from tests.factories import allow_workflow, asks_for_approvals, complete, decide, seen, submit
from tests.support.api_client import api_of
from tickets.models import Approval, GateClosed, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.gate.approval import AuthorBarred, EvidenceChanged, NoApprovalNeeded
from tickets.models.gate.approval_state import states
from tickets.models.gate.status import gate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(project, django_user_model):
    def member(name: str, role: str = "approver") -> Any:
        user = django_user_model.objects.create_user(name)
        Member.objects.create(project=project, user=user, role=role)
        return user

    return member


@pytest.fixture
def reviewed(project, operator, ada):
    """A ticket in a phase that asks for one approval, with an artifact of ada's, whom the operator owns."""
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=asks_for_approvals(project)), by=operator
    )
    submit(ticket, "notes", b"done", by=ada)
    return Ticket.objects.get(pk=ticket.pk)


def approve(ticket: Ticket, by: Any) -> Approval:
    return decide(ticket, "approve", by=by)


def state_of(approval: Approval) -> str:
    ticket = Ticket.objects.get(pk=approval.ticket_id)
    return states(ticket.pk, ticket.phase)[approval.pk]


def move_on(ticket: Ticket, by: Any) -> str:
    Ticket.objects.move(ticket.pk, "DONE", by=by)
    return Ticket.objects.get(pk=ticket.pk).phase


def test_a_ticket_goes_on_when_enough_people_approved(reviewed, operator, person):
    with pytest.raises(GateClosed) as refusal:
        move_on(reviewed, operator)
    [unmet] = refusal.value.more["unmet"]
    assert (unmet["check"], unmet["code"], unmet["need"], unmet["got"]) == (
        "approvals",
        "approvals_missing",
        1,
        0,
    )

    approval = approve(reviewed, person("bea"))

    assert (approval.by, approval.role, approval.self_approved, state_of(approval)) == (
        "user:bea",
        "approver",
        False,
        "counts",
    )
    assert move_on(reviewed, operator) == "DONE"
    assert state_of(approval) == "moved"
    event = Event.objects.get(kind="approval.given")
    assert (event.actor, event.topic, event.data["approval"]) == ("user:bea", reviewed.topic, approval.pk)


@pytest.mark.parametrize(
    ("role", "asked", "may"),
    [
        ("approver", "approver", True),
        ("admin", "approver", True),
        ("admin", "admin", True),
        ("approver", "admin", False),
        ("operator", "approver", False),
        ("viewer", "approver", False),
    ],
)
def test_the_role_in_the_project_decides_who_may(project, operator, person, role, asked, may):
    workflow = asks_for_approvals(project, role=asked)
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    by = person("bea", role)

    if may:
        assert approve(ticket, by).role == role
    else:
        with pytest.raises(Forbidden):
            approve(ticket, by)
        refused = Event.objects.get(kind="approval.refused")
        assert (refused.actor, refused.data["code"]) == ("user:bea", "forbidden")
        assert not Approval.objects.exists()


def test_an_agent_does_not_approve(reviewed, ada):
    ada.key_scopes = frozenset({"work", "gates:decide"})

    with pytest.raises(Forbidden, match="given by people"):
        approve(reviewed, ada)


def test_changed_evidence_voids_approvals_and_an_old_digest_is_refused(reviewed, operator, person, ada):
    bea = person("bea")
    old, approval = seen(reviewed), approve(reviewed, bea)

    submit(reviewed, "notes", b"done otherwise", by=ada)

    assert state_of(approval) == "evidence_changed"
    with pytest.raises(GateClosed):
        move_on(reviewed, operator)
    with pytest.raises(EvidenceChanged):
        Approval.objects.decide(reviewed.pk, "approve", by=bea, seen=old)
    answer = api_of(bea).post(f"/tickets/{reviewed.key}/approvals", {"decision": "approve", "seen": old})
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert answer.json()["evidence"] == seen(reviewed)
    assert Event.objects.filter(kind="approval.refused").count() == 2


@pytest.mark.parametrize(
    "change",
    [{"title": "Pay twice"}, {"description": "To everybody"}, {"acceptance": ["Somebody is paid"]}],
    ids=["title", "description", "acceptance"],
)
def test_an_approval_is_of_the_text_that_was_read_and_never_of_another(reviewed, operator, person, change):
    bea = person("bea")
    stale, old, approval = Ticket.objects.get(pk=reviewed.pk), seen(reviewed), approve(reviewed, bea)
    verdict = Ticket.objects.judge(pk=reviewed.pk, by=operator)
    assert verdict.passed
    former = {"title": reviewed.title, "description": "", "acceptance": []}

    Ticket.objects.act(reviewed.pk, "edit", by=operator, **change)
    assert gate(stale).evidence != seen(reviewed)  # a page that was read before does not name what is new
    with pytest.raises(EvidenceChanged):
        Approval.objects.decide(reviewed.pk, "approve", by=bea, seen=old)
    Ticket.objects.act(reviewed.pk, "edit", by=operator, **{name: former[name] for name in change})

    assert state_of(approval) == "evidence_changed"
    assert not verdict.holds_for(Ticket.objects.get(pk=reviewed.pk))
    with pytest.raises(GateClosed):
        move_on(reviewed, operator)


def test_an_artifact_that_was_replaced_and_comes_back_is_approved_anew(reviewed, operator, person, ada):
    approval = approve(reviewed, person("bea"))

    submit(reviewed, "notes", b"done otherwise", by=ada)
    submit(reviewed, "notes", b"done", by=ada)

    assert state_of(approval) == "evidence_changed"
    with pytest.raises(GateClosed):
        move_on(reviewed, operator)


@pytest.mark.parametrize(
    ("decision", "code", "kind"),
    [
        ("reject", "rejected", "approval.rejected"),
        ("request_changes", "changes_requested", "approval.changes_requested"),
    ],
)
def test_a_refusal_voids_earlier_approvals_and_says_why(reviewed, operator, person, decision, code, kind):
    bea, cem = person("bea"), person("cem")
    approval = approve(reviewed, bea)
    with pytest.raises(Invalid, match="say why"):
        decide(reviewed, decision, by=cem, reason=" \u200b ")

    refusal = decide(reviewed, decision, by=cem, reason="No tests")

    assert (state_of(approval), state_of(refusal)) == ("overruled", "stands")
    with pytest.raises(GateClosed) as closed:
        move_on(reviewed, operator)
    [unmet] = closed.value.more["unmet"]
    assert unmet["code"] == code
    assert "user:cem says: No tests" in unmet["how"]
    assert Event.objects.get(kind=kind).reason == "No tests"
    assert state_of(approve(reviewed, bea)) == "counts"  # looked at again, after the refusal
    assert move_on(reviewed, operator) == "DONE"


def test_one_person_counts_once(project, operator, person):
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=asks_for_approvals(project, count=2)), by=operator
    )
    bea = person("bea")

    assert approve(ticket, bea).pk == approve(ticket, bea).pk
    with pytest.raises(GateClosed):
        move_on(ticket, operator)
    approve(ticket, person("cem"))
    assert move_on(ticket, operator) == "DONE"


def test_an_approval_expires(project, operator, person):
    workflow = asks_for_approvals(project, expires_s=3600)
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    approval = approve(ticket, person("bea"))
    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)
    assert (verdict.passed, verdict.holds_for(ticket)) == (True, True)

    with as_owner():
        sql.rows("ALTER TABLE tickets_approval DISABLE TRIGGER decision_never_changes")
        sql.rows("UPDATE tickets_approval SET expires_at = now() WHERE id = %s", [approval.pk])
        sql.rows("ALTER TABLE tickets_approval ENABLE ALWAYS TRIGGER decision_never_changes")

    assert state_of(approval) == "expired"
    assert not verdict.holds_for(ticket)
    with pytest.raises(GateClosed):
        move_on(ticket, operator)


def test_without_a_rule_there_is_nothing_to_approve(ticket, operator):
    with pytest.raises(NoApprovalNeeded):
        approve(ticket, operator)


# -- authors


def test_who_handed_it_in_does_not_approve_where_somebody_else_could(reviewed, operator, person):
    bea = person("bea")
    submit(reviewed, "notes", b"by bea", by=bea)

    with pytest.raises(AuthorBarred):
        approve(reviewed, bea)
    assert not approve(reviewed, person("cem")).self_approved


def test_the_owner_of_the_agent_that_did_it_is_an_author(reviewed, operator, person):
    """ada, whose notes these are, belongs to the operator."""
    person("bea")

    with pytest.raises(AuthorBarred):
        approve(reviewed, operator)


def test_the_owner_of_the_agent_that_completed_a_task_is_an_author(project, operator, person, ada):
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=asks_for_approvals(project)), by=operator
    )
    Task.objects.add(ticket, [TaskSpec("Do it")], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    person("bea")

    with pytest.raises(AuthorBarred):
        approve(ticket, operator)


def test_an_author_whom_nobody_could_replace_approves_and_it_is_marked_for_ever(reviewed, operator, person):
    approval = approve(reviewed, operator)
    assert (approval.self_approved, state_of(approval)) == (True, "counts")
    assert Event.objects.get(kind="approval.given").data["self_approved"] is True

    person("bea")

    assert state_of(approval) == "author"
    with pytest.raises(GateClosed):
        move_on(reviewed, operator)


def test_where_self_is_never_an_author_does_not_even_approve_alone(project, operator):
    workflow = asks_for_approvals(project, self="never")
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    submit(ticket, "notes", b"mine", by=operator)

    with pytest.raises(AuthorBarred):
        approve(ticket, operator)
    with pytest.raises(GateClosed) as closed:
        move_on(ticket, operator)
    assert "nobody could" in closed.value.more["unmet"][0]["how"]


# -- what happens after the approval


def lose_the_role(person: Any) -> None:
    Member.objects.filter(user=person).update(role="operator")


def leave(person: Any) -> None:
    Member.objects.filter(user=person).delete()


def be_deactivated(person: Any) -> None:
    type(person).objects.filter(pk=person.pk).update(is_active=False)


@pytest.mark.parametrize("change", [lose_the_role, leave, be_deactivated])
def test_whoever_lost_the_role_counts_no_more_also_after_the_verdict(reviewed, operator, person, change):
    bea = person("bea")
    approval = approve(reviewed, bea)
    verdict = Ticket.objects.judge(pk=reviewed.pk, by=operator)
    assert verdict.passed

    change(bea)

    assert state_of(approval) == "role_lost"
    with pytest.raises(GateClosed), Ticket.objects.locked(pk=reviewed.pk) as ticket:
        ticket.advance(by=operator, verdict=verdict)


def test_an_approval_of_an_earlier_stay_does_not_count(reviewed, operator, person):
    approval = approve(reviewed, person("bea"))
    Ticket.objects.move(reviewed.pk, "BLOCKED", by=operator, reason="waits", cause="clarification")
    assert state_of(approval) == "moved"
    Ticket.objects.move(reviewed.pk, "WORK", by=operator)

    assert state_of(approval) == "moved"
    with pytest.raises(GateClosed):
        move_on(reviewed, operator)


# -- who it waits for, and what happens by itself


def causes(ticket: Ticket) -> list[tuple[str, str, str]]:
    explained = Ticket.objects.explanation(ticket)["causes"]
    return [(cause["code"], cause["who"], cause["what"]) for cause in explained]


def test_a_ticket_that_waits_for_approval_says_so(reviewed, person):
    waits = ("approval", "approver", "it waits for an approver to approve it")
    assert causes(reviewed) == [waits]
    assert list(Ticket.objects.awaiting_approval()) == [reviewed]

    decide(reviewed, "request_changes", by=person("bea"), reason="Say why")

    assert causes(reviewed) == [("approval", "operator", "bea requested changes: Say why")]
    assert not Ticket.objects.awaiting_approval()


def test_a_ticket_whose_work_is_not_done_waits_for_nobody_to_approve(reviewed, operator):
    Task.objects.add(reviewed, [TaskSpec("Do it")], by=operator)

    assert not Ticket.objects.awaiting_approval()
    assert "approval" not in {code for code, *_ in causes(reviewed)}


@pytest.fixture
def repaired(project):
    """A workflow that goes on by itself, and adds a task when its gate refuses what was done."""
    work = {
        "name": "WORK",
        "to": ["DONE"],
        "automatic": "on_completion",
        "gate": [{"check": "tasks_completed"}],
        "approvals": {"count": 1, "role": "approver"},
        "on_failure": {"tasks": [{"title": "Repair it"}]},
    }
    document = {"name": "repaired", "phases": [work, {"name": "DONE", "to": []}]}
    return allow_workflow(project, Workflow.objects.install(document))


def test_an_automatic_phase_goes_on_when_it_is_approved(project, operator, person, ada, repaired):
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=repaired, tasks=[TaskSpec("Do it")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert Ticket.objects.advance_due() == 0  # judged: only the approval is missing
    assert causes(ticket)[0][:2] == ("approval", "approver")
    assert ticket.tasks.count() == 1

    approve(ticket, person("bea"))

    assert Ticket.objects.advance_due() == 1
    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"


def test_a_refusal_adds_the_tasks_that_repair_it_and_waiting_does_not(
    project, operator, person, ada, repaired
):
    ticket = Ticket.objects.open(
        project, TicketSpec("Pay", workflow=repaired, tasks=[TaskSpec("Do it")]), by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    Ticket.objects.advance_due()

    decide(ticket, "request_changes", by=person("bea"), reason="Say why")

    assert Ticket.objects.advance_due() == 0
    assert list(ticket.tasks.filter(state="pending").values_list("title", flat=True)) == ["Repair it"]


def test_where_the_only_work_is_to_approve_the_ticket_goes_on_by_itself(project, operator, person):
    phases = [
        {
            "name": "REVIEW",
            "to": ["DONE"],
            "automatic": "on_completion",
            "approvals": {"count": 1, "role": "approver"},
        },
        {"name": "DONE", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "look", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by=operator)
    assert Ticket.objects.advance_due() == 0

    approve(ticket, person("bea"))

    assert Ticket.objects.advance_due() == 1
    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"


def test_the_same_words_twice_are_one_decision_and_others_are_another(reviewed, person):
    bea = person("bea")
    once = decide(reviewed, "request_changes", by=bea, reason="Name the limits")

    assert decide(reviewed, "request_changes", by=bea, reason="Name the limits") == once
    assert decide(reviewed, "request_changes", by=bea, reason="Name the units") != once
    assert decide(reviewed, "reject", by=bea, reason="Name the limits") != once
    assert (
        decide(reviewed, "request_changes", by=bea, reason="Name the limits") != once
    )  # the last was another
    assert reviewed.approvals.count() == 4
