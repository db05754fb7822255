"""Parallel acts: the result is what one after the other would give.

Scripted tests hold one act open while the other arrives, so that the order is certain; each is run again with
its mechanism taken away, and then the fault shows. The races beside them leave the order to chance, many
times over.
"""

from __future__ import annotations

import contextlib
import threading

import pytest
from django.db import transaction

from agents.models import AgentSpec
from omoi_site.database import sql as db
from tests.factories import allow_workflow, complete
from tests.support.concurrency import meanwhile, race
from tickets.models import (
    CapacityFull,
    ClaimLost,
    Cycle,
    Edge,
    Need,
    SweepRun,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    TransitionNotAllowed,
    Workflow,
)
from tickets.models.claim import claim
from tickets.models.claim.claim_sql import GRANTED_UNSEEN
from tickets.models.task import create, need, open_needs
from tickets.models.task.recheck import WRONG_NEEDS
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = [pytest.param(50, id="50"), pytest.param(300, id="300", marks=pytest.mark.campaign)]
UNSCRIPTED = [
    TRIES[0],
    pytest.param(200, id="200", marks=pytest.mark.full),
    pytest.param(1000, id="1000", marks=pytest.mark.campaign),
]


class Unlocked:
    """Our statements without the row locks they ask for."""

    def __init__(self, *locks):
        self.locks = locks

    def __getattr__(self, name):
        return getattr(db, name)

    def rows(self, sql, params=None):
        for lock in self.locks:
            sql = sql.replace(lock, "")
        return db.rows(sql, params)

    def one(self, sql, params=None):
        return next(iter(self.rows(sql, params)), None)


def now(task):
    return Task.objects.get(pk=task.pk)


def miscounted():
    return db.rows(WRONG_NEEDS, {"after": 0, "upto": 2**62, "ids": None})


# -- edges of different tickets


@pytest.fixture
def two_chains(project, operator):
    """Two tickets with two tasks each, the second of which needs the first: (one, two), (three, four)."""

    def chain():
        made = Ticket.objects.open(
            project,
            TicketSpec(
                "chain", tasks=[TaskSpec("first", ref="1"), TaskSpec("second", needs=[NeedSpec("1")])]
            ),
            by=operator,
        )
        return list(made.tasks.order_by("id"))

    return lambda: [*chain(), *chain()]


def connect(parent, child):
    return Need.objects.add(parent.project_id, [Edge(parent.pk, child.pk)], by="system:test")


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the graph lock"])
def test_an_edge_that_closes_a_cycle_sees_the_one_before_it(two_chains, monkeypatch, locked):
    """No row is in both edits, so only the project's graph lock lets the second see the first."""
    one, two, three, four = two_chains()
    if not locked:
        monkeypatch.setattr(need.NeedManager, "lock_graph", staticmethod(lambda project: None))

    with meanwhile(lambda: connect(four, one), waits=locked) as second:
        connect(two, three)

    if locked:
        with pytest.raises(Cycle):
            second.answer()
    else:
        second.answer()
        with pytest.raises(Cycle):  # any further edge finds the cycle closed
            connect(three, one)


@pytest.mark.full
@pytest.mark.parametrize("tries", TRIES)
def test_two_edge_edits_never_close_a_cycle_together(two_chains, tries):
    chains = [two_chains() for _ in range(tries)]

    for answers in race(
        tries, lambda n: connect(chains[n][1], chains[n][2]), lambda n: connect(chains[n][3], chains[n][0])
    ):
        assert sorted(type(answer).__name__ for answer in answers) == ["Cycle", "int"]


# -- a need of a task that is just ending


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock on the parent"])
def test_a_need_added_first_is_seen_by_the_end_of_its_parent(
    ticket, task, ada, operator, monkeypatch, locked
):
    [child] = Task.objects.add(ticket, [TaskSpec("then")], by=operator)
    [held] = Task.objects.claim(by=ada)
    if not locked:
        monkeypatch.setattr(need, "sql", Unlocked("FOR NO KEY UPDATE"))
        monkeypatch.setattr(open_needs, "sql", Unlocked(" ORDER BY id FOR NO KEY UPDATE"))
        monkeypatch.setattr(
            need, "recount", lambda ids: open_needs.recount([child.id])
        )  # it locks what it counts

    with meanwhile(lambda: complete(held, by=ada), waits=locked) as end:
        connect(task, child)

    assert end.answer().state == "completed"
    assert now(child).open_needs == (0 if locked else 1)  # 1: it would wait for ever
    assert now(child).is_ready == locked


def test_a_need_added_while_its_parent_ends_is_decided_at_once(ticket, task, ada, operator):
    [child] = Task.objects.add(ticket, [TaskSpec("then")], by=operator)
    [held] = Task.objects.claim(by=ada)

    with meanwhile(lambda: connect(task, child)) as edge:
        complete(held, by=ada)

    assert edge.answer() == 1
    assert now(child).is_ready


@pytest.mark.parametrize("tries", TRIES)
def test_a_need_added_while_it_completes_is_never_waited_for_for_ever(ticket, ada, operator, tries):
    ada.capacity = 1000
    ada.save(update_fields=["capacity"])
    parents = Task.objects.add(ticket, [TaskSpec(f"parent {n}") for n in range(tries)], by=operator)
    children = Task.objects.add(ticket, [TaskSpec(f"child {n}") for n in range(tries)], by=operator)
    claims = {held.task: held for held in Task.objects.claim(by=ada, limit=tries, lease_s=600)}

    answers = race(
        tries, lambda n: complete(claims[parents[n].pk], by=ada), lambda n: connect(parents[n], children[n])
    )

    assert [answer for both in answers for answer in both if isinstance(answer, Exception)] == []
    assert Need.objects.count() == tries
    assert not Task.objects.filter(pk__in=[child.pk for child in children], open_needs__gt=0).exists()
    assert miscounted() == []


# -- a retry while others end


@pytest.mark.full
@pytest.mark.parametrize("tries", UNSCRIPTED)
def test_a_retry_beside_another_parents_end_leaves_the_count_right(ticket, ada, operator, tries):
    ada.capacity = 1000
    ada.save(update_fields=["capacity"])
    gone = Task.objects.add(ticket, [TaskSpec(f"gone {n}") for n in range(tries)], by=operator)
    Task.objects.filter(pk__in=[task.pk for task in gone]).cancel(by=operator, reason="not now")
    others = Task.objects.add(ticket, [TaskSpec(f"other {n}") for n in range(tries)], by=operator)
    children = Task.objects.add(
        ticket,
        [TaskSpec(f"child {n}", needs=[NeedSpec(gone[n].pk), NeedSpec(others[n].pk)]) for n in range(tries)],
        by=operator,
    )
    claims = {held.task: held for held in Task.objects.claim(by=ada, limit=tries, lease_s=600)}

    answers = race(
        tries,
        lambda n: Task.objects.filter(pk=gone[n].pk).retry(by=operator, reason="now"),
        lambda n: complete(claims[others[n].pk], by=ada),
    )

    assert [answer for both in answers for answer in both if isinstance(answer, Exception)] == []
    assert set(
        Task.objects.filter(pk__in=[child.pk for child in children]).values_list(
            "open_needs", "unsatisfiable"
        )
    ) == {(1, False)}
    assert miscounted() == []


# -- the capacity of one agent


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "without the latest grant"])
def test_a_claim_that_waited_for_another_counts_anew(ticket, ada, operator, monkeypatch, counted):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(20)], by=operator)
    if not counted:
        monkeypatch.setattr(claim, "CLAIM", claim.CLAIM.replace(GRANTED_UNSEEN, "false"))

    with meanwhile(lambda: Task.objects.claim(by=ada, limit=5)) as second:
        assert len(Task.objects.claim(by=ada, limit=3)) == 3

    assert len(second.answer()) == (2 if counted else 5)  # 5: eight held by one with capacity for five


@pytest.mark.parametrize(
    "rounds", [pytest.param(5, id="5"), pytest.param(50, id="50", marks=pytest.mark.campaign)]
)
def test_claims_at_once_never_exceed_the_capacity_of_their_agent(ticket, ada, operator, rounds):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(60)], by=operator)

    def claims(_):
        with contextlib.suppress(CapacityFull):
            return Task.objects.claim(by=ada, limit=2)
        return []

    for _ in range(rounds):
        [answers] = race(1, *[claims] * 16)
        granted = [held for answer in answers for held in answer]
        assert (
            len(granted)
            == len({held.task for held in granted})
            == Task.objects.filter(holder=ada).count()
            == ada.capacity
        )
        for held in granted:
            Task.objects.release(held.task, held.fence, by=ada)


def test_every_task_is_granted_once_to_agents_that_all_claim_at_once(ticket, project, operator):
    from agents.models import Agent

    agents = [
        Agent.objects.register(AgentSpec(f"agent-{n}", capacity=100), projects=[project], by=operator)
        for n in range(8)
    ]
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(200)], by=operator)

    [answers] = race(
        1,
        *[
            lambda _, by=by: [held for _ in range(50) for held in Task.objects.claim(by=by, limit=2)]
            for by in agents
        ],
    )

    granted = [held.task for answer in answers for held in answer]
    assert len(granted) == len(set(granted)) == 200


# -- a ticket that moves while a task is added, taken or tried again


THREE = {
    "name": "three",
    "phases": [
        {"name": "PLAN", "to": ["BUILD"]},
        {"name": "BUILD", "to": ["DONE"]},
        {"name": "DONE", "to": []},
    ],
}


@pytest.fixture
def planned(project, operator):
    return Ticket.objects.open(
        project,
        TicketSpec("Plan it", workflow=allow_workflow(project, Workflow.objects.install(THREE))),
        by=operator,
    )


def advance(ticket):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.advance(by="system:test")


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock on the ticket"])
def test_a_task_added_while_its_ticket_moves_lands_where_the_ticket_went(
    planned, operator, monkeypatch, locked
):
    if not locked:
        monkeypatch.setattr(create, "sql", Unlocked("FOR SHARE"))

    with meanwhile(
        lambda: Task.objects.add(planned, [TaskSpec("work")], by=operator), waits=locked
    ) as addition:
        advance(planned)

    [task] = addition.answer()
    assert (task.phase, task.held) == (
        ("BUILD", False) if locked else ("PLAN", False)
    )  # PLAN: open in a phase that was left


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock on the ticket"])
def test_a_ticket_does_not_leave_a_phase_in_which_a_task_is_being_added(
    planned, operator, monkeypatch, locked
):
    if not locked:
        monkeypatch.setattr(create, "sql", Unlocked("FOR SHARE"))

    with meanwhile(lambda: advance(planned), waits=locked) as move:
        Task.objects.add(planned, [TaskSpec("work")], by=operator)

    if locked:
        with pytest.raises(TransitionNotAllowed):
            move.answer()
    else:
        move.answer()
    assert Ticket.objects.get(pk=planned.pk).phase == ("PLAN" if locked else "BUILD")


@pytest.mark.full
@pytest.mark.parametrize("tries", TRIES)
def test_a_task_is_never_added_to_a_phase_its_ticket_has_left(project, operator, tries):
    workflow = allow_workflow(project, Workflow.objects.install(THREE))
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"t{n}", workflow=workflow), by=operator)
        for n in range(tries)
    ]

    race(
        tries,
        lambda n: Task.objects.add(tickets[n], [TaskSpec("work")], by=operator),
        lambda n: advance(tickets[n]),
    )

    for task in Task.objects.select_related("ticket"):
        assert (task.phase, task.held) == (task.ticket.phase, False)
    assert Task.objects.count() == tries


def test_a_ticket_does_not_leave_a_phase_in_which_a_task_is_tried_again(planned, operator):
    tasks = Task.objects.add(planned, [TaskSpec("work")], by=operator)
    Task.objects.filter(pk=tasks[0].pk).cancel(by=operator, reason="not now")

    with meanwhile(lambda: advance(planned)) as move:
        Task.objects.filter(pk=tasks[0].pk).retry(by=operator, reason="now")

    with pytest.raises(TransitionNotAllowed):
        move.answer()


def test_of_two_moves_at_once_one_wins_and_the_other_sees_where_the_ticket_stands(planned):
    with meanwhile(lambda: advance(planned)) as second:
        advance(planned)
    second.answer()  # it went on from where the first had brought the ticket
    assert list(planned.history.values_list("to_phase", flat=True)) == ["PLAN", "BUILD", "DONE"]


def test_a_task_cancelled_while_it_is_completed_ends_once(task, ada, operator):
    [held] = Task.objects.claim(by=ada)
    with meanwhile(lambda: complete(held, by=ada)) as late:
        Task.objects.filter(pk=task.pk).cancel(by=operator, reason="not wanted")
    with pytest.raises(ClaimLost):
        late.answer()
    assert now(task).state == "cancelled"


@pytest.mark.parametrize("patient", [True, False], ids=["patiently", "without patience"])
def test_a_deadlock_is_tried_again_and_not_shown(planned, project, operator, patient):
    """Two who lock the same two rows, each in another order: PostgreSQL ends one of them."""
    other = Ticket.objects.open(project, TicketSpec("other"), by=operator)
    gate = threading.Barrier(2)

    def crossing(*keys):
        with transaction.atomic():
            db.rows("SELECT 1 FROM tickets_ticket WHERE id = %s FOR UPDATE", [keys[0]])
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(5)
            gate.abort()  # only the first time
            db.rows("SELECT 1 FROM tickets_ticket WHERE id = %s FOR UPDATE", [keys[1]])
        return keys

    way = db.patiently(crossing) if patient else crossing
    [answers] = race(1, lambda _: way(planned.pk, other.pk), lambda _: way(other.pk, planned.pk))

    assert sorted(type(answer).__name__ for answer in answers) == (
        ["tuple", "tuple"] if patient else ["OperationalError", "tuple"]
    )


# -- claims that come while a lease is being ended


@pytest.mark.parametrize(
    ("overdue", "verb"),
    [
        ("lease_expires_at = clock_timestamp() - interval '1 s'", "lapse"),
        ("not_due = true, not_before = clock_timestamp() - interval '1 s'", "wake"),
    ],
    ids=["lapse", "wake"],
)
def test_a_claim_that_comes_while_another_frees_the_task_gets_it(task, ada, bob, overdue, verb):
    SweepRun.ran("lapse")
    if verb == "lapse":
        Task.objects.claim(by=ada)
    db.rows(f"UPDATE tickets_task SET {overdue}")

    with meanwhile(lambda: Task.objects.claim(by=bob)) as second:
        assert getattr(Task.objects, verb)() == 1

    assert [claim.task for claim in second.answer()] == [task.pk]


def test_an_agent_whose_own_lease_is_being_ended_is_not_full(ticket, task, ada, operator):
    SweepRun.ran("lapse")
    Task.objects.claim(by=ada)
    ada.__class__.objects.filter(pk=ada.pk).update(capacity=1)
    db.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")

    with meanwhile(lambda: Task.objects.claim(by=ada)) as second:
        assert Task.objects.lapse() == 1

    assert [claim.task for claim in second.answer()] == [task.pk]
