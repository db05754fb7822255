"""Events that make work ready wake the waiting agents; others do not."""

from __future__ import annotations

import pytest

from agents.models import Agent, Project, ProjectSpec
from agents.models.journal_changes import changed_since
from omoi_site.database import sql
from tests.factories import complete, fail, lapse
from tickets.models import Need, Task, TaskSpec, Ticket
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
    Project.objects.create_project(ProjectSpec("PAY", workflow="simple"), by=operator)
    worker = Agent.objects.worker("hands", capacity=1)
    assert wait_keys(by=worker)[0].startswith("work#")
    assert wait_keys(by=worker, project=project)[0].startswith("work:OMO#")
