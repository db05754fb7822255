"""A person takes a task by hand, settles it, or hands it back."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.db import transaction

from agents.models import Agent, Event, Key, Member
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid
from tickets.models import NewArtifact, Outcome, Task, TaskSpec
from tickets.models.claim.assign import NotAssignable
from tickets.models.claim.fence import ClaimLost
from tickets.models.discovery.new_discovery import NewDiscovery

pytestmark = pytest.mark.django_db

DONE = "Looked at it, and it is right."


def take(task, by, reason="I know this part"):
    return Task.objects.assign(task.pk, by=by, reason=reason)


def complete(task, by, reason=DONE, fence=None):
    row = Task.objects.get(pk=task.pk)
    outcome = Outcome(task.pk, fence or row.fence, "completed", result={"ok": True})
    [settled] = Task.objects.settle([outcome], by=by, reason=reason)
    return settled


def last(task):
    return Event.objects.filter(subject=f"task:{task.pk}").order_by("-xid", "-id").first()


def test_a_person_holds_what_they_take_without_a_lease(task, eve):
    taken = take(task, eve)
    task.refresh_from_db()
    assert (task.state, task.holder.name, task.holder.kind) == ("claimed", "user:eve", "person")
    assert (taken.holder, taken.fence) == ("user:eve", task.fence)
    assert task.lease_expires_at is task.lease_look_at is task.timeout_at is None
    event = last(task)
    assert (event.kind, event.actor, event.reason) == ("task.taken", "user:eve", "I know this part")
    assert event.data == {"fence": 1, "attempt": 1}


def test_the_row_of_a_person_is_made_once_and_has_no_key(task, eve):
    assert not Agent.objects.filter(kind="person").exists()
    take(task, eve)
    fence = Task.objects.get(pk=task.pk).fence
    Task.objects.release(task.pk, fence, by=eve, reason="later")
    take(task, eve)
    row = Agent.objects.get(kind="person")
    assert (row.owner, list(row.keys.all()), list(row.projects.all())) == (eve, [], [])
    with pytest.raises(Invalid, match="is a person"):
        Key.objects.issue(by="system:test", agent=row)


def test_a_person_completes_what_they_hold(task, eve):
    take(task, eve)
    assert complete(task, eve).state == "completed"
    task.refresh_from_db()
    assert (task.state, task.result, task.holder) == ("completed", {"ok": True}, None)
    event = last(task)
    assert (event.kind, event.actor, event.reason) == ("task.completed", "user:eve", DONE)


def test_a_person_who_completes_it_says_why(task, eve):
    take(task, eve)
    with pytest.raises(Invalid, match="say why"), transaction.atomic():
        complete(task, eve, reason=" \u200b")
    assert Task.objects.get(pk=task.pk).state == "claimed"


def test_a_failure_says_why_by_its_error(task, eve):
    take(task, eve)
    fence = Task.objects.get(pk=task.pk).fence
    outcome = Outcome(task.pk, fence, "failed", error="it cannot be done", kind="permanent")
    [settled] = Task.objects.settle([outcome], by=eve)
    assert settled.state == "failed"
    assert last(task).reason == "it cannot be done"


def test_what_a_person_failed_is_not_kept_from_anybody(task, eve, ada):
    take(task, eve)
    outcome = Outcome(task.pk, 1, "failed", error="not yet", kind="transient")
    Task.objects.settle([outcome], by=eve)
    task.refresh_from_db()
    assert (task.state, task.avoid_id, task.avoid_until) == ("pending", None, None)


def test_a_person_hands_it_back_with_a_reason_and_at_no_cost(task, eve, ada):
    take(task, eve)
    with pytest.raises(Invalid, match="say why"):
        Task.objects.release(task.pk, 1, by=eve)
    Task.objects.release(task.pk, 1, by=eve, reason="off for today")
    assert last(task).reason == "off for today"
    [claim] = Task.objects.claim(by=ada)
    assert (claim.task, claim.fence, claim.attempt) == (task.pk, 2, 1)


def test_settling_twice_is_settling_once(task, eve):
    take(task, eve)
    complete(task, eve, fence=1)
    again = complete(task, eve, fence=1)
    assert (again.state, again.repeated) == ("completed", True)


def test_taking_it_twice_is_taking_it_once(task, eve):
    first, second = take(task, eve), take(task, eve)
    assert (first.fence, first.changed, second.fence, second.changed) == (1, True, 1, False)


def test_an_old_fence_settles_nothing(task, eve, dan):
    take(task, eve)
    Task.objects.assign(task.pk, by=dan, reason="eve is away")
    lost = complete(task, eve, fence=1).lost
    assert isinstance(lost, ClaimLost)
    assert lost.more == {"holder": "user:dan", "state": "claimed"}


def test_a_viewer_cannot_take_it(task, member):
    with pytest.raises(Forbidden):
        take(task, member("vic", "viewer"))


def test_who_is_no_member_cannot_take_it(task, member):
    with pytest.raises(Forbidden):
        take(task, member("out", ""))


def test_an_agent_takes_nothing_by_hand(task, ada):
    with pytest.raises(Invalid, match="with a claim"):
        take(task, ada)


def test_it_says_why_it_is_taken(task, eve):
    with pytest.raises(Invalid, match="say why"):
        take(task, eve, reason="  ")


def test_a_person_without_the_role_settles_nothing_more(task, eve, project, operator):
    take(task, eve)
    Member.objects.set(project, eve, "viewer", by=operator)
    with pytest.raises(Forbidden), transaction.atomic():
        complete(task, eve)
    with pytest.raises(Forbidden):
        Task.objects.release(task.pk, 1, by=eve, reason="x")
    assert Task.objects.get(pk=task.pk).holder.name == "user:eve"


def test_a_completed_task_cannot_be_taken(task, eve):
    take(task, eve)
    complete(task, eve)
    with pytest.raises(NotAssignable, match="is completed") as refused:
        take(task, eve)
    assert refused.value.code == "not_ready"


def test_what_a_person_submits_with_it_is_theirs_and_makes_them_an_author(task, ticket, eve):
    take(task, eve)
    notes = NewArtifact("notes", BytesIO(b"What I did."))
    found = NewDiscovery("bug", "A typo", "In the header.")
    outcome = Outcome(task.pk, 1, "completed", artifacts=[notes], discoveries=[found])
    [settled] = Task.objects.settle([outcome], by=eve, reason=DONE)
    assert settled.state == "completed"
    assert ticket.artifacts.get().by == "user:eve"
    assert ticket.discoveries.get().by == "user:eve"
    authors = sql.rows("SELECT omoi_authors(%s, %s) AS id", [ticket.pk, task.phase])
    assert [row["id"] for row in authors] == [eve.pk]


def test_who_completes_it_by_hand_is_an_author_even_without_an_artifact(task, ticket, eve):
    take(task, eve)
    complete(task, eve)
    authors = sql.rows("SELECT omoi_authors(%s, %s) AS id", [ticket.pk, task.phase])
    assert [row["id"] for row in authors] == [eve.pk]


def test_three_failures_in_a_row_put_no_person_out_of_work(ticket, eve, operator):
    tasks = Task.objects.add(ticket, [TaskSpec(str(n)) for n in range(4)], by=operator)
    for task in tasks[:3]:
        take(task, eve)
        Task.objects.settle([Outcome(task.pk, 1, "failed", error="no", kind="permanent")], by=eve)
    assert take(tasks[3], eve).changed


@pytest.mark.parametrize("edited", [{"timeout_s": 1}, {"stall_after_s": 60}])
def test_no_edit_starts_a_clock_for_a_person(task, eve, operator, edited):
    take(task, eve)
    Task.objects.edit(task.pk, by=operator, **edited)
    row = Task.objects.get(pk=task.pk)
    assert (row.state, row.timeout_at, row.stall_s, row.lease_look_at) == ("claimed", None, 0, None)
    Task.objects.release(task.pk, 1, by=eve, reason="later")
    assert {name: getattr(Task.objects.get(pk=task.pk), name) for name in edited} == edited


def test_who_was_deleted_and_is_here_again_holds_on(task, ticket, eve, member, operator):
    take(task, eve)
    eve.delete()
    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"]
    assert (cause["who"], "can no longer work" in cause["what"]) == ("operator", True)
    again = member("eve")
    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"]
    assert cause["who"] == "user:eve"
    complete(task, again)
    assert Agent.objects.get(kind="person").owner == again
    authors = sql.rows("SELECT omoi_authors(%s, %s) AS id", [ticket.pk, task.phase])
    assert [row["id"] for row in authors] == [again.pk]


def test_who_reviews_their_own_work_by_hand_is_called_by_their_name(task, ticket, eve, operator):
    take(task, eve)
    complete(task, eve)
    [review] = Task.objects.add(ticket, [TaskSpec("Review")], by=operator)
    take(review, eve)
    complete(review, eve)
    assert sql.rows("SELECT omoi_reviewer_is(%s) AS name", [review.pk]) == [{"name": "user:eve"}]
