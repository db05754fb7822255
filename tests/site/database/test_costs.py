"""Tests that count buffers count what a statement reads, not what its planning and its first run do."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from omoi_site.database import sql
from tests.support import ROOT
from tests.support.costs import cost_of, costs
from tickets.models.explain import task_explanation

# It shows what autovacuum does to a statement that is measured.
BY_ITSELF = {"tests/site/database/test_costs.py", "tests/tickets/claim/test_claim_cost.py"}

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_statement_costs_the_same_in_a_new_session(task):
    statement, params = task_explanation.waits_statement(), {"ids": [task.pk]}
    known = cost_of(statement, params).buffers

    for _ in range(2):
        connection.close()
        assert cost_of(statement, params).buffers == known
    connection.close()
    with costs() as found:
        sql.rows(statement, params)
    assert [each.buffers for each in found] == [known]


def test_tests_count_buffers_in_no_other_way():
    asked = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("*.py")
        if "ANALYZE, BUFFERS" in file.read_text()
    }

    assert asked - BY_ITSELF == {"tests/support/costs.py"}


def test_what_is_counted_is_rolled_back(task):
    change = "UPDATE tickets_task SET title = title || '!' WHERE id = %s"
    with transaction.atomic():
        cost_of(change, [task.pk])
        with costs():
            sql.rows(change, [task.pk])

    before = task.title
    task.refresh_from_db()
    assert task.title == f"{before}!"
