"""After a time without sweeps, a machine that slept loses no live work, but agents that are really gone
do.
"""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import SweepRun, Task, TaskSpec

pytestmark = pytest.mark.django_db


def sleep(seconds: float = 80) -> None:
    """The machine sleeps: every moment that was noted is so much longer ago."""
    ago = "interval '1 s' * %s"
    sql.rows(f"UPDATE tickets_sweeprun SET at = at - {ago}", [seconds])
    sql.rows(
        f"""
        UPDATE tickets_task
        SET
          lease_expires_at = lease_expires_at - {ago},
          timeout_at = timeout_at - {ago},
          extended_to = extended_to - {ago}
        """,
        [seconds] * 3,
    )


def swept() -> None:
    """A clock runs."""
    for name in ("lapse", "time_out"):
        SweepRun.ran(name)


def left(task) -> float:
    """Seconds until its lease ends."""
    [row] = sql.rows(
        """
        SELECT extract(epoch FROM lease_expires_at - clock_timestamp())::float8 AS s
        FROM tickets_task
        WHERE id = %s
        """,
        [task.pk],
    )
    return row["s"]


def test_a_machine_that_slept_gives_live_work_thirty_seconds(task, ada):
    [claim] = Task.objects.claim(by=ada)
    swept()
    sleep()

    assert Task.objects.lapse() == 0

    assert 20 < left(task) <= 30
    assert complete(claim, by=ada).state == "completed"


def test_while_sweeps_run_a_lapse_is_a_lapse(task, ada):
    Task.objects.claim(by=ada)
    swept()
    sql.rows("UPDATE tickets_task SET lease_expires_at = clock_timestamp()")
    assert Task.objects.lapse() == 1


def test_the_grace_is_given_by_whoever_looks_first(task, ada, bob):
    Task.objects.claim(by=ada)
    swept()
    sleep()
    assert Task.objects.claim(by=bob) == []
    assert left(task) > 29


def test_the_grace_is_given_once(task, ada, bob):
    """Without a clock every look is the first after an absence."""
    [old] = Task.objects.claim(by=ada)
    swept()
    sleep()
    assert Task.objects.claim(by=bob) == []
    sleep(31)

    [new] = Task.objects.claim(by=bob)

    assert (new.task, new.attempt) == (old.task, 2)


def test_a_renewed_claim_is_given_the_next_grace_too(task, ada):
    [claim] = Task.objects.claim(by=ada)
    for _ in range(3):
        swept()
        sleep()
        assert Task.objects.lapse() == 0
        kept, _ = Task.objects.renew([(claim.task, claim.fence)], by=ada)
        assert kept


def test_what_had_lapsed_before_the_absence_lapses(task, ada):
    Task.objects.claim(by=ada, lease_s=5)
    sleep(6)
    swept()
    sleep()
    assert Task.objects.lapse() == 1


ACTS = {
    "renews": lambda claim, by: Task.objects.renew([(claim.task, claim.fence)], by=by)[0],
    "completes": lambda claim, by: complete(claim, by=by),
    "tells": lambda claim, by: (
        Task.objects.report_progress(claim.task, claim.fence, {"percent": 50}, by=by) or True
    ),
    "releases": lambda claim, by: Task.objects.release(claim.task, claim.fence, by=by) or True,
}


@pytest.mark.parametrize("act", ACTS)
def test_a_holder_who_wakes_before_the_first_sweep_is_still_the_holder(task, ada, act):
    [claim] = Task.objects.claim(by=ada)
    swept()
    sleep()
    assert ACTS[act](claim, ada)


def test_what_is_told_of_a_claim_after_an_absence_is_what_the_first_sweep_would_make_of_it(
    ticket, operator, ada
):
    """Its holder has it, and has no more room than before."""
    held, other = Task.objects.add(ticket, [TaskSpec("held"), TaskSpec("other")], by=operator)
    Agent.objects.filter(pk=ada.pk).update(capacity=1)
    Task.objects.claim(by=ada)
    ada.seen()
    swept()
    sleep()

    def first_causes():
        causes = Task.objects.explanations([held.pk, other.pk])
        return [
            (causes[task.pk]["waiting_on"], causes[task.pk]["causes"][0]["code"]) for task in (held, other)
        ]

    before = first_causes()
    Task.objects.lapse()
    assert before == first_causes() == [("agent:ada", "capacity"), ("agents", "capacity")]
    assert "has no free capacity" in Task.objects.explanations([other.pk])[other.pk]["causes"][0]["what"]


def test_a_task_is_not_timed_out_by_a_sleep(ticket, ada, operator):
    [task] = Task.objects.add(ticket, [TaskSpec("Build it", timeout_s=60)], by=operator)
    Task.objects.claim(by=ada, lease_s=600)
    swept()
    sleep()
    assert Task.objects.time_out() == 0
    sleep(31)
    swept()
    assert Task.objects.time_out() == 1
    assert Task.objects.get(pk=task.pk).state == "pending"
