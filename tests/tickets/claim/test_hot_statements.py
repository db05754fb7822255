"""What PostgreSQL does for the statements of those who hold claims: no more than once for each task."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from psycopg import sql as psycopg_sql

from agents.models import Agent
from bench.claim import asked, backlog, connect, numbered
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import Edge, Need, Task, TaskSpec
from tickets.models.claim.claim_sql import CLAIM
from tickets.models.claim.lease import RENEW
from tickets.models.claim.settle import SETTLE
from tickets.models.claim.start import START

MANY = 60


def run(statement: str, params: dict[str, Any]) -> dict[str, Any]:
    """The plan of one run that is rolled back, with its triggers."""
    text, names = numbered(statement)
    with connect() as link:
        given = ", ".join(psycopg_sql.Literal(params[name]).as_string(link) for name in names)
        link.execute("SET plan_cache_mode = force_generic_plan")
        link.execute(f"PREPARE measured AS {text}".encode())
        link.execute("BEGIN")
        [plan] = link.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE measured({given})".encode()).fetchone()
        link.execute("ROLLBACK")
    return plan[0]


def thrown_away(node: dict[str, Any]) -> float:
    """How many rows this part of a plan has read or compared for nothing."""
    own = sum(rows for name, rows in node.items() if name.startswith("Rows Removed by"))
    return own * node["Actual Loops"] + sum(thrown_away(child) for child in node.get("Plans", ()))


@pytest.fixture
def held(ticket, ada, bob):
    """Claims of ada, beside those of bob, in a database that was last analysed while nobody held anything."""
    backlog(ticket, 2 * MANY, 1)
    Agent.objects.filter(pk__in=[ada.pk, bob.pk]).update(capabilities=["skill-0"], capacity=MANY)
    return [Task.objects.claim(by=agent, limit=MANY) for agent in (bob, ada)][1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", [START, RENEW, SETTLE], ids=["start", "renew", "settle"])
def test_a_claim_is_compared_with_no_other(held, ada, statement):
    plan = run(
        statement,
        {
            "agent": ada.pk,
            "actor": ada.label,
            "key": "",
            "lease_s": None,
            "marks": ["a mark"] * MANY,
            "ids": [claim.task for claim in held],
            "fences": [claim.fence for claim in held],
            "outcomes": ["completed"] * MANY,
            "results": ["null"] * MANY,
            "errors": [""] * MANY,
            "again": [False] * MANY,
            "kinds": [""] * MANY,
            "rechecks": [False] * MANY,
            "failures": [""] * MANY,
            "limited": [False] * MANY,
        },
    )

    assert plan["Plan"]["Actual Rows"] == MANY
    assert thrown_away(plan["Plan"]) <= MANY
    assert "task_states" not in [trigger["Trigger Name"] for trigger in plan["Triggers"]]


@pytest.mark.django_db(transaction=True)
def test_the_trigger_of_states_is_called_for_no_claim(ticket, ada):
    backlog(ticket, MANY, 1)
    Agent.objects.filter(pk=ada.pk).update(capabilities=["skill-0"])

    plan = run(CLAIM, asked(ada, limit=5))

    assert plan["Plan"]["Actual Rows"] == 5
    assert "task_states" not in [trigger["Trigger Name"] for trigger in plan["Triggers"]]


WRONG = [
    *(
        {name: -1}
        for name in (
            *("priority", "join", "open_needs", "edges_left", "attempts", "retries", "worker_deaths"),
            *("lease_s", "stall_after_s", "events"),
        )
    ),
    *({"priority": 4}, {"max_attempts": 0}, {"max_attempts": 101}, {"timeout_s": 0}),
    *({"not_due": True}, {"timeout_at": "2026-01-01T00:00Z"}, {"lease_expires_at": "2026-01-01T00:00Z"}),
    {"state": "cancelled", "timeout_at": "2026-01-01T00:00Z"},
    {"state": "claimed", "fence": 1},
]


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_the_database_refuses_what_no_task_can_be(task, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(**wrong)
    assert Task.objects.filter(pk=task.pk, state="pending", attempts=0).exists()


@pytest.mark.django_db
def test_the_database_refuses_an_unknown_state(task, ada):
    Task.objects.claim(by=ada)
    with pytest.raises(IntegrityError, match="task_state"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(state="lost", holder=None, lease_expires_at=None)


@pytest.mark.django_db
def test_few_checks_hold_all_rules_of_a_task():
    """PostgreSQL prepares each of them anew in each statement that changes a task."""
    checks = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'tickets_task'::regclass"
    assert {row["conname"] for row in sql.rows(checks)} == {
        "task_state",
        "task_not_due_until",
        "task_numbers",
    }


@pytest.mark.django_db
def test_the_conditions_of_triggers_are_short():
    """PostgreSQL reads each of them anew, as a text, in each statement that changes such rows."""
    length = """
      SELECT sum(length(tgqual::text))
      FROM pg_trigger
      WHERE tgrelid IN ('tickets_task'::regclass, 'tickets_latestgrant'::regclass, 'agents_event'::regclass)
    """
    [row] = sql.rows(length)
    assert row["sum"] <= 8_000


@pytest.mark.django_db
def test_a_task_keeps_its_state_or_takes_one_that_may_follow(task, ada, operator):
    rows = Task.objects.filter(pk=task.pk)
    rows.update(state="pending")
    with pytest.raises(IntegrityError, match="new fence"), transaction.atomic():
        rows.update(state="claimed", holder=ada, lease_expires_at="2100-01-01T00:00Z")
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    rows.update(state="completed")
    for state in ("pending", "failed", "cancelled"):
        with pytest.raises(IntegrityError, match=f"completed cannot become {state}"), transaction.atomic():
            rows.update(state=state)


@pytest.mark.django_db
def test_the_results_of_what_a_task_needed_come_in_the_order_of_the_tasks(ticket, ada, operator):
    *parents, child = Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(4)], by=operator)
    edges = [Edge(parent.pk, child.pk) for parent in reversed(parents)]
    Need.objects.add(ticket.project_id, edges, by=operator)
    for claim in Task.objects.claim(by=ada, limit=3):
        complete(claim, by=ada)

    [claim] = Task.objects.claim(by=ada)

    assert [given["title"] for given in claim.brief["inputs"]] == ["task 0", "task 1", "task 2"]
