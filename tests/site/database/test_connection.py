"""A connection that is kept between requests."""

from __future__ import annotations

import os
import socket

import pytest
from django.db import OperationalError, connection

from omoi_site.database import prepared, sql

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_that_was_ended_just_after_its_use_is_opened_anew():
    kept = connection.copy()
    try:
        with kept.cursor() as cursor:
            [pid] = cursor.execute("SELECT pg_backend_pid()").fetchone()
        sql.rows("SELECT pg_terminate_backend(%s, 5000)", [pid])

        kept.close_if_unusable_or_obsolete()  # as before every request

        with kept.cursor() as cursor:
            assert cursor.execute("SELECT pg_backend_pid()").fetchone() != (pid,)
    finally:
        kept.close()


def test_a_prepared_statement_on_a_lost_connection_fails_like_any_other():
    """Who can try again must see that: another error would be taken for the statement's own."""
    prepared.rows("SELECT %(n)s::int AS n", {"n": 1})
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
    try:
        with pytest.raises(OperationalError):
            prepared.rows("SELECT %(n)s::int AS n", {"n": 1})
    finally:
        connection.close()
