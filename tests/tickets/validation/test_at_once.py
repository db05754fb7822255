"""Failed validations by several at once, and by a connection that is lost: all of one, or nothing."""

from __future__ import annotations

import pytest
from django.db import Error, transaction

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import fail
from tests.support.concurrency import Act, race
from tickets.models import Edge, Need, Outcome, Task, TaskSpec, Ticket, Validation
from tickets.models.task.recheck import WRONG_NEEDS

pytestmark = pytest.mark.django_db(transaction=True)


def report(claim, *, by):
    return fail(claim, by=by, error="broken", kind="validation")


def miscounted():
    return sql.rows(WRONG_NEEDS, {"after": 0, "upto": 2**62, "ids": None})


def test_failures_of_one_ticket_beside_edits_of_its_graph_neither_lose_nor_block_each_other(
    ticket, ada, bob, operator
):
    Task.objects.add(ticket, [TaskSpec(f"check {n}") for n in range(10)], by=operator)
    claims = {agent: Task.objects.claim(by=agent, limit=5) for agent in (ada, bob)}
    after = Task.objects.add(ticket, [TaskSpec(f"after {n}") for n in range(5)], by=operator)

    answers = race(
        5,
        lambda turn: report(claims[ada][turn], by=ada),
        lambda turn: report(claims[bob][turn], by=bob),
        lambda turn: Need.objects.add(
            ticket.project_id, [Edge(claims[ada][turn].task, after[turn].pk)], by=operator
        ),
        lambda turn: Ticket.objects.act(ticket.pk, "edit", by=operator, title=f"Title {turn}"),
    )

    assert [answer for each in answers for answer in each if isinstance(answer, Exception)] == []
    assert Validation.objects.exclude(fix=None).count() == 10
    assert Task.objects.filter(kind="fix").count() == 10
    assert miscounted() == []


def test_the_same_report_twice_at_once_makes_one_fix(task, ada):
    [claim] = Task.objects.claim(by=ada)

    [answers] = race(1, *[lambda _: report(claim, by=ada)] * 2)

    assert sorted(answer.repeated for answer in answers) == [False, True]
    assert (Validation.objects.count(), Task.objects.filter(kind="fix").count()) == (1, 1)


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(task, ticket, ada):
    """It ends while it waits for the ticket. Sent again, it makes one fix."""
    [claim] = Task.objects.claim(by=ada)
    lost = Act(lambda: report(claim, by=ada))
    with transaction.atomic():
        Ticket.lock_in_order([ticket.pk])
        lost.start()
        assert lost.waits()
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [lost.backend])

    with pytest.raises(Error):
        lost.answer()
    assert not Validation.objects.exists()
    assert Task.objects.get(pk=claim.task).state == "claimed"
    assert report(claim, by=ada).state == "pending"
    assert Task.objects.filter(kind="fix").count() == 1


def test_whoever_reports_may_have_the_fix_in_the_same_act(task, ada):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    [claim] = Task.objects.claim(by=ada)

    [settled], [after] = Task.objects.settle_and_claim(
        [Outcome(claim.task, claim.fence, "failed", error="broken", kind="validation")], by=ada
    )

    assert (settled.state, after.kind, after.title) == ("pending", "fix", "Fix: Write the endpoint")


def test_several_failures_in_one_settlement_have_a_fix_each(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec("one"), TaskSpec("two"), TaskSpec("three")], by=operator)
    claims = Task.objects.claim(by=ada, limit=3)
    kinds = ("validation", "transient", "validation")

    Task.objects.settle(
        [
            Outcome(claim.task, claim.fence, "failed", error="broken", kind=kind)
            for claim, kind in zip(claims, kinds, strict=True)
        ],
        by=ada,
    )

    made = Validation.objects.order_by("task").values_list("task__title", "fix__title")
    assert list(made) == [("one", "Fix: one"), ("three", "Fix: three")]
    assert Task.objects.get(title="two").not_due
