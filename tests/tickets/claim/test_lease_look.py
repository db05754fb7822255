"""A renewal costs no index an entry, because only the time to look at a lease is indexed. What has lapsed is
found as soon as ever.
"""

from __future__ import annotations

import pytest

from agents.models import Agent
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db


def looks():
    """For each held task the seconds from the look at its lease to the lease's end."""
    rows = sql.rows(
        """
        SELECT
          id,
          extract(epoch FROM lease_expires_at - lease_look_at)::float8 AS s
        FROM tickets_task
        WHERE lease_look_at IS NOT NULL
        """
    )
    return {row["id"]: row["s"] for row in rows}


def passes(seconds: float) -> None:
    """So much time passes for all leases and looks."""
    sql.rows(
        """
        UPDATE tickets_task
        SET
          lease_expires_at = lease_expires_at - interval '1 s' * %s,
          lease_look_at = lease_look_at - interval '1 s' * %s
        """,
        [seconds, seconds],
    )


def test_a_renewal_changes_no_index(task, ada):
    [claim] = Task.objects.claim(by=ada)
    changed = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'tickets_task'"
    before = sql.one(changed)

    Task.objects.renew([(claim.task, claim.fence)], by=ada)

    after = sql.one(changed)
    assert [after[name] - before[name] for name in before] == [1, 1]


def test_a_renewed_claim_is_looked_at_again_when_its_lease_ends(task, ada, bob):
    [claim] = Task.objects.claim(by=ada, lease_s=60)
    passes(50)
    Task.objects.renew([(claim.task, claim.fence)], by=ada)
    passes(20)
    assert looks()[task.pk] > 30

    assert (Task.objects.lapse(), Task.objects.look_later(), looks()) == (0, 1, {task.pk: 0})
    assert Task.objects.look_later() == 0

    assert Task.objects.claim(by=bob) == []
    passes(50)
    assert [claim.task for claim in Task.objects.claim(by=bob)] == [task.pk]


def test_a_lease_that_is_made_shorter_ends_in_time(task, ada):
    [claim] = Task.objects.claim(by=ada, lease_s=3600)
    Task.objects.renew([(claim.task, claim.fence)], by=ada, lease_s=5)
    assert looks()[task.pk] == 0

    passes(6)

    assert Task.objects.lapse() == 1
    assert looks() == {}


def test_a_claim_finds_what_lapsed_behind_many_that_were_renewed(ticket, ada, bob, operator):
    Agent.objects.filter(pk=ada.pk).update(capacity=200)
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(121)], by=operator)
    first = Task.objects.claim(by=ada, limit=100) + Task.objects.claim(by=ada, limit=20)
    [gone] = Task.objects.claim(by=ada)
    passes(50)
    Task.objects.renew([(claim.task, claim.fence) for claim in first], by=ada)
    passes(20)

    assert [claim.task for claim in Task.objects.claim(by=bob)] == [gone.task]


def test_a_claim_that_has_ended_is_looked_at_no_more(ticket, ada, operator):
    Task.objects.add(ticket, [TaskSpec(f"{n}") for n in range(4)], by=operator)
    done, back, revoked, cancelled = Task.objects.claim(by=ada, limit=4)
    assert len(looks()) == 4

    complete(done, by=ada)
    Task.objects.release(back.task, back.fence, by=ada)
    Task.objects.filter(pk=revoked.task).revoke(by=operator)
    Task.objects.act(cancelled.task, "cancel", by=operator, reason="not now")

    assert looks() == {}
