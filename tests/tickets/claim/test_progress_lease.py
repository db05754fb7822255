"""A claim that shows no progress is stalled, and after a grace it is taken back."""

from __future__ import annotations

from io import BytesIO

import pytest

from agents.models import Event, Project
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import (
    Artifact,
    ClaimLost,
    NewArtifact,
    SweepRun,
    Task,
    TaskSpec,
    Ticket,
    TicketSpec,
    Workflow,
)
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query

pytestmark = pytest.mark.django_db

LIMIT, GRACE = 1_800, 600
DOCUMENT = """
name: careful
phases:
  - {{name: DOING, to: [DONE]{more}}}
  - {{name: DONE, to: []}}
"""


def passes(seconds: float) -> None:
    """Time goes by, in which leases are renewed and sweeps run."""
    sql.rows(
        """
        UPDATE tickets_task
        SET
          active_at = active_at - interval '1 s' * %s,
          stalled_at = stalled_at - interval '1 s' * %s,
          lease_look_at = lease_look_at - interval '1 s' * %s
        WHERE state = 'claimed'
        """,
        [seconds] * 3,
    )
    SweepRun.note({"lapse": "", "stall": ""})


def beat(claim, by, mark=""):
    kept, lost = Task.objects.renew([(claim.task, claim.fence)], by=by, marks=[mark])
    return kept[0] if kept else lost[0]


def sweep() -> None:
    Task.objects.stall()
    Task.objects.look_later()


def row(claim):
    return Task.objects.get(pk=claim.task)


def stalled(claim) -> bool:
    return row(claim).stalled_at is not None


def held(claim, by) -> bool:
    return row(claim).holder_id == by.pk


def set_project(project, operator, **limits) -> None:
    with Project.objects.locked(pk=project.pk) as locked:
        locked.edit(by=operator, **limits)
    project.refresh_from_db()


@pytest.fixture
def claim(task, ada):
    [claim] = Task.objects.claim(by=ada)
    return claim


def claimed(ticket, ada, operator, **spec):
    Task.objects.add(ticket, [TaskSpec("Write the endpoint", **spec)], by=operator)
    [claim] = Task.objects.claim(by=ada)
    return claim


def test_a_project_says_half_an_hour_and_ten_minutes_unless_it_says_otherwise(claim, project):
    assert (claim.stall_after_s, project.stall_after_s, project.stall_grace_s) == (LIMIT, LIMIT, GRACE)


@pytest.mark.parametrize(
    ("own", "phase", "counts"),
    [(60, 120, 60), (None, 120, 120), (None, None, 240), (0, 120, 0), (None, 0, 0)],
)
def test_the_task_says_it_else_its_phase_else_its_project(project, operator, ada, own, phase, counts):
    set_project(project, operator, stall_after_s=240)
    more = "" if phase is None else f", stall_after_s: {phase}"
    Workflow.objects.install(DOCUMENT.format(more=more), by=operator)
    set_project(project, operator, workflow="careful")
    ticket = Ticket.objects.open(project, TicketSpec("With care"), by=operator)
    assert claimed(ticket, ada, operator, stall_after_s=own).stall_after_s == counts


def test_an_answer_of_the_project_counts_in_lanes_that_are_there(project, ticket, operator, ada):
    first = claimed(ticket, ada, operator)
    set_project(project, operator, stall_after_s=0)
    assert (first.stall_after_s, claimed(ticket, ada, operator).stall_after_s) == (LIMIT, 0)
    assert row(first).stall_s == LIMIT  # what the holder was told


def test_another_version_of_the_workflow_says_it_for_tasks_that_are_there(project, operator, ada):
    Workflow.objects.install(DOCUMENT.format(more=""), by=operator)
    set_project(project, operator, workflow="careful")
    ticket = Ticket.objects.open(project, TicketSpec("With care"), by=operator)
    Task.objects.add(ticket, [TaskSpec("Write the endpoint")], by=operator)
    target = Workflow.objects.install(DOCUMENT.format(more=", stall_after_s: 90"), by=operator)
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.follow(target, by=operator)
    [claim] = Task.objects.claim(by=ada)
    assert claim.stall_after_s == 90


def test_a_claim_is_stalled_at_its_limit_and_not_before(claim, ada):
    passes(LIMIT - 5)
    sweep()
    assert not stalled(claim)
    assert not beat(claim, ada)["stalled"]

    passes(10)
    sweep()

    assert stalled(claim)
    assert held(claim, ada)
    assert beat(claim, ada)["stalled"]
    event = Event.objects.get(kind="task.stalled")
    assert event.data == {"fence": claim.fence, "holder": "ada"}


def test_a_stalled_claim_is_told_once_and_waits_for_a_person(claim, ada, operator):
    ada.seen()
    passes(LIMIT + 5)
    sweep()
    sweep()

    told = Task.objects.explanations([claim.task])[claim.task]
    assert Event.objects.filter(kind="task.stalled").count() == 1
    assert (told["waiting_on"], [cause["code"] for cause in told["causes"]]) == ("operator", ["no_progress"])
    assert told["causes"][0]["what"] == "ada has shown no progress for 30 minutes"
    [item], _ = attention_list.page(Query(), by=operator, limit=10)
    assert (item.kind.name, item.task, item.what) == (
        "no_progress",
        claim.task,
        "ada has shown no progress for 30 minutes",
    )


def test_a_holder_that_beats_with_the_same_mark_loses_the_claim_after_the_grace(claim, ada, bob):
    beat(claim, ada, "7 kB")
    passes(LIMIT + GRACE - 5)
    beat(claim, ada, "7 kB")
    sweep()
    assert held(claim, ada)
    assert Task.objects.explanations([claim.task])[claim.task]["causes"][0]["until"] is not None

    passes(10)
    beat(claim, ada, "7 kB")
    sweep()

    task = row(claim)
    assert (task.state, task.attempts, task.holder_id, task.stalled_at) == ("pending", 1, None, None)
    assert task.error.startswith("ada showed no progress for 24")
    assert Event.objects.filter(kind="task.taken_back").count() == 1
    assert beat(claim, ada, "8 kB")["code"] == "claim_lost"
    with pytest.raises(ClaimLost):
        complete(claim, by=ada).or_raise()
    [again] = Task.objects.claim(by=bob)
    assert (again.fence, again.attempt) == (claim.fence + 1, 2)


def test_a_mark_that_changes_keeps_the_claim_however_long_it_takes(claim, ada):
    for mark in range(100):
        beat(claim, ada, f"{mark} kB")
        passes(LIMIT - 5)
        sweep()
        assert not stalled(claim)
    assert held(claim, ada)


def test_a_holder_that_never_sent_a_mark_is_only_shown(claim, ada):
    passes(LIMIT + GRACE + 5)
    for _ in range(3):
        beat(claim, ada)
        sweep()
        passes(3_600)
    assert stalled(claim)
    assert held(claim, ada)
    assert complete(claim, by=ada).state == "completed"


def test_a_task_that_sets_its_own_limit_is_taken_back_without_marks(ticket, ada, operator):
    claim = claimed(ticket, ada, operator, stall_after_s=60)
    passes(60 + GRACE + 5)
    beat(claim, ada)
    sweep()
    assert row(claim).state == "pending"


def test_zero_is_never(ticket, ada, operator):
    claim = claimed(ticket, ada, operator, stall_after_s=0)
    beat(claim, ada, "7 kB")
    passes(10**6)
    beat(claim, ada, "7 kB")
    sweep()
    assert held(claim, ada)
    assert not stalled(claim)


def test_the_last_attempt_without_progress_fails_the_task(ticket, ada, operator):
    claim = claimed(ticket, ada, operator, stall_after_s=60, max_attempts=1)
    passes(60 + GRACE + 5)
    sweep()
    assert (row(claim).state, row(claim).failure) == ("failed", "no_progress")


SHOWS = {
    "progress": lambda claim, ticket, by: Task.objects.report_progress(
        claim.task, claim.fence, {"percent": 50}, by=by
    ),
    "an artifact": lambda claim, ticket, by: Artifact.objects.submit(
        ticket,
        NewArtifact("notes", BytesIO(b"half of it")),
        by=by,
        task=Task.objects.get(pk=claim.task),
        fence=claim.fence,
    ),
    "a new mark": lambda claim, ticket, by: beat(claim, by, "8 kB"),
}


@pytest.mark.parametrize("how", SHOWS)
def test_what_shows_progress_ends_the_stall(claim, ticket, ada, how):
    beat(claim, ada, "7 kB")
    passes(LIMIT + 5)
    sweep()
    assert stalled(claim)

    SHOWS[how](claim, ticket, ada)

    assert not stalled(claim)
    assert not beat(claim, ada)["stalled"]
    sweep()
    passes(LIMIT - 5)
    sweep()
    assert not stalled(claim)
    passes(GRACE + 10)
    sweep()
    assert row(claim).state == "pending"


def test_an_old_mark_again_is_progress_and_none_is_not(claim, ada):
    beat(claim, ada, "7 kB")
    beat(claim, ada, "8 kB")
    before = row(claim).active_at
    beat(claim, ada)
    beat(claim, ada, "8 kB")
    assert row(claim).active_at == before
    beat(claim, ada, "7 kB")
    assert row(claim).active_at > before


def test_the_next_holder_begins_anew(claim, ada, bob):
    beat(claim, ada, "7 kB")
    passes(LIMIT + GRACE + 5)
    sweep()
    Task.objects.claim(by=bob)
    task = row(claim)
    assert (task.activity, task.stalled_at) == ("", None)
    assert task.active_at == task.claimed_at or task.active_at > task.claimed_at


def test_a_limit_given_while_it_is_held_counts_at_once(claim, ada, operator):
    passes(100)
    Task.objects.edit(claim.task, by=operator, stall_after_s=60)
    sweep()
    assert stalled(claim)
    Task.objects.edit(claim.task, by=operator, stall_after_s=None)
    assert row(claim).stall_s == LIMIT


def test_the_end_of_a_lease_comes_before_the_end_of_patience(claim, ada):
    beat(claim, ada, "7 kB")
    passes(LIMIT + GRACE + 5)
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp() - interval '1 s'")
    sweep()
    assert held(claim, ada)
    Task.objects.lapse()
    assert row(claim).error == "the lease of ada ended without a word"


def test_a_machine_that_slept_leaves_thirty_seconds_to_show_progress(claim, ada):
    beat(claim, ada, "7 kB")
    passes(LIMIT)
    sweep()
    asleep = LIMIT + GRACE
    passes(asleep)
    sql.rows("UPDATE tickets_sweeprun SET at = at - interval '1 s' * %s", [asleep])
    beat(claim, ada, "7 kB")

    sweep()
    assert held(claim, ada)

    passes(31)
    sweep()
    assert row(claim).state == "pending"


def test_a_heartbeat_takes_one_statement_with_marks_too(claim, ada, django_assert_num_queries):
    with django_assert_num_queries(1):
        beat(claim, ada, "7 kB")
