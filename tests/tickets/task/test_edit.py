"""What people change about tickets and tasks, and how the order of work follows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Event
from omoi_site.errors import Invalid, VersionConflict
from tests.factories import complete
from tickets.models import Edge, Need, NotReady, Priority, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


def add(ticket, operator, *titles, **fields):
    return Task.objects.add(ticket, [TaskSpec(title, **fields) for title in titles], by=operator)


def titles(claims):
    return [claim.title for claim in claims]


def test_a_ticket_is_edited_under_its_version(ticket, operator):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.edit(
            by=operator,
            version=ticket.version,
            title="Capture all payments",
            labels=["money"],
            description="Twice.",
        )
    with pytest.raises(VersionConflict), Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.edit(by=operator, version=ticket.version, title="Capture none")
    with pytest.raises(Invalid), Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.edit(by=operator, title="x" * 301)

    now = Ticket.objects.get(pk=ticket.pk)
    assert (now.title, now.labels, now.version, now.phase) == (
        "Capture all payments",
        ["money"],
        ticket.version + 1,
        "DOING",
    )
    assert Event.objects.get(kind="ticket.edited").data["before"]["title"] == "Capture payments"


def test_a_tickets_priority_goes_to_the_tasks_that_had_it_and_changes_the_order(
    project, ticket, ada, operator
):
    other = Ticket.objects.open(project, TicketSpec("Other", tasks=[TaskSpec("first")]), by=operator)
    add(ticket, operator, "second")
    [low] = add(ticket, operator, "low", priority=Priority.LOW)

    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.edit(by=operator, priority=Priority.CRITICAL)

    assert titles(Task.objects.claim(by=ada, limit=3)) == ["second", "first", "low"]
    low.refresh_from_db()
    assert (low.priority, other.priority) == (Priority.LOW, Priority.MEDIUM)


def test_an_archived_ticket_grants_nothing_until_it_is_restored(ticket, task, ada, operator):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.archive(by=operator, reason="not this year")
    assert Task.objects.claim(by=ada) == []
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.restore(by=operator)
    assert Task.objects.claim(by=ada)
    assert list(
        Event.objects.filter(kind__in=["ticket.archived", "ticket.restored"]).values_list("kind", flat=True)
    ) == [
        "ticket.archived",
        "ticket.restored",
    ]


def test_a_bumped_task_goes_before_critical_work_and_stays_there_when_it_is_ranked_anew(
    ticket, ada, operator
):
    parent, child, _ = add(ticket, operator, "parent", "child", "other")
    Need.objects.add(ticket.project_id, [Edge(parent.pk, child.pk)], by=operator)
    add(ticket, operator, "critical", priority=Priority.CRITICAL)

    bumped = Task.objects.filter(pk__in=[child.pk, parent.pk]).bump(by=operator, reason="the customer waits")
    assert sorted(bumped) == [parent.pk, child.pk]

    [claim] = Task.objects.claim(by=ada)
    assert claim.title == "parent"
    complete(claim, by=ada)
    assert titles(Task.objects.claim(by=ada, limit=3)) == ["child", "critical", "other"]


def test_an_ended_task_is_neither_bumped_nor_edited(task, ada, operator):
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    assert Task.objects.filter(pk=task.pk).bump(by=operator) == []
    with pytest.raises(NotReady):
        Task.objects.edit(task.pk, by=operator, title="Too late")


def test_editing_priority_and_deadline_changes_the_order(ticket, ada, operator):
    first, second, third = add(ticket, operator, "first", "second", "third")
    Task.objects.edit(
        third.pk, by=operator, deadline=timezone.now() + timedelta(minutes=40), reason="promised"
    )
    Task.objects.edit(second.pk, by=operator, priority=Priority.CRITICAL)
    assert titles(Task.objects.claim(by=ada, limit=3)) == ["second", "third", "first"]
    told = Event.objects.get(kind="task.edited", subject=f"task:{second.pk}")
    assert told.data == {"before": {"priority": 2}, "after": {"priority": 0}}
    assert first.priority == 2


def test_a_task_moved_into_the_future_sleeps_and_one_moved_back_is_ready(task, ada, operator):
    assert not Task.objects.edit(
        task.pk, by=operator, not_before=timezone.now() + timedelta(hours=1)
    ).is_ready
    assert Task.objects.claim(by=ada) == []
    assert Task.objects.edit(task.pk, by=operator, not_before=None).is_ready
    assert Task.objects.claim(by=ada)


def test_another_timeout_counts_for_a_claim_that_runs(task, ada, operator):
    Task.objects.claim(by=ada)
    assert Task.objects.edit(task.pk, by=operator, timeout_s=60).timeout_at is not None
    Task.objects.filter(pk=task.pk).update(claimed_at="2020-01-01T00:00Z")
    Task.objects.edit(task.pk, by=operator, timeout_s=90)
    assert Task.objects.time_out() == 1
    assert Task.objects.get(pk=task.pk).state == "pending"


def test_other_capabilities_put_a_task_into_another_lane_while_it_is_pending(task, ada, operator):
    Task.objects.edit(task.pk, by=operator, capabilities=["Rust"])
    assert Task.objects.claim(by=ada) == []
    Task.objects.edit(task.pk, by=operator, capabilities=[])
    Task.objects.claim(by=ada)
    with pytest.raises(NotReady):
        Task.objects.edit(task.pk, by=operator, capabilities=["rust"])
    assert (
        Task.objects.edit(task.pk, by=operator, title="Write both endpoints").title == "Write both endpoints"
    )
    with pytest.raises(Invalid):
        Task.objects.edit(task.pk, by=operator, state="completed")
