"""When a task is ready and when a need is met: what SQL says and what Python says are the same."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from django.db import connection

from omoi_site.database import sql
from tickets.models import Need, Task
from tickets.models.task.readiness import MET, OPEN, READY, READY_Q, READY_WHEN, met, ready_sql

pytestmark = pytest.mark.django_db

STATES = Task.State.values
ENDED = [state for state in STATES if state not in OPEN]


def test_a_need_is_met_in_python_as_in_sql():
    for on_end, on_failure, state in product(Need.When.values, Need.OnFailure.values, ENDED):
        row = sql.one(
            f"SELECT {MET} AS met FROM (VALUES (%s, %s)) n(on_end, on_failure), (VALUES (%s)) p(state)",
            [on_end, on_failure, state],
        )
        assert row is not None
        assert row["met"] == met(on_end, on_failure, state), (on_end, on_failure, state)


def test_no_need_is_met_before_its_parent_has_ended():
    assert not any(met(*case) for case in product(Need.When.values, Need.OnFailure.values, OPEN))


def test_a_task_is_ready_in_python_as_in_sql_and_as_a_condition():
    names = ("state", "open_needs", "not_due", "held", "operation")
    either = [False, True]
    for case in product(STATES, [0, 1, 2], either, either, ["", "sync", "merge"]):
        values = dict(zip(names, case, strict=True))
        row = sql.one(
            f"""
            SELECT {READY} AS ready
            FROM (VALUES (%s, %s::int, %s::bool, %s::bool, %s)) t({", ".join(names)})
            """,
            list(values.values()),
        )
        assert row is not None
        assert row["ready"] == Task(**values).is_ready == READY_Q.check(values), values


def test_the_index_of_ready_tasks_is_proved_by_the_words_of_the_claim(task):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT FROM tickets_task t WHERE t.lane_id = 1 AND {READY}")
        assert "task_ready" in str(cursor.fetchall())


def test_a_statement_may_leave_out_or_replace_a_condition_but_has_all_others():
    for name in READY_WHEN:
        others = [ready_sql(*(READY_WHEN.keys() - {other})) for other in READY_WHEN if other != name]

        assert ready_sql(name) == " AND ".join(others)
        assert ready_sql(**{name: "c.other"}) == READY.replace(f"t.{name}", "c.other")


SPELLED_OUT = re.compile(
    r"open_needs\s*={1,2}\s*0|\bNOT\s+(\w+\.)?not_due\b|'pending'\s+AND\s+(\w+\.)?not_due\b"
)


def test_no_statement_spells_out_when_a_task_is_ready():
    """They take it from `readiness.py`, so that a new condition is added only there. What migrations make,
    and the dump of that, is as it was when it was made.
    """
    root = Path(__file__).parents[3]
    product_code = [
        path
        for app in ("agents", "tickets", "collaboration", "omoi_site")
        for kind in ("*.py", "*.sql")
        for path in (root / app).rglob(kind)
        if "migrations" not in path.parts and path.name not in ("conditions.py", "schema.sql")
    ]
    assert root / "tickets/models/claim/claim.sql" in product_code

    assert [
        str(path.relative_to(root)) for path in product_code if SPELLED_OUT.search(path.read_text())
    ] == []
