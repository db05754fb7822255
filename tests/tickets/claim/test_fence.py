"""The fence: an agent that lost a claim can change nothing, and learns who holds it."""

from __future__ import annotations

from itertools import product

import pytest

from agents.models import Event
from omoi_site.errors import OmoiError
from tests.factories import complete, fail, lapse
from tickets.models import ClaimLost, Task

pytestmark = pytest.mark.django_db

ACTS = {
    "completes": lambda claim, by: complete(claim, by=by),
    "fails": lambda claim, by: fail(claim, by=by),
    "releases": lambda claim, by: Task.objects.release(claim.task, claim.fence, by=by),
    "tells": lambda claim, by: Task.objects.report_progress(claim.task, claim.fence, {"percent": 50}, by=by),
    "renews": lambda claim, by: lost_of(Task.objects.renew([(claim.task, claim.fence)], by=by)),
}


def lost_of(answer):
    kept, lost = answer
    assert kept == []
    raise ClaimLost(**{name: value for name, value in lost[0].items() if name in ("holder", "state")})


def again(ada, bob, operator):
    """It lapsed and was granted to bob."""
    lapse(claim := Task.objects.claim(by=ada)[0])
    Task.objects.claim(by=bob)
    return claim, "bob"


def to_itself(ada, bob, operator):
    """It lapsed and was granted to the same agent anew: the old process must not write with the old fence."""
    lapse(claim := Task.objects.claim(by=ada)[0])
    Task.objects.claim(by=ada)
    return claim, "ada"


def over(ada, bob, operator):
    """Its lease is over, though no sweep has seen it and nobody else took it."""
    [claim] = Task.objects.claim(by=ada)
    Task.objects.filter(pk=claim.task).update(lease_expires_at="2020-01-01T00:00Z")
    return claim, "ada"


def taken_away(ada, bob, operator):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.filter(pk=claim.task).revoke(by=operator)
    return claim, None


def cancelled(ada, bob, operator):
    [claim] = Task.objects.claim(by=ada)
    Task.objects.filter(pk=claim.task).cancel(by=operator, reason="not wanted")
    return claim, None


def somebody_elses(ada, bob, operator):
    """The fence is right, the agent is not."""
    [claim] = Task.objects.claim(by=bob)
    return claim, "bob"


LOST = [again, to_itself, over, taken_away, cancelled, somebody_elses]


# a completion after the lease is another matter: see test_late_completions.py
@pytest.mark.parametrize(
    ("lost", "act"), [each for each in product(LOST, ACTS) if each != (over, "completes")]
)
def test_who_lost_a_claim_changes_nothing(task, ada, bob, operator, lost, act):
    claim, holder = lost(ada, bob, operator)
    before = Task.objects.filter(pk=task.pk).values().get(), Event.objects.count()

    with pytest.raises(OmoiError) as refused:
        ACTS[act](claim, ada)

    assert refused.value.code == "claim_lost"
    assert refused.value.more["holder"] == holder
    assert before == (Task.objects.filter(pk=task.pk).values().get(), Event.objects.count())


def test_of_two_outcomes_in_one_call_only_the_live_one_counts(task, ticket, ada, bob, operator):
    from tickets.models import Outcome, TaskSpec

    lapse(old := Task.objects.claim(by=ada)[0])
    Task.objects.claim(by=bob)
    Task.objects.add(ticket, [TaskSpec("another")], by=operator)
    [live] = Task.objects.claim(by=ada)

    first, second = Task.objects.settle(
        [Outcome(old.task, old.fence, "completed"), Outcome(live.task, live.fence, "completed")], by=ada
    )

    assert first.lost
    assert first.lost.more["holder"] == "bob"
    assert (second.state, second.lost) == ("completed", None)


def test_a_fence_only_grows(task, ada):
    from django.db import IntegrityError, transaction

    [claim] = Task.objects.claim(by=ada)
    for change in ({"fence": 0}, {"state": "completed"}, {"holder": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Task.objects.filter(pk=claim.task).update(**change)


def refusal_of_progress(claim, by, fence=None):
    with pytest.raises(ClaimLost) as refused:
        Task.objects.report_progress(claim.task, fence or claim.fence, {"percent": 50}, by=by)
    return refused.value.message, refused.value.next_action


def test_the_holder_with_another_fence_hears_which_one_is_its_own(task, ada, bob, operator):
    old, _ = to_itself(ada, bob, operator)

    said, instead = refusal_of_progress(old, ada)

    assert said == "fence 1 is of an earlier claim of this task: your present claim has fence 2"
    assert instead.startswith("Send fence 2 if you work under that claim")
    assert refusal_of_progress(old, ada, fence=9)[0].startswith("fence 9 is of no claim of this task")
    [command] = Task.objects.beat([(old.task, 9)], by=ada).commands
    assert command["reason"] == "fence 9 is of no claim of this task: your present claim has fence 2"
    assert refusal_of_progress(old, bob, fence=2)[0].endswith("not yours any more: the task is held by ada")


def test_whose_lease_has_ended_hears_what_is_still_taken(task, ada, bob, operator):
    claim, _ = over(ada, bob, operator)
    said, instead = refusal_of_progress(claim, ada)
    assert said == "the lease of this claim has ended; of it only a completion is still taken"
    assert f"POST /tasks/{task.pk}/completion" in instead
    Task.objects.lapse()
    assert refusal_of_progress(claim, ada) == (said, instead)

    Task.objects.filter(pk=task.pk).update(max_attempts=1)
    [second] = Task.objects.claim(by=bob)
    assert "Stop working" in refusal_of_progress(claim, ada)[1]
    Task.objects.filter(pk=task.pk).update(lease_expires_at="2020-01-01T00:00Z")
    said, instead = refusal_of_progress(second, bob)
    assert (said, instead) == ("the lease of this claim has ended", ClaimLost.next_action)
