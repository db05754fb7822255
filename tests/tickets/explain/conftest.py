"""What tests of explanations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support.cluster import superuser
from tests.support.hostile_statistics import FORGET

EACH_TABLE = """
DO $$ DECLARE name regclass; BEGIN
  FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s {}', name);
  END LOOP;
END $$
"""


@pytest.fixture
def without_statistics(transactional_db) -> Iterator[None]:
    """All counts are planned alike, whatever PostgreSQL knows of the tables from other tests or would learn
    during this one.
    """
    with superuser(connection.settings_dict["NAME"]) as link:
        link.execute(EACH_TABLE.format("SET (autovacuum_enabled = false)"))
        link.execute(FORGET)
        yield
        link.execute(EACH_TABLE.format("RESET (autovacuum_enabled)"))
