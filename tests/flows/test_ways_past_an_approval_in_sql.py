"""Many ways to bypass an approval with the application's own role in the database, none of which succeeds.

Each is an act in the ORM or in SQL, and the database refuses it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from agents.models import Member
from omoi_site.database import sql
from tests.factories import decide, seen, submit
from tests.support.approval_scene import ApprovalScene, approval_scene
from tickets.models import Approval, PhaseMove, Ticket, Verdict

pytestmark = pytest.mark.django_db(transaction=True)

# by a trigger, for lack of a privilege, or over what is not there any more
REFUSED = {"23001", "23514", "42501", "40001"}
WAYS: dict[str, Callable[[ApprovalScene], None]] = {}


def way(act: Callable[[ApprovalScene], None]) -> Callable[[ApprovalScene], None]:
    WAYS[act.__name__] = act
    return act


@way
def the_role_lost_after_the_verdict_in_sql(scene):
    """The guard of phases looks again when the move is committed."""
    decide(scene.ticket, "approve", by=scene.bea)
    verdict = scene.judge()
    Member.objects.filter(user=scene.bea).delete()
    here = Ticket.objects.get(pk=scene.ticket.pk)
    PhaseMove.objects.create(
        ticket=here, move=here.moves + 1, from_phase="WORK", to_phase="DONE", ground="verdict",
        by="user:mallory", verdict=verdict,
    )  # fmt: skip
    sql.rows("UPDATE tickets_ticket SET phase = 'DONE' WHERE id = %s", [here.pk])


@way
def a_verdict_whose_answers_say_that_it_is_approved(scene):
    scene.answer()


@way
def a_row_by_the_orm(scene):
    here = Ticket.objects.get(pk=scene.ticket.pk)
    Approval.objects.create(
        ticket=here, workflow=here.workflow, phase="WORK", move=here.moves, decision="approve",
        seen=seen(here), user=scene.bea, role="approver", self_approved=False, by="user:bea",
    )  # fmt: skip


@way
def a_refusal_turned_round(scene):
    decide(scene.ticket, "reject", by=scene.bea, reason="no")
    Approval.objects.update(decision="approve", reason="")


@way
def a_refusal_deleted(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    decide(scene.ticket, "reject", by=scene.operator, reason="no")
    Approval.objects.filter(decision="reject")._raw_delete("default")


@way
def a_copied_row_by_sql(scene):
    decide(scene.ticket, "approve", by=scene.bea)
    submit(scene.ticket, "notes", b"changed", by=scene.abe)
    sql.rows("INSERT INTO tickets_approval SELECT * FROM tickets_approval")


@way
def the_function_for_an_author(scene):
    scene.call(scene.abe.pk)


@way
def the_function_for_somebody_without_the_role(scene):
    scene.call(scene.person("olga", "operator").pk)


@way
def the_function_for_nobody(scene):
    scene.call(0)


@way
def the_function_for_somebody_deactivated(scene):
    scene.people.objects.filter(pk=scene.bea.pk).update(is_active=False)
    scene.call(scene.bea.pk)


@way
def the_function_for_evidence_of_before(scene):
    scene.call(scene.bea.pk, seen="0" * 64)


@way
def the_function_for_an_earlier_stay(scene):
    Ticket.objects.move(scene.ticket.pk, "BLOCKED", by=scene.operator, reason="wait", cause="environment")
    Ticket.objects.move(scene.ticket.pk, "WORK", by=scene.operator)
    scene.call(scene.bea.pk, move=0)


@way
def the_function_for_another_phase(scene):
    scene.call(scene.bea.pk, phase="REVIEW")


@way
def the_function_for_a_decision_of_its_own(scene):
    scene.call(scene.bea.pk, decision="approved")


@way
def an_event_that_tells_of_an_approval(scene):
    scene.ticket.record("approval.given", by="user:bea", data={"approval": 1})


@way
def the_rule_taken_out_of_the_phase(scene):
    sql.rows("UPDATE tickets_workflowphase SET approvals = NULL, gated = false")


@way
def by_the_author_under_another_name(scene):
    scene.people.objects.filter(pk=scene.abe.pk).update(username="someone")


@pytest.fixture
def scene(project, operator, ada, django_user_model):
    return approval_scene(project, operator, ada, django_user_model)


@pytest.mark.parametrize("name", WAYS)
def test_the_database_refuses_each_way_past_the_approval(scene, name):
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        WAYS[name](scene)

    assert refused.value.__cause__.sqlstate in REFUSED
    assert Ticket.objects.get(pk=scene.ticket.pk).phase == "WORK"
    assert not scene.ticket.history.filter(to_phase="DONE").exists()


def test_the_functions_do_what_is_true(scene):
    """So the tries above fail for their reason."""
    scene.call(scene.bea.pk)
    scene.answer()
    assert (Approval.objects.get().by, Verdict.objects.get().passed) == ("user:bea", True)
