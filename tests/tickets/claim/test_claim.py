"""Claims: granted once, fenced, ended by their holder or by time."""

from __future__ import annotations

import pytest

from tests.factories import complete, fail, holder_of, lapse
from tickets.models import CapacityFull, ClaimLost, Edge, Need, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def test_a_ready_task_is_claimed_once(task, ada, bob):
    [claim] = Task.objects.claim(by=ada)

    assert (claim.task, claim.fence, claim.attempt) == (task.pk, 1, 1)
    assert Task.objects.claim(by=bob) == []
    assert holder_of(task) == ada


def test_a_lapsed_claim_cannot_be_completed(task, ada, bob):
    [old] = Task.objects.claim(by=ada)
    lapse(old)
    [new] = Task.objects.claim(by=bob)

    with pytest.raises(ClaimLost):
        complete(old, by=ada)

    assert holder_of(task) == bob
    assert new.fence > old.fence


def test_a_repeated_completion_is_answered_alike(task, ada):
    [claim] = Task.objects.claim(by=ada)
    assert complete(claim, by=ada).state == "completed"
    assert complete(claim, by=ada).state == "completed"
    with pytest.raises(ClaimLost):
        fail(claim, by=ada)


def test_capacity_is_counted_from_claims(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(9)], by=operator)

    assert len(Task.objects.claim(by=ada, limit=9)) == 5
    with pytest.raises(CapacityFull):
        Task.objects.claim(by=ada)


def test_a_failed_attempt_sleeps_and_the_last_one_ends(task, ada):
    [first] = Task.objects.claim(by=ada)
    assert fail(first, by=ada).state == "pending"
    assert Task.objects.claim(by=ada) == []  # not yet due
    for _ in range(2):
        Task.objects.filter(pk=task.pk).update(not_before="2020-01-01T00:00Z")
        [claim] = Task.objects.claim(by=ada)
        settled = fail(claim, by=ada)
    assert settled.state == "failed"


def test_a_child_is_ready_when_what_it_needs_is_completed(task, ticket, ada, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("Document it")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(task.pk, child.pk)], by=operator)
    [claim] = Task.objects.claim(by=ada, limit=5)
    assert claim.task == task.pk

    complete(claim, by=ada)

    assert [claim.task for claim in Task.objects.claim(by=ada)] == [child.pk]


def test_a_released_claim_costs_no_attempt(task, ada, bob):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.release(claim.task, claim.fence, by=ada)
    [again] = Task.objects.claim(by=bob)
    assert (again.attempt, again.fence) == (1, 2)


def test_claiming_and_completing_moves_a_simple_ticket(project, ada, operator):
    ticket = Ticket.objects.open(project, TicketSpec("Fix it", tasks=[TaskSpec("Fix it")]), by=operator)
    assert ticket.phase == "TODO"
    [claim] = Task.objects.claim(by=ada)
    Ticket.objects.advance_due([ticket.pk])
    assert Ticket.objects.get(pk=ticket.pk).phase == "DOING"
    complete(claim, by=ada)
    Ticket.objects.advance_due()
    assert Ticket.objects.get(pk=ticket.pk).phase == "DONE"


def test_a_claim_tells_its_slots_inputs_and_context_as_they_are(task, ticket, ada, operator):
    Ticket.objects.filter(pk=ticket.pk).update(context={"branch": "main"})
    [child] = Task.objects.add(ticket, [TaskSpec("Say it", needs=[NeedSpec(task.pk)])], by=operator)
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada, result={"commit": "abc"})

    [claim] = Task.objects.claim(by=ada)

    assert claim.task == child.pk
    assert claim.slots == {}
    assert claim.brief["context"] == {"branch": "main"}
    assert claim.brief["inputs"][0]["result"] == {"commit": "abc"}


def test_an_agent_that_was_away_is_not_full_of_what_it_lost(ticket, ada, operator):
    """No sweep has run: its old claims are over all the same."""
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(6)], by=operator)
    held = Task.objects.claim(by=ada, limit=5)
    Task.objects.filter(pk__in=[claim.task for claim in held]).update(lease_expires_at="2020-01-01T00:00Z")

    assert len(Task.objects.claim(by=ada, limit=5)) == 5


def test_a_miss_wakes_what_is_due_also_when_something_lapsed(ticket, ada, bob, operator):
    lapsing, due = Task.objects.add(
        ticket, [TaskSpec("Lapses for good", max_attempts=1), TaskSpec("Is due")], by=operator
    )
    Task.objects.filter(pk=due.pk).update(not_due=True, not_before="2020-01-01T00:00Z")
    [claim] = Task.objects.claim(by=ada)
    assert claim.task == lapsing.pk
    Task.objects.filter(pk=lapsing.pk).update(lease_expires_at="2020-01-01T00:00Z")

    assert [claim.task for claim in Task.objects.claim(by=bob)] == [due.pk]
