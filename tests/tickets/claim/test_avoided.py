"""A task is not granted for a while to the agent that failed it, as long as another one can take it."""

from __future__ import annotations

import pytest

from agents.models import Agent, Project
from omoi_site.database import sql
from tests.tickets.explain.random_world import silent
from tickets.models import Outcome, Task, TaskSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(task, ada, bob):
    """`task` after an attempt of ada, due again."""
    [claim] = Task.objects.claim(by=ada)
    fail(claim, by=ada)
    return task


def fail(claim, *, by):
    Task.objects.settle([Outcome(claim.task, claim.fence, "failed", kind="transient")], by=by)
    Task.objects.filter(pk=claim.task).update(not_before="2020-01-01T00:00Z")
    Task.objects.wake()


def test_another_agent_gets_it_first(failed, ada, bob):
    assert Task.objects.claim(by=ada) == []
    assert [claim.task for claim in Task.objects.claim(by=bob)] == [failed.pk]


def full(bob, ticket, operator):
    Task.objects.add(ticket, [TaskSpec("other", priority=0)], by=operator)
    Agent.objects.filter(pk=bob.pk).update(capacity=1)
    [claim] = Task.objects.claim(by=bob)
    if claim.title != "other":
        Task.objects.release(claim.task, claim.fence, by=bob)
        raise AssertionError(claim)


NOBODY_ELSE = {
    "silent": lambda bob, **_: silent(bob),
    "away": lambda bob, operator, **_: Agent.objects.act(bob.pk, "make_unavailable", by=operator),
    "elsewhere": lambda bob, **_: bob.projects.clear(),
    "unable": lambda bob, **_: Agent.objects.filter(pk=bob.pk).update(phases=["TODO"]),
    "full": lambda bob, ticket, operator: full(bob, ticket, operator),
}


@pytest.mark.parametrize("why", NOBODY_ELSE)
def test_the_same_agent_gets_it_at_once_if_no_other_can_take_it(failed, ada, bob, ticket, operator, why):
    NOBODY_ELSE[why](bob=bob, ticket=ticket, operator=operator)
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [failed.pk]


def test_a_limit_that_keeps_the_others_out_keeps_nobody_waiting(failed, ada, bob, ticket, project, operator):
    Task.objects.add(ticket, [TaskSpec("other", priority=0)], by=operator)
    with Project.objects.locked(pk=project.pk) as row:
        row.edit(by=operator, max_agents=1)
    assert [claim.title for claim in Task.objects.claim(by=ada)] == ["other"]
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [failed.pk]


def test_after_30_minutes_it_may_have_it_again(failed, ada, bob):
    sql.rows("UPDATE tickets_task SET avoid_until = avoid_until - interval '29 min 59 s'")
    assert Task.objects.claim(by=ada) == []
    sql.rows("UPDATE tickets_task SET avoid_until = avoid_until - interval '1 s'")
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [failed.pk]


def test_the_next_work_of_that_agent_does_not_wait(failed, ada, bob, ticket, operator):
    Task.objects.add(ticket, [TaskSpec("other", priority=3)], by=operator)
    assert [claim.title for claim in Task.objects.claim(by=ada, limit=5)] == ["other"]


def test_explain_says_who_avoids_it_and_until_when(failed, ada, bob):
    causes = Task.objects.explanations([failed.pk])[failed.pk]["causes"]
    assert causes[0]["what"].startswith("ada failed it; for another ")
    assert causes[0]["until"] == Task.objects.get(pk=failed.pk).avoid_until
    [claim] = Task.objects.claim(by=bob)
    fail(claim, by=bob)
    assert [claim.task for claim in Task.objects.claim(by=ada)] == [failed.pk]
