"""Events that make work ready wake the waiting agents; others do not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentSpec, Pool, Project, ProjectSpec
from agents.models.journal_changes import changed_since
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tickets.models import Need, Task, TaskSpec, Ticket
from tickets.models.claim.quota import follow_pools
from tickets.models.claim.wake_up import wait_keys
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db(transaction=True)


def claimed(by):
    [claim] = Task.objects.claim(by=by)
    return claim


def there(model, verb, pk, by, **more):
    with model.objects.locked(pk=pk) as row:
        getattr(row, verb)(by=by, **more)


def added(ticket, by, task, bob):
    claimed(bob)
    return lambda: Task.objects.add(ticket, [TaskSpec("another")], by=by)


def completed_parent(ticket, by, task, bob):
    Task.objects.add(ticket, [TaskSpec("child", needs=[NeedSpec(task.pk)])], by=by)
    claim = claimed(bob)
    return lambda: complete(claim, by=bob)


def removed_need(ticket, by, task, bob):
    [child] = Task.objects.add(ticket, [TaskSpec("child", needs=[NeedSpec(task.pk)])], by=by)
    claimed(bob)
    return lambda: Need.objects.remove(Need.objects.get(child=child), by=by)


def released(ticket, by, task, bob):
    claim = claimed(bob)
    return lambda: Task.objects.release(claim.task, claim.fence, by=bob)


def lapsed(ticket, by, task, bob):
    claim = claimed(bob)
    return lambda: lapse(claim)


def woken(ticket, by, task, bob):
    fail(claimed(bob), by=bob)
    sql.rows(
        """
        UPDATE tickets_task
        SET not_due = true, not_before = clock_timestamp() + interval '1 h'
        WHERE id = %s
        """,
        [task.pk],
    )

    def wake():
        sql.rows("UPDATE tickets_task SET not_before = clock_timestamp() WHERE id = %s", [task.pk])
        assert Task.objects.wake() == 1

    return wake


def retried(ticket, by, task, bob):
    fail(claimed(bob), by=bob, kind="permanent")
    return lambda: Task.objects.filter(pk=task.pk).retry(by=by, reason="once more")


def revoked(ticket, by, task, bob):
    claimed(bob)
    return lambda: Task.objects.filter(pk=task.pk).revoke(by=by)


def edited(ticket, by, task, bob):
    Task.objects.edit(task.pk, by=by, capabilities=["welding"])
    return lambda: Task.objects.edit(task.pk, by=by, capabilities=[])


def ticket_resumed(ticket, by, task, bob):
    there(Ticket, "pause", ticket.pk, by)
    return lambda: there(Ticket, "resume", ticket.pk, by)


def ticket_restored(ticket, by, task, bob):
    there(Ticket, "archive", ticket.pk, by)
    return lambda: there(Ticket, "restore", ticket.pk, by)


def ticket_unblocked(ticket, by, task, bob):
    there(Ticket, "block", ticket.pk, by, cause="clarification", reason="which bank?")
    return lambda: there(Ticket, "unblock", ticket.pk, by)


def project_resumed(ticket, by, task, bob):
    there(Project, "pause", ticket.project_id, by)
    return lambda: there(Project, "resume", ticket.project_id, by)


def in_a_pool(ticket, by, **fields):
    """Every agent is in one pool, of which this is known."""
    Pool.objects.create_pool("anthropic:team", by=by)
    Pool.objects.update(**fields)
    Agent.objects.update(pools=["anthropic:team"])
    Task.objects.add(ticket, [TaskSpec("another")], by=by)


def closed():
    now = timezone.now()
    return {"closed_at": now, "resets_at": now + timedelta(hours=1)}


def reset_of_a_pool(ticket, by, task, bob):
    in_a_pool(ticket, by, **closed())

    def come():
        Pool.objects.update(resets_at=timezone.now())
        assert follow_pools() == 1

    return come


def opened_pool(ticket, by, task, bob):
    in_a_pool(ticket, by, **closed())
    return lambda: Pool.objects.act(Pool.objects.get().pk, "open", by=by)


def raised_limit_of_a_pool(ticket, by, task, bob):
    in_a_pool(ticket, by, limit=1)
    claimed(bob)
    return lambda: Pool.objects.act(Pool.objects.get().pk, "edit", by=by, limit=2)


def room_in_a_pool(ticket, by, task, bob):
    in_a_pool(ticket, by, limit=1)
    claim = claimed(bob)
    return lambda: complete(claim, by=bob)


def trial_that_failed(ticket, by, task, bob):
    in_a_pool(ticket, by, **closed())
    Pool.objects.update(resets_at=timezone.now())
    claim = claimed(bob)
    return lambda: fail(claim, by=bob, kind="permanent")


ACTS = [
    added,
    completed_parent,
    removed_need,
    released,
    lapsed,
    woken,
    retried,
    revoked,
    edited,
    ticket_resumed,
    ticket_restored,
    ticket_unblocked,
    project_resumed,
    reset_of_a_pool,
    opened_pool,
    raised_limit_of_a_pool,
    room_in_a_pool,
    trial_that_failed,
]


def rung_since(cursor):
    return changed_since(cursor).waking


@pytest.mark.parametrize("prepare", ACTS, ids=lambda act: act.__name__)
def test_what_makes_work_ready_rings(prepare, ticket, operator, task, ada, bob):
    act = prepare(ticket, operator, task, bob)
    assert not Task.objects.claim(by=ada)
    cursor = changed_since("").cursor

    act()

    assert {"work", "work:OMO"} <= rung_since(cursor)
    assert Task.objects.claim(by=ada)


def test_what_ends_in_one_project_makes_room_in_a_pool_for_another(ticket, operator, task, bob):
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by=operator)
    Project.objects.create_project(ProjectSpec("LONE", workflow="simple"), by=operator)
    Agent.objects.register(AgentSpec("eve"), projects=[other], by=operator)
    in_a_pool(ticket, operator, limit=1)
    claim, cursor = claimed(bob), changed_since("").cursor

    Task.objects.release(claim.task, claim.fence, by=bob)

    assert rung_since(cursor) == {"work", "work:OMO", "work:TWO"}


def test_the_reset_of_a_pool_rings_once(ticket, operator):
    in_a_pool(ticket, operator, **closed())
    Pool.objects.update(resets_at=timezone.now())
    assert [follow_pools() for _ in range(3)] == [1, 0, 0]
    cursor = changed_since("").cursor
    assert follow_pools() == 0
    assert rung_since(cursor) == frozenset()


def test_what_takes_work_away_or_tells_of_it_rings_nobody(task, ada):
    cursor = changed_since("").cursor
    claim = claimed(ada)
    Task.objects.report_progress(claim.task, claim.fence, {"percent": 50}, by=ada)
    complete(claim, by=ada)
    assert rung_since(cursor) == frozenset()


def test_an_agent_has_a_bell_of_its_own(ada, bob, operator):
    cursor = changed_since("").cursor
    there(Agent, "edit", bob.pk, operator, capabilities=["python"])
    assert rung_since(cursor) == {"agent:bob"}


def test_those_who_would_be_granted_the_same_wait_at_one_bell(ada, bob, project, operator):
    assert wait_keys(by=ada)[0] == wait_keys(by=bob)[0]
    assert wait_keys(by=ada)[0].startswith("work:OMO#")
    assert wait_keys(by=ada)[1] == "agent:ada"
    there(Agent, "edit", bob.pk, operator, capabilities=["python"])
    bob = Agent.objects.get(pk=bob.pk)
    assert wait_keys(by=ada)[0] != wait_keys(by=bob)[0]
    assert wait_keys(by=ada)[0] == wait_keys(by=bob, capabilities=["welding"])[0]  # which it cannot do
    assert wait_keys(by=ada, phases=["DOING"])[0] != wait_keys(by=ada)[0]
    alone = wait_keys(by=ada)[0]
    ada.pools = ["anthropic:team"]  # an empty answer to it says nothing about those without a pool
    assert wait_keys(by=ada)[0] != alone
    Project.objects.create_project(ProjectSpec("PAY", workflow="simple"), by=operator)
    worker = Agent.objects.worker("hands", capacity=1)
    assert wait_keys(by=worker)[0].startswith("work#")
    assert wait_keys(by=worker, project=project)[0].startswith("work:OMO#")
