"""Prepared statements on Django's connection: the same values, the same transactions, and one plan each."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, DataError, connection, transaction
from psycopg.types.json import Jsonb

from omoi_site.database import prepared, sql

ECHO = """
SELECT
  %(number)s::bigint AS number,
  %(text)s::text AS text,
  %(yes)s::bool AS yes,
  %(share)s::float8 AS share,
  %(document)s::jsonb AS document,
  %(numbers)s::bigint[] = ARRAY[1, NULL, 3]::bigint[] AS numbers,
  %(texts)s::text[] = ARRAY['a"b', 'c\\d', '', 'NULL', '{}'] AS texts,
  %(documents)s::jsonb[] = ARRAY['{"a": "\\"b"}'::jsonb, NULL] AS documents,
  '2026-01-02 03:04:05.06+00'::timestamptz AS at,
  5 %% 3 AS rest
"""
VALUES = {
    "number": -(2**62),
    "text": "naïve 'text' \\ %",
    "yes": False,
    "share": 0.1,
    "document": Jsonb({"a": [1, None]}),
    "numbers": [1, None, 3],
    "texts": ['a"b', "c\\d", "", "NULL", "{}"],
    "documents": [Jsonb({"a": '"b'}), None],
}
TOUCH = (
    "UPDATE agents_agent SET capacity = capacity + 1 WHERE id = %(agent)s RETURNING capacity - 5 AS touched"
)


def plans(text):
    [row] = sql.rows(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = %s",
        [prepared.statement(text).text.decode()],
    )
    return row["generic_plans"], row["custom_plans"]


@pytest.mark.django_db
def test_values_arrive_and_return_as_by_the_usual_way():
    assert prepared.rows(ECHO, VALUES) == sql.rows(ECHO, VALUES)
    [row] = prepared.rows(ECHO, VALUES)
    assert (row["numbers"], row["texts"], row["documents"], row["rest"]) == (True, True, True, 2)
    nothing = dict.fromkeys(VALUES)
    assert prepared.rows(ECHO, nothing) == sql.rows(ECHO, nothing)


@pytest.mark.django_db
@pytest.mark.parametrize("value", [{"text": "a\0b"}, {"texts": ["a\0b"]}], ids=["text", "array"])
def test_a_text_with_a_nul_character_is_refused_and_not_cut_off(value):
    with pytest.raises(DataError, match="NUL"):
        prepared.rows(ECHO, VALUES | value)


@pytest.mark.django_db(transaction=True)
def test_a_statement_belongs_to_the_transaction_around_it(ada):
    with transaction.atomic():
        assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 1}]
        transaction.set_rollback(True)
    assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 1}]  # outside, it is one of its own
    with transaction.atomic():
        assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 2}]
        with transaction.atomic():
            prepared.rows(TOUCH, {"agent": ada.pk})
            transaction.set_rollback(True)
        assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 3}]
    ada.refresh_from_db()
    assert ada.capacity == 5 + 3


@pytest.mark.django_db(transaction=True)
def test_it_is_planned_once_and_other_statements_as_usual(ada):
    connection.close()
    for _ in range(3):
        prepared.rows(TOUCH, {"agent": ada.pk})
    assert plans(TOUCH) == (3, 0)
    assert sql.one("SHOW plan_cache_mode") == {"plan_cache_mode": "auto"}
    with transaction.atomic():
        prepared.rows(TOUCH, {"agent": ada.pk})
        transaction.set_rollback(True)
    assert sql.one("SHOW plan_cache_mode") == {"plan_cache_mode": "auto"}
    prepared.rows(TOUCH, {"agent": ada.pk})
    assert plans(TOUCH) == (1, 0)  # a rollback has discarded it


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_the_server_has_discarded_is_prepared_again(ada):
    prepared.rows(TOUCH, {"agent": ada.pk})
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")
    assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 2}]

    touch = sql.atomic(lambda: prepared.rows(TOUCH, {"agent": ada.pk}))
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")
    assert touch() == [{"touched": 3}]  # inside of a transaction, the act is repeated as a whole
    connection.close()  # psycopg does not know that its own are gone


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("inner", [False, True], ids=["transaction", "savepoint"])
def test_a_rollback_before_any_statement_leaves_no_other_without_its_plan(ada, inner):
    for _ in range(3):
        ada.refresh_from_db()  # psycopg prepares it
    prepared.rows(TOUCH, {"agent": ada.pk})
    with transaction.atomic():
        if inner:
            with transaction.atomic():
                transaction.set_rollback(True)
        else:
            transaction.set_rollback(True)
    ada.refresh_from_db()
    assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 2}]


@pytest.mark.django_db(transaction=True)
def test_an_error_is_djangos_and_the_next_statement_works(ada):
    with pytest.raises(DatabaseError):
        prepared.rows("SELECT 1 / %(zero)s::int", {"zero": 0})
    assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 1}]


@pytest.mark.django_db
def test_a_statement_is_counted_like_any_other(ada, django_assert_num_queries):
    with django_assert_num_queries(1):
        prepared.rows(TOUCH, {"agent": ada.pk})
