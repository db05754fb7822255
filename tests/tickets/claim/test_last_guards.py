"""An agent at work in guarded lanes begins its claims with their locks, and still misses nothing."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Pool, Project, ProjectSpec
from omoi_site.database import prepared, sql
from tests.factories import complete
from tests.support.concurrency import Act, meanwhile
from tests.tickets.claim.test_limits import in_doing, limit
from tickets.models import Task
from tickets.models.claim import claim
from tickets.models.task.lane import GUARD_LOCK

pytestmark = pytest.mark.django_db(transaction=True)

ADVISORY_LOCKS = """
SELECT objid::int AS project
FROM pg_locks
WHERE pid = %s
  AND locktype = 'advisory'
  AND granted
"""
STATEMENTS = {"HAVING bool_or(q.guarded": "look", "pg_advisory": "lock", "max_tickets": "grant"}


@pytest.fixture
def ada(ada):
    Agent.objects.filter(pk=ada.pk).update(capacity=20)
    return ada


@pytest.fixture
def other(operator, ada):
    project = Project.objects.create_project(ProjectSpec("OTHER", workflow="simple"), by=operator)
    ada.projects.add(project)
    return project


def claimed(agent, **options):
    """The project of what one claim grants, and what kinds of statement it takes."""
    with CaptureQueriesContext(connection) as seen:
        claims = Task.objects.claim(by=agent, **options)
    texts = [query["sql"] for query in seen]
    sent = [name for text in texts for mark, name in STATEMENTS.items() if mark in text]
    return claims and claims[0].ticket.split("-")[0], sent


def test_only_the_first_claim_looks_without_locks(project, ada, operator):
    in_doing(project, operator, 5)
    limit(project, operator, max_tickets=9)

    assert claimed(ada)[1] == ["look", "lock", "grant"]
    assert claimed(ada)[1] == ["lock", "grant"]
    assert claimed(ada, phases=["DOING"])[1] == ["look", "lock", "grant"]  # it asks for something else

    limit(project, operator, max_tickets=None)
    assert claimed(ada)[1] == ["lock", "grant"]  # and learns that nothing is guarded any more
    assert claimed(ada)[1] == ["look"]


def test_a_claim_that_finds_nothing_keeps_its_locks_in_mind(project, ada, bob, operator):
    """At a limit it looks once, and the work that comes then is granted without another look."""
    in_doing(project, operator, 5)
    limit(project, operator, max_tickets=9)
    claimed(ada)
    limit(project, operator, max_tickets=1)

    assert claimed(ada) == ([], ["lock", "grant"])
    assert claimed(ada) == ([], ["lock", "grant"])
    limit(project, operator, max_tickets=9)
    assert claimed(ada) == (project.key, ["lock", "grant"])


def test_work_that_comes_while_a_claim_waits_for_its_row_is_granted(other, ada, operator):
    """What finds the projects to lock waits for the agent's row, and does not see what came meanwhile; what
    then grants does.
    """
    Pool.objects.create_pool("shared", by=operator)
    Agent.objects.filter(pk=ada.pk).update(pools=["shared"])
    ada.refresh_from_db()

    with meanwhile(lambda: claimed(ada)) as act:
        prepared.rows(claim.LOCK_AGENT, {"agent": ada.pk})
        in_doing(other, operator, 1)

    assert act.answer() == ("OTHER", LOCKS_MORE)


def test_an_agent_that_names_pools_never_looks_without_locks(project, other, ada, operator):
    """Each of its lanes is guarded; which projects to lock, it finds with its own row locked."""
    Pool.objects.create_pool("shared", by=operator)
    Agent.objects.filter(pk=ada.pk).update(pools=["shared"])
    ada.refresh_from_db()

    assert claimed(ada) == ([], ["lock", "grant"])
    in_doing(other, operator, 2)
    assert claimed(ada) == ("OTHER", ["lock", "grant"])
    in_doing(project, operator, 1)
    with transaction.atomic():
        assert claimed(ada) == (project.key, LOCKS_MORE)
        held = sql.rows(ADVISORY_LOCKS, [connection.connection.info.backend_pid])
    assert {row["project"] for row in held} == {project.pk, other.pk}


LOCKS_MORE = ["lock", "grant", "lock", "grant"]


def test_critical_work_of_a_project_that_had_none_is_granted_first(project, other, ada, operator):
    in_doing(project, operator, 5, priority=3)
    limit(project, operator, max_tickets=9)
    limit(other, operator, max_tickets=9)
    [low] = Task.objects.claim(by=ada)
    complete(low, by=ada)
    in_doing(other, operator, 1, priority=0)

    assert claimed(ada) == ("OTHER", LOCKS_MORE)


def test_what_became_guarded_is_taken_in_turn(project, other, ada, operator):
    in_doing(project, operator, 5)
    limit(project, operator, max_tickets=9)
    for _ in range(2):
        assert claimed(ada)[0] == project.key
    limit(other, operator, max_tickets=9)
    in_doing(other, operator, 2)

    assert claimed(ada) == ("OTHER", LOCKS_MORE)  # whose turn it is
    assert claimed(ada) == ("OTHER", ["lock", "grant"])  # it has locked both


def test_work_that_is_not_guarded_is_granted_in_turn_without_another_look(project, other, ada, operator):
    in_doing(project, operator, 3)
    limit(project, operator, max_tickets=9)
    for _ in range(2):
        assert claimed(ada)[0] == project.key
    in_doing(other, operator, 1)

    assert claimed(ada) == ("OTHER", ["lock", "grant"])


def claimed_inside(agent):
    """The project of what one claim grants in a transaction of its caller, as with an Idempotency-Key."""
    with transaction.atomic():
        [granted] = Task.objects.claim(by=agent)
        return granted.ticket.split("-")[0]


def lock_guards(agent, project):
    prepared.rows(claim.LOCK_GUARDS, claim.claim_params(agent) | {"guards": [project.pk]})


@pytest.mark.parametrize("released", [True, False], ids=["released", "without a savepoint"])
def test_locks_that_brought_nothing_are_released_inside_a_transaction(
    project, other, ada, bob, operator, monkeypatch, released
):
    """Else bob's claim, which locks the project and then the pool, and ada's would wait for each other."""
    Pool.objects.create_pool("shared", by=operator)
    Agent.objects.update(pools=["shared"])
    in_doing(other, operator, 1)
    assert claimed(ada)[0] == "OTHER"
    in_doing(project, operator, 1)
    if not released:
        monkeypatch.setattr(claim, "RELEASE_LOCKS", "SELECT")

    with transaction.atomic():
        sql.rows("SET LOCAL lock_timeout = '100ms'")
        sql.rows("SELECT pg_advisory_xact_lock(%s, %s)", [GUARD_LOCK, project.pk])
        others = Act(lambda: claimed_inside(ada))
        others.start()
        assert others.waits()  # for the lock of the project
        held = sql.rows(ADVISORY_LOCKS, [others.backend])
        if released:
            lock_guards(bob, project)
        else:
            with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
                lock_guards(bob, project)

    assert [row["project"] for row in held] == ([] if released else [other.pk])
    assert others.answer() == project.key


def test_only_claims_with_locks_mark_where_to_go_back_to(project, ada, operator):
    in_doing(project, operator, 2)
    with transaction.atomic(), CaptureQueriesContext(connection) as plain:
        Task.objects.claim(by=ada)
    limit(project, operator, max_tickets=9)
    with transaction.atomic(), CaptureQueriesContext(connection) as guarded:
        Task.objects.claim(by=ada)

    assert len(plain) == 1
    assert claim.MARK in [query["sql"] for query in guarded]
