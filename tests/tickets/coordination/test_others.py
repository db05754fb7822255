"""The others of a join or a sync: what is no longer needed when enough tasks have ended is cancelled."""

from __future__ import annotations

import pytest

from agents.models import Event
from tests.factories import complete
from tests.support.concurrency import meanwhile
from tickets.models import ClaimLost, Edge, Need, PatternRequest, PatternRun, Task, TaskSpec
from tickets.patterns.document import InvalidPattern

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parts(ticket, ada, operator):
    """Three tasks that ada holds."""
    type(ada).objects.filter(pk=ada.pk).update(capacity=100)
    tasks = Task.objects.add(ticket, [TaskSpec(title) for title in "abc"], by=operator)
    claims = {claim.task: claim for claim in Task.objects.claim(by=ada, limit=3)}
    return [claims[task.pk] for task in tasks]


def apply(ticket, operator, parts, kind, **more):
    key = "waiting_task_ids" if kind == "sync" else "source_task_ids"
    if kind == "join":
        more["continuation_task"] = {"title": "go on"}
    pattern = {
        "type": kind,
        "id": "one",
        key: [str(claim.task) for claim in parts],
        "others": "cancel",
        **more,
    }
    made, _ = PatternRun.objects.apply(ticket, PatternRequest(pattern, "one"), by=operator)
    [task] = made.tasks
    assert task.others == "cancel"
    return task.pk


def states(claims):
    return [Task.objects.get(pk=claim.task).state for claim in claims]


@pytest.mark.parametrize(
    ("kind", "more", "enough"),
    [
        ("join", {"merge_strategy": "first"}, 1),
        ("join", {"merge_strategy": "majority"}, 2),
        ("sync", {"required_count": 2}, 2),
    ],
)
def test_when_enough_have_ended_the_others_are_cancelled(ticket, ada, operator, parts, kind, more, enough):
    made = apply(ticket, operator, parts, kind, **more)
    for claim in parts[:enough]:
        assert Task.objects.cancel_others() == 0
        complete(claim, by=ada)

    assert Task.objects.cancel_others() == 1

    assert states(parts) == ["completed"] * enough + ["cancelled"] * (3 - enough)
    with pytest.raises(ClaimLost):
        complete(parts[-1], by=ada)
    after = Task.objects.get(pk=made)
    assert after.state == "completed" if kind == "sync" else after.is_ready
    event = Event.objects.filter(subject=f"task:{parts[-1].task}", kind="task.cancelled").get()
    assert (event.actor, event.reason) == (
        "system:coordination",
        "enough of the tasks beside it have ended",
    )
    assert Task.objects.cancel_others() == 0


def test_a_task_that_another_still_waits_for_goes_on(ticket, ada, operator, parts):
    apply(ticket, operator, parts, "join", merge_strategy="first")
    [other] = Task.objects.add(ticket, [TaskSpec("another")], by=operator)
    Need.objects.add(ticket.project_id, [Edge(parts[1].task, other.pk)], by=operator)
    complete(parts[0], by=ada)
    Task.objects.cancel_others()
    assert states(parts) == ["completed", "claimed", "cancelled"]


def test_a_join_that_is_cancelled_cancels_nothing_until_it_is_retried_and_goes_on(
    ticket, ada, operator, parts
):
    join = apply(ticket, operator, parts, "join", merge_strategy="first")
    Task.objects.act(join, "cancel", by=operator, reason="not now")
    Task.objects.cancel_others()
    complete(parts[0], by=ada)
    Task.objects.cancel_others()
    assert states(parts) == ["completed", "claimed", "claimed"]

    Task.objects.act(join, "retry", by=operator, reason="now")
    Task.objects.cancel_others()

    assert states(parts) == ["completed", "cancelled", "cancelled"]


def test_one_that_ends_at_the_same_moment_is_either_completed_or_cancelled(ticket, ada, operator, parts):
    apply(ticket, operator, parts, "join", merge_strategy="first")
    complete(parts[0], by=ada)
    with meanwhile(Task.objects.cancel_others) as sweep:
        complete(parts[1], by=ada)
    assert sweep.answer() == 1
    assert states(parts) == ["completed", "completed", "cancelled"]


@pytest.mark.parametrize("more", [{}, {"merge_strategy": "all"}, {"merge_strategy": "combine"}])
def test_a_join_that_waits_for_all_has_no_others(ticket, operator, parts, more):
    with pytest.raises(InvalidPattern, match="so there are no others to cancel"):
        apply(ticket, operator, parts, "join", **more)
