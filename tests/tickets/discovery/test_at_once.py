"""Discoveries by several at once, and by a connection that is lost: all of a completion, or nothing."""

from __future__ import annotations

import pytest
from django.db import Error, transaction

from omoi_site.database import sql
from tests.support.concurrency import Act, meanwhile, race
from tests.tickets.discovery.conftest import complete_with
from tickets.models import AlreadyDecided, Discovery, Need, NewDiscovery, Outcome, Task, TaskSpec, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = (("bug", "Sums are wrong"), ("optimisation", "Cache it"), ("smell", "Old code"))


def test_the_same_completion_twice_at_once_makes_everything_once(mapped, ada):
    [claim] = Task.objects.claim(by=ada)

    [answers] = race(1, *[lambda _: complete_with(claim, *EVERY, by=ada)] * 2)

    assert sorted(answer.repeated for answer in answers) == [False, True]
    assert Discovery.objects.count() == 3
    assert (Task.objects.filter(kind="bug").count(), Ticket.objects.filter(parent=mapped).count()) == (1, 1)


def test_completions_of_one_ticket_at_once_neither_lose_nor_block_each_other(mapped, ada, bob, operator):
    Task.objects.add(mapped, [TaskSpec(f"more {n}") for n in range(9)], by=operator)
    claims = {agent: Task.objects.claim(by=agent, limit=5) for agent in (ada, bob)}

    answers = race(
        5,
        lambda turn: complete_with(claims[ada][turn], *EVERY, by=ada),
        lambda turn: complete_with(claims[bob][turn], *EVERY, by=bob),
        lambda turn: Task.objects.add(mapped, [TaskSpec(f"beside {turn}")], by=operator),
    )

    assert [answer for each in answers for answer in each if isinstance(answer, Exception)] == []
    assert Discovery.objects.count() == 30
    assert Ticket.objects.filter(parent=mapped).count() == 10


def test_two_people_who_decide_at_once_decide_once(mapped, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    complete_with(claim, ("smell", "Old code"), by=ada)
    found = Discovery.objects.get()

    with meanwhile(lambda: Discovery.objects.decide(found.pk, "ticket", by=operator)) as other:
        Discovery.objects.decide(found.pk, "task", by=operator)

    with pytest.raises(AlreadyDecided):
        other.answer()
    assert not Ticket.objects.filter(parent=mapped).exists()


@pytest.mark.parametrize(
    "first",
    [
        lambda project: Need.objects.lock_graph(project),
        lambda project: sql.rows("SELECT FROM agents_project WHERE id = %s FOR NO KEY UPDATE", [project]),
    ],
    ids=["the graph", "the project"],
)
@pytest.mark.parametrize("kind", ["completed", "failed"])
def test_the_graph_and_the_project_are_locked_before_the_ticket(mapped, ada, first, kind):
    """Whoever holds one of them may still want the ticket, as a new task with needs does."""
    [claim] = Task.objects.claim(by=ada)
    found = [NewDiscovery(*each) for each in EVERY] if kind == "completed" else []
    outcome = Outcome(claim.task, claim.fence, kind, error="broken", kind="validation", discoveries=found)
    other = Act(lambda: Task.objects.settle([outcome], by=ada))
    with transaction.atomic():
        first(mapped.project_id)
        other.start()
        assert other.waits()
        sql.rows("SELECT FROM tickets_ticket WHERE id = %s FOR NO KEY UPDATE NOWAIT", [mapped.pk])
    assert other.answer()[0].lost is None


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(mapped, ada):
    """It ends while it waits for the ticket. Sent again, it brings everything once."""
    [claim] = Task.objects.claim(by=ada)
    lost = Act(lambda: complete_with(claim, *EVERY, by=ada))
    with transaction.atomic():
        Ticket.lock_in_order([mapped.pk])
        lost.start()
        assert lost.waits()
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [lost.backend])

    with pytest.raises(Error):
        lost.answer()
    assert not Discovery.objects.exists()
    assert Task.objects.get(pk=claim.task).state == "claimed"
    assert complete_with(claim, *EVERY, by=ada).state == "completed"
    assert Discovery.objects.count() == 3
