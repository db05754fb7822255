"""Two acts on the same task, in every interleaving of their statements: what comes of them is what comes of
one after the other.
"""

from __future__ import annotations

import pytest

from agents.models import Agent, Pool, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import allow_workflow
from tests.support.interleaving import every_run, one_by_one, runs_with_one_switch
from tests.tickets.claim.test_races import THREE, Unlocked
from tickets.models import Edge, Need, Outcome, SweepRun, Task, TaskSpec, Ticket, TicketSpec, Workflow
from tickets.models.claim import claim as claim_verb
from tickets.models.claim import last_guards
from tickets.models.claim.claim_sql import GRANTED_UNSEEN
from tickets.models.task import create, need

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fresh(ticket, operator):
    """Makes a ready task, the only one; a sweep has just run."""

    def made(count=1, **spec):
        SweepRun.note(dict.fromkeys(("lapse", "stall", "time_out"), ""))
        Task.objects.filter(project=ticket.project_id).cancel(by=operator, reason="the next run")
        tasks = Task.objects.add(ticket, [TaskSpec("work", **spec)] * count, by=operator)
        return tasks if count > 1 else tasks[0]

    return made


def grants(agent, limit=1):
    return lambda: tuple(claim.fence for claim in Task.objects.claim(by=agent, limit=limit))


def settles(task, fence, agent, state="completed"):
    def act():
        [settled] = Task.objects.settle([Outcome(task.pk, fence, state)], by=agent)
        return settled.or_raise().state

    return act


def seen(*tasks):
    def look():
        rows = Task.objects.filter(pk__in=[task.pk for task in tasks]).order_by("pk")
        return tuple(rows.values_list("state", "holder__name", "fence", "attempts", "open_needs"))

    return look


def expect_serial(scene):
    """No run comes out otherwise than one after the other."""
    expected, runs = one_by_one(scene), list(every_run(scene))
    assert [run for run in runs if run.outcome not in expected] == [], expected
    assert len(runs) > 1


def held(fresh, agent, **spec):
    task = fresh(**spec)
    [claim] = Task.objects.claim(by=agent)
    return task, claim.fence


def over(task, column):
    sql.rows(
        f"UPDATE tickets_task SET {column} = clock_timestamp() - interval '1 s',"
        " lease_look_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [task.pk],
    )


# -- claim and claim


@pytest.mark.full
def test_two_agents_claim_one_task(fresh, ada, bob):
    def scene():
        task = fresh()
        return (grants(ada), grants(bob)), seen(task)

    expect_serial(scene)


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "without the latest grant"])
def test_one_agent_claims_twice(fresh, ada, monkeypatch, counted):
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    if not counted:
        monkeypatch.setattr(claim_verb, "CLAIM", claim_verb.CLAIM.replace(GRANTED_UNSEEN, "false"))

    def scene():
        fresh(count=2)
        return (grants(ada), grants(ada)), lambda: Task.objects.filter(holder=ada).count()

    if counted:
        expect_serial(scene)
    else:
        assert any(run.state == 2 for run in every_run(scene))


POOL_LOCKED = (3, 4)  # steps after which a claim with locks holds those of the pool


@pytest.mark.parametrize(
    ("released", "steps"),
    [
        pytest.param(True, POOL_LOCKED, id="released"),
        pytest.param(True, None, id="released, at every step", marks=pytest.mark.full),
        pytest.param(False, POOL_LOCKED, id="without a savepoint"),
    ],
)
def test_two_claims_of_guarded_work_never_wait_for_each_other(
    fresh, ada, bob, operator, monkeypatch, released, steps
):
    """Both lock a project and then the pool; ada first locks the one where she was granted work last, which
    has none any more. Inside the transaction of a caller, nothing is tried again after a deadlock.
    """
    other = Project.objects.create_project(ProjectSpec("OTHER", workflow="simple"), by=operator)
    ada.projects.add(other)
    Pool.objects.create_pool("shared", by=operator)
    Agent.objects.update(pools=["shared"], capacity=50)
    if not released:
        monkeypatch.setattr(claim_verb, "RELEASE_LOCKS", "SELECT")

    def scene():
        tasks = fresh(count=2)
        last_guards.remember(claim_verb.claim_params(ada), [other.pk])
        return (grants(bob), grants(ada)), seen(*tasks)

    runs = runs_with_one_switch(scene, steps)
    if released:
        for run in runs:
            assert run.answers == ((1,), (1,)), run.order
            assert {task[1] for task in run.state} == {"ada", "bob"}
    else:
        assert any("OperationalError" in run.answers for run in runs)


# -- claim and what ends claims


@pytest.mark.full
def test_a_claim_and_the_end_of_a_lease(fresh, ada, bob):
    def scene():
        task, _ = held(fresh, ada)
        over(task, "lease_expires_at")
        return (grants(bob), lambda: bool(Task.objects.lapse())), seen(task)

    expected = {state for _, state in one_by_one(scene)}
    runs = list(every_run(scene))
    assert {run.state for run in runs} <= expected  # whoever ends it, bob has it
    assert {run.answers[0] for run in runs} == {(2,)}


@pytest.mark.full
@pytest.mark.parametrize(
    ("column", "sweep"), [("lease_expires_at", "lapse"), ("timeout_at", "time_out")], ids=["lease", "time"]
)
def test_a_completion_and_the_end_of_its_claim(fresh, ada, column, sweep):
    def scene():
        task, fence = held(fresh, ada, timeout_s=600)
        over(task, column)
        return (settles(task, fence, ada), getattr(Task.objects, sweep)), seen(task)

    expect_serial(scene)


@pytest.mark.full
def test_a_heartbeat_and_the_end_of_its_lease(fresh, ada):
    def scene():
        task, fence = held(fresh, ada)
        over(task, "lease_expires_at")

        def beats():
            return bool(Task.objects.renew([(task.pk, fence)], by=ada)[0])

        return (beats, Task.objects.lapse), seen(task)

    assert {run.outcome for run in every_run(scene)} == {((False, 1), (("pending", None, 1, 1, 0),))}


@pytest.mark.full
def test_a_completion_and_a_cancellation(fresh, ada, operator):
    def scene():
        task, fence = held(fresh, ada)

        def cancels():
            Task.objects.act(task.pk, "cancel", by=operator, reason="not wanted")

        return (settles(task, fence, ada), cancels), seen(task)

    expect_serial(scene)


@pytest.mark.full
def test_a_completion_and_a_release(fresh, ada):
    def scene():
        task, fence = held(fresh, ada)
        return (settles(task, fence, ada), lambda: Task.objects.release(task.pk, fence, by=ada)), seen(task)

    expect_serial(scene)


# -- edges


@pytest.mark.full
@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the graph lock"])
def test_two_edges_that_would_close_a_cycle(fresh, project, monkeypatch, locked):
    if not locked:
        monkeypatch.setattr(need.NeedManager, "lock_graph", staticmethod(lambda project: None))

    def scene():
        one, two, three, four = fresh(count=4)
        for parent, child in ((one, two), (three, four)):
            Need.objects.insert(project.pk, [Edge(parent.pk, child.pk)], by="system:test")

        def connects(parent, child):
            return lambda: Need.objects.insert(project.pk, [Edge(parent.pk, child.pk)], by="system:test")

        return (connects(two, three), connects(four, one)), seen(one, two, three, four)

    if locked:
        expect_serial(scene)
    else:
        assert any(run.answers == (1, 1) for run in every_run(scene))


@pytest.mark.full
def test_an_edge_and_the_end_of_its_parent(fresh, project, ada):
    def scene():
        parent, child = fresh(count=2)
        [claim] = Task.objects.claim(by=ada)
        assert claim.task == parent.pk

        def connects():
            return Need.objects.insert(project.pk, [Edge(parent.pk, child.pk)], by="system:test")

        return (settles(parent, claim.fence, ada), connects), seen(parent, child)

    expect_serial(scene)


# -- a ticket that moves


@pytest.mark.full
@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock on the ticket"])
def test_a_ticket_moves_and_gets_a_task(project, operator, monkeypatch, locked):
    workflow = allow_workflow(project, Workflow.objects.install(THREE))
    if not locked:
        monkeypatch.setattr(create, "sql", Unlocked("FOR SHARE"))

    def scene():
        ticket = Ticket.objects.open(project, TicketSpec("Plan it", workflow=workflow), by=operator)

        def moves():
            with Ticket.objects.locked(pk=ticket.pk) as row:
                row.advance(by="system:test")

        def adds():
            ids = Task.objects.insert(ticket, [TaskSpec("work")], by="system:test")
            return len(ids)

        def look():
            return (
                Ticket.objects.get(pk=ticket.pk).phase,
                tuple(ticket.tasks.values_list("phase", "held")),
            )

        return (moves, adds), look

    if locked:
        expect_serial(scene)
    else:
        assert any(run.state == ("BUILD", (("PLAN", False),)) for run in every_run(scene))
