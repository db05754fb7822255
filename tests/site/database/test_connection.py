"""A connection that is kept between requests."""

from __future__ import annotations

import pytest
from django.db import connection

from omoi_site.database import sql

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
