"""Prepared statements on Django's connection: the same values, the same transactions, and one plan each."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, DataError, connection, transaction
from psycopg.types.json import Jsonb

from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from tests.support.costs import round_trips
from tests.support.kept_plans import discarded_statements

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


@pytest.fixture(autouse=True)
def rollbacks_discard():
    with discarded_statements():
        yield


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
def test_the_server_keeps_a_limited_number_of_them(monkeypatch):
    """Lists have a statement for each mixture of filters."""
    monkeypatch.setattr(prepared, "MOST", 3)
    texts = [f"SELECT {number} + %(more)s::int AS sum" for number in range(8)]
    connection.close()

    for _ in range(2):
        for number, text in enumerate(texts):
            assert prepared.rows(text, {"more": 1}) == [{"sum": number + 1}]
        with transaction.atomic():
            assert prepared.rows(texts[0], {"more": 2}) == [{"sum": 2}]
            assert prepared.rows(texts[7], {"more": 2}) == [{"sum": 9}]

    [kept] = sql.rows("SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'omoi_%%'")
    assert kept["n"] <= 4


@pytest.mark.django_db(transaction=True)
def test_an_error_is_djangos_and_the_next_statement_works(ada):
    with pytest.raises(DatabaseError):
        prepared.rows("SELECT 1 / %(zero)s::int", {"zero": 0})
    assert prepared.rows(TOUCH, {"agent": ada.pk}) == [{"touched": 1}]


@pytest.mark.django_db
def test_a_statement_is_counted_like_any_other(ada, django_assert_num_queries):
    with django_assert_num_queries(1):
        prepared.rows(TOUCH, {"agent": ada.pk})


# a ticket moves only with a row of history, which is looked for at the commit
MOVE = "UPDATE tickets_ticket SET phase = %(phase)s WHERE id = %(ticket)s RETURNING id"


def touch(agent, *, last=False):
    [row] = prepared.rows(TOUCH, {"agent": agent.pk}, last=last)
    return row["touched"]


@pytest.mark.django_db(transaction=True)
def test_statements_sent_together_see_what_those_before_have_done(ada):
    one, two = (TOUCH, {"agent": ada.pk}), (ECHO, VALUES)
    connection.close()
    assert prepared.rows("SELECT 1 AS one", {}) == [{"one": 1}]
    for _ in range(2):  # the first time they are prepared
        answers, trips = round_trips(lambda: prepared.together(one, two, one))
        assert [rows[0].get("touched") for rows in answers] in ([1, None, 2], [3, None, 4])
        assert trips == 1
    assert answers[1] == sql.rows(ECHO, VALUES)


@pytest.mark.django_db(transaction=True)
def test_after_an_error_nothing_of_what_was_sent_together_is_left(ada):
    wrong = ("SELECT 1 / %(zero)s::int AS n", {"zero": 0})
    for _ in range(2):
        with pytest.raises(DatabaseError, match="zero"):
            prepared.together((TOUCH, {"agent": ada.pk}), wrong, (ECHO, VALUES))
    with pytest.raises(DatabaseError, match="zero"), transaction.atomic():
        prepared.together((TOUCH, {"agent": ada.pk}), wrong)
    assert touch(ada) == 1
    assert prepared.rows(ECHO, VALUES) == sql.rows(ECHO, VALUES)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_begins_and_ends_with_its_statements(ada):
    def twice():
        with transaction.atomic():
            touch(ada)
            touch(ada, last=True)

    twice()
    assert round_trips(twice)[1] == 2
    assert touch(ada) == 5


@pytest.mark.django_db(transaction=True)
def test_only_the_end_of_the_outermost_block_commits(ada):
    with transaction.atomic():
        with transaction.atomic(savepoint=False):
            touch(ada, last=True)
        with transaction.atomic():
            touch(ada, last=True)
        transaction.set_rollback(True)
    assert touch(ada) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [True, False])
def test_hints_of_a_transaction_are_sent_however_it_is_committed(ada, before):
    sql.rows("DELETE FROM dramatiq.queue")
    with transaction.atomic():
        if before:
            hints.send("work")
        touch(ada, last=True)
        if not before:
            hints.send("work")
    sent = """
    SELECT q.xmin = a.xmin AS in_one
    FROM dramatiq.queue q
    JOIN agents_agent a ON a.id = %s
    WHERE q.message ->> 'actor_name' = 'work'
    """
    assert sql.rows(sent, [ada.pk]) == [{"in_one": before}]
    assert touch(ada) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last", [True, False])
def test_what_is_refused_at_the_commit_is_an_error_and_the_next_statement_works(ticket, ada, last):
    connection.close()  # a new one has planned nothing yet

    @transaction.atomic
    def move():
        sql.one("SELECT 1 AS one")
        touch(ada)
        prepared.rows(MOVE, {"ticket": ticket.pk, "phase": "DONE"}, last=last)

    with pytest.raises(DatabaseError, match="history"):
        move()
    assert [touch(ada), touch(ada)] == [1, 2]
    assert plans(TOUCH) == (3, 0)
    assert sql.one("SHOW plan_cache_mode") == {"plan_cache_mode": "auto"}
