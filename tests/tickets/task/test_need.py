"""Needs: what a task waits for, decided when its parents end and taken back when they are tried again."""

from __future__ import annotations

import pytest

from bench.claim import measure
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tickets.models import Cycle, Edge, Need, NotReady, Task, TaskSpec, Ticket, TicketSpec
from tickets.models.task.open_needs import RECOUNT
from tickets.models.task.rank import ENOUGH
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def add(ticket, operator):
    """Tasks of `ticket` by title; what they need is named by title too."""

    def added(*titles, needs=(), **more):
        known = {task.title: task.pk for task in ticket.tasks.all()}
        wanted = [NeedSpec(known[need]) if isinstance(need, str) else need for need in needs]
        tasks = Task.objects.add(
            ticket, [TaskSpec(title, needs=wanted, **more) for title in titles], by=operator
        )
        return tasks if len(tasks) > 1 else tasks[0]

    return added


def end_badly(task, by):
    Task.objects.filter(pk=task.pk).update(max_attempts=1)
    claim = next(claim for claim in Task.objects.claim(by=by, limit=5) if claim.task == task.pk)
    assert fail(claim, by=by).state == "failed"


def now(task):
    return Task.objects.get(pk=task.pk)


def test_any_of_its_needs_is_enough_where_the_join_says_so(add, ada):
    add("first", "second")
    child = add("either", needs=["first", "second"], join=1)
    one, _ = Task.objects.claim(by=ada, limit=5)

    complete(one, by=ada)

    assert [claim.task for claim in Task.objects.claim(by=ada, limit=5)] == [child.pk]


def test_a_need_for_a_failure_is_met_by_one(add, ada):
    parent = add("risky")
    child = add("clean up", needs=[NeedSpec(parent.pk, when="failure")])
    end_badly(parent, ada)
    assert now(child).is_ready


@pytest.mark.parametrize(
    ("policy", "state", "unsatisfiable"),
    [("hold", "pending", True), ("cancel", "cancelled", True), ("continue", "pending", False)],
)
def test_a_failed_need_holds_cancels_or_is_passed_over(add, ada, policy, state, unsatisfiable):
    parent = add("risky")
    child = add("then", needs=[NeedSpec(parent.pk, on_failure=policy)])
    grandchild = add("last", needs=[NeedSpec(child.pk, on_failure=policy)])

    end_badly(parent, ada)

    child, grandchild = now(child), now(grandchild)
    assert (child.state, child.unsatisfiable) == (state, unsatisfiable)
    assert child.is_ready == (policy == "continue")
    assert grandchild.state == ("cancelled" if policy == "cancel" else "pending")


@pytest.mark.parametrize(
    ("policy", "state"), [("hold", "pending"), ("cancel", "cancelled"), ("continue", "pending")]
)
def test_a_need_of_a_task_that_has_failed_already_is_decided_at_once(add, ada, policy, state):
    parent = add("risky")
    end_badly(parent, ada)

    child = now(add("then", needs=[NeedSpec(parent.pk, on_failure=policy)]))

    assert (child.state, child.is_ready) == (state, policy == "continue")


def test_a_retry_takes_back_what_the_end_decided_for_pending_children_alone(add, ada, bob, operator):
    parent = add("risky")
    waits = add("held", needs=[NeedSpec(parent.pk)])
    gone = add("cancelled by it", needs=[NeedSpec(parent.pk, on_failure="cancel")])
    free = add("passed over", needs=[NeedSpec(parent.pk, on_failure="continue")])
    begun = add("begun", needs=[NeedSpec(parent.pk, when="failure")], priority=0)
    end_badly(parent, ada)
    [claim] = Task.objects.claim(by=bob)
    assert (claim.task, now(waits).unsatisfiable, now(free).is_ready) == (begun.pk, True, True)

    assert Task.objects.filter(pk=parent.pk).retry(by=operator, reason="the disk was full") == [parent.pk]

    assert (now(waits).unsatisfiable, now(waits).open_needs, now(waits).edges_left) == (False, 1, 1)
    assert (now(free).is_ready, now(free).open_needs) == (False, 1)
    assert now(gone).state == "cancelled"
    assert complete(claim, by=bob).state == "completed"
    assert now(parent).is_ready
    assert now(parent).attempts == 0


@pytest.fixture
def held_by_bob(add, ada, bob):
    """A task that needs the failure of another and one of two, and is claimed by bob since it has those."""
    parents = add("risky", "other")
    child = add("clean up", needs=[NeedSpec(parents[0].pk, when="failure"), "other"], join=1, priority=0)
    end_badly(parents[0], ada)
    [claim] = Task.objects.claim(by=bob)
    return parents, child, claim


@pytest.mark.parametrize("back", ["released", "failed", "revoked", "lapsed"])
def test_a_claimed_task_waits_again_for_a_parent_that_was_retried(held_by_bob, bob, operator, back):
    [parent, _], child, claim = held_by_bob

    Task.objects.filter(pk=parent.pk).retry(by=operator, reason="x")
    if back == "released":
        Task.objects.release(claim.task, claim.fence, by=bob)
    elif back == "failed":
        fail(claim, by=bob)
    elif back == "revoked":
        Task.objects.filter(pk=child.pk).revoke(by=operator, reason="x")
    else:
        lapse(claim)

    assert (now(child).state, now(child).open_needs, now(child).unsatisfiable) == ("pending", 1, False)
    assert Task.objects.recheck_needs(0, child.pk) == 0


def test_what_a_claimed_task_waits_for_is_counted_while_it_is_claimed(held_by_bob, ada, bob, operator):
    [parent, other], child, claim = held_by_bob
    assert (now(child).open_needs, now(child).edges_left) == (0, 1)

    Task.objects.filter(pk=other.pk).cancel(by=operator, reason="x")
    assert (now(child).open_needs, now(child).edges_left) == (0, 0)

    Task.objects.filter(pk=parent.pk).retry(by=operator, reason="x")
    assert (now(child).open_needs, now(child).edges_left) == (1, 1)

    [again] = Task.objects.claim(by=ada)
    complete(again, by=ada)
    assert (now(child).state, now(child).open_needs, now(child).unsatisfiable) == ("claimed", 1, False)
    Task.objects.release(claim.task, claim.fence, by=bob)
    assert (now(child).state, now(child).open_needs, now(child).unsatisfiable) == ("pending", 1, True)
    assert Task.objects.recheck_needs(0, child.pk) == 0


def test_taking_needs_away_never_leaves_a_join_that_cannot_be_met(add, operator, ada):
    add("first", "second")
    child = add("both", needs=["first", "second"], join=2)
    Need.objects.remove(child.needs.first(), by=operator)
    assert (now(child).open_needs, now(child).unsatisfiable) == (1, False)


def test_a_task_that_holds_more_up_goes_earlier(add, operator, ada):
    add("plain")
    parent = add("wanted")
    Need.objects.add(
        parent.project_id, [Edge(parent.pk, add(f"child {n}").pk) for n in range(3)], by=operator
    )
    assert Task.objects.claim(by=ada)[0].task == parent.pk


def test_only_a_pending_task_can_be_given_needs(add, ada, operator):
    child, parent = add("child", priority=0), add("parent")
    Task.objects.claim(by=ada)
    with pytest.raises(NotReady):
        Need.objects.add(parent.project_id, [Edge(parent.pk, child.pk)], by=operator)


def test_a_cycle_is_refused_across_tickets_and_named(project, operator):
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"t{n}", tasks=[TaskSpec("work")]), by=operator)
        for n in range(3)
    ]
    one, two, three = [ticket.tasks.get() for ticket in tickets]
    Need.objects.add(project.pk, [Edge(one.pk, two.pk), Edge(two.pk, three.pk)], by=operator)

    with pytest.raises(Cycle) as refused:
        Need.objects.add(project.pk, [Edge(three.pk, one.pk)], by=operator)

    assert set(refused.value.more["cycle"]) == {one.key, two.key, three.key}
    assert Need.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_adding_dependants_reads_no_table_as_a_whole_though_plans_were_made_when_they_were_small(
    project, ticket, operator
):
    """A prepared statement keeps its plan, and so does the check of a foreign key."""
    [parent] = Task.objects.add(ticket, [TaskSpec("Parent")], by=operator)
    for _ in range(8):
        Task.objects.add(ticket, [TaskSpec("Child", needs=[NeedSpec(parent.pk)])], by=operator)
    before = rows_scanned()

    Task.objects.add(
        ticket, [TaskSpec("Child", needs=[NeedSpec(parent.pk)]) for _ in range(200)], by=operator
    )

    assert rows_scanned() == before


def rows_scanned():
    """Rows of tasks, needs and tickets that sequential scans have read."""
    sql.rows("SELECT pg_stat_force_next_flush()")
    found = sql.one(
        """
        SELECT sum(seq_tup_read)::bigint AS n
        FROM pg_stat_user_tables
        WHERE relname IN ('tickets_task', 'tickets_need', 'tickets_ticket')
        """
    )
    return found["n"]


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_new_dependant_costs_the_same_however_many_there_are(project, ticket, operator):
    [parent] = Task.objects.add(ticket, [TaskSpec("Parent")], by=operator)

    def cost(dependants):
        Task.objects.add(
            ticket,
            [TaskSpec("Child", needs=[NeedSpec(parent.pk)]) for _ in range(dependants)],
            by=operator,
        )
        sql.rows("ANALYZE tickets_task, tickets_need")
        return sum(measure(RECOUNT, {"ids": [parent.pk]}).values())

    few = cost(10)
    assert cost(1_500) <= few + 4


def test_a_task_that_unblocks_many_is_ranked_like_one_that_unblocks_all(project, ticket, operator):
    """Above some number more make no difference, so they are not counted."""
    assert {rank_of(ENOUGH), rank_of(ENOUGH + 1), rank_of(1_000)} == {rank_of(ENOUGH)}
    assert rank_of(ENOUGH - 1) > rank_of(ENOUGH)


def rank_of(unblocked):
    found = sql.one(
        "SELECT omoi_rank(2, '2126-01-01T00:00Z'::timestamptz, NULL, %s::bigint, 0) AS rank",
        [unblocked],
    )
    return found["rank"]
