"""A completion after the lease is taken as long as nobody was granted the task since."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.db import IntegrityError, transaction

from agents.models import Event
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import (
    Artifact,
    ClaimLost,
    NewArtifact,
    NewDiscovery,
    Outcome,
    Task,
    TaskSpec,
    Ticket,
)
from tickets.models.task.task_spec import NeedSpec

pytestmark = pytest.mark.django_db


def lease_ends(claim) -> None:
    """No sweep has looked yet."""
    sql.rows(
        "UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s',"
        " lease_look_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [claim.task],
    )


def lapses(claim) -> None:
    lease_ends(claim)
    assert Task.objects.lapse() == 1


ENDS = {"lapsed": lapses, "not swept yet": lease_ends}


def row(claim):
    return Task.objects.get(pk=claim.task)


def heard(claim, by) -> str:
    """The code under which a heartbeat lists the claim as lost."""
    kept, lost = Task.objects.renew([(claim.task, claim.fence)], by=by)
    assert not kept
    return lost[0]["code"]


def refused(claim, by, state="completed") -> bool:
    [settled] = Task.objects.settle([Outcome(claim.task, claim.fence, state)], by=by)
    return settled.lost is not None


@pytest.fixture
def claim(task, ada):
    [claim] = Task.objects.claim(by=ada)
    return claim


@pytest.fixture(params=ENDS)
def ends(request):
    return ENDS[request.param]


def test_a_completion_after_the_lease_is_taken_and_marked(claim, ada, ends):
    ends(claim)
    assert heard(claim, ada) == "lapsed"

    settled = complete(claim, by=ada, result={"done": True})

    assert (settled.state, settled.late) == ("completed", True)
    assert (row(claim).state, row(claim).result) == ("completed", {"done": True})
    assert Event.objects.get(kind="task.completed").data["late"] is True


def test_the_same_completion_again_is_as_late(claim, ada, ends):
    ends(claim)
    first = complete(claim, by=ada)
    again = complete(claim, by=ada)
    assert (again.state, again.late, again.repeated) == (first.state, True, True)
    assert Event.objects.filter(kind="task.completed").count() == 1
    assert refused(claim, ada, "failed")


def test_a_completion_within_the_lease_is_not_late(claim, ada):
    assert not complete(claim, by=ada).late
    assert "late" not in Event.objects.get(kind="task.completed").data


def test_what_waited_for_it_goes_on_and_what_it_brings_is_kept(ticket, ada, operator, ends):
    parent, child = Task.objects.add(
        ticket, [TaskSpec("first", ref="a"), TaskSpec("then", needs=[NeedSpec("a")])], by=operator
    )
    [claim] = Task.objects.claim(by=ada)
    ends(claim)
    brought = Outcome(
        claim.task,
        claim.fence,
        "completed",
        artifacts=[NewArtifact("notes", BytesIO(b"all of it"))],
        discoveries=[NewDiscovery("bug", "It rounds down")],
    )

    [settled] = Task.objects.settle([brought], by=ada)

    assert settled.late
    assert Task.objects.get(pk=child.pk).is_ready
    assert Artifact.objects.filter(task=parent).exists()
    assert ticket.discoveries.count() == 1


def test_nothing_but_a_completion_is_taken_late(claim, ada, ends):
    ends(claim)
    assert refused(claim, ada, "failed")
    with pytest.raises(ClaimLost):
        Task.objects.report_progress(claim.task, claim.fence, {"percent": 50}, by=ada)
    with pytest.raises(ClaimLost):
        Task.objects.release(claim.task, claim.fence, by=ada)
    assert heard(claim, ada) == "lapsed"
    assert complete(claim, by=ada).late


def test_another_agent_cannot_complete_it_nor_another_fence(claim, ada, bob, ends):
    ends(claim)
    assert refused(claim, bob)
    [settled] = Task.objects.settle([Outcome(claim.task, claim.fence - 1, "completed")], by=ada)
    assert settled.lost
    assert heard(claim, bob) == "claim_lost"


def test_whoever_is_granted_it_since_has_it(claim, ada, bob):
    lapses(claim)
    [new] = Task.objects.claim(by=bob)
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)
    Task.objects.release(new.task, new.fence, by=bob)
    assert refused(claim, ada)
    [mine] = Task.objects.claim(by=ada)
    assert refused(claim, ada)
    assert complete(mine, by=ada).state == "completed"


def test_the_last_attempt_is_over_with_its_lease(ticket, ada, operator, ends):
    Task.objects.add(ticket, [TaskSpec("once", max_attempts=1)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    ends(claim)
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)


def test_what_has_taken_longer_than_it_may_is_refused(ticket, ada, operator, ends):
    Task.objects.add(ticket, [TaskSpec("quickly", timeout_s=100)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    ends(claim)
    sql.rows("UPDATE tickets_task SET started_at = started_at - interval '99 s'")
    assert heard(claim, ada) == "lapsed"
    sql.rows("UPDATE tickets_task SET started_at = started_at - interval '2 s'")
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)


def timed_out(claim, operator):
    sql.rows("UPDATE tickets_task SET timeout_s = 60, timeout_at = clock_timestamp() - interval '1 s'")
    assert Task.objects.time_out() == 1


def taken_back(claim, operator):
    sql.rows(
        "UPDATE tickets_task SET activity = 'x', active_at = active_at - interval '1 h',"
        " lease_look_at = clock_timestamp()"
    )
    Task.objects.stall()


def revoked(claim, operator):
    Task.objects.filter(pk=claim.task).revoke(by=operator)


def cancelled(claim, operator):
    Task.objects.filter(pk=claim.task).cancel(by=operator, reason="not wanted")
    Task.objects.filter(pk=claim.task).retry(by=operator, reason="wanted after all")


@pytest.mark.parametrize("taken", [timed_out, taken_back, revoked, cancelled])
def test_a_claim_that_was_taken_away_is_over(claim, ada, operator, taken):
    taken(claim, operator)
    assert row(claim).state == "pending"
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)


def on(ticket, verb, *args, **more):
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        getattr(locked, verb)(*args, **more)


def test_a_ticket_that_was_sent_back_and_came_again_has_revoked_it(claim, ticket, ada, operator, ends):
    ends(claim)
    on(ticket, "send_back", "TODO", by=operator, reason="once more")
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)
    on(ticket, "advance", by=operator)
    assert row(claim).is_ready
    assert heard(claim, ada) == "claim_lost"
    assert refused(claim, ada)


def test_a_blocked_ticket_takes_none_and_one_that_goes_on_does(claim, ticket, ada, operator, ends):
    ends(claim)
    on(ticket, "block", by=operator, reason="stuck", cause="clarification")
    assert refused(claim, ada)
    on(ticket, "unblock", by=operator)
    assert complete(claim, by=ada).late


def test_a_paused_ticket_stays_in_its_phase(claim, ticket, ada, operator, ends):
    ends(claim)
    on(ticket, "pause", by=operator)
    assert complete(claim, by=ada).late


def test_it_is_settled_together_with_others_and_followed_by_a_claim(ticket, ada, operator, ends):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(3)], by=operator)
    first, second = Task.objects.claim(by=ada, limit=2)
    ends(first)
    outcomes = [Outcome(claim.task, claim.fence, "completed") for claim in (first, second)]
    settled, claims = Task.objects.settle_and_claim(outcomes, by=ada)
    assert [each.late for each in settled] == [True, False]
    assert [each.state for each in settled] == ["completed"] * 2
    assert len(claims) == 1


def test_the_database_knows_no_other_way_from_pending_to_completed(claim, ada):
    lapses(claim)
    task = Task.objects.filter(pk=claim.task)
    for values in ({}, {"settled_as": "completed"}, {"settled_as": "late", "settled_by": ada.pk + 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            task.update(state="completed", **values)
    task.update(state="completed", settled_as="late")
