"""What PostgreSQL may believe of our tables when it plans: nothing, or what was true on another day.

It chooses plans by the number of rows and the values that it found in a table when it last looked. After many
changes it is wrong until it looks again, so what a statement costs must not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from django.db import connection

from tests.support.cluster import superuser

# pages and rows of a table: not known; found empty; one row; many rows in little space; almost none in much
SIZES = [(0, -1), (0, 0), (1, 0), (1, 1), (1, 1_000), (1, 1_000_000), (1_000, 1), (1_000, 100_000)]
# share of nulls and number of different values of a column (-1: all differ)
VALUES = {"all null": (1.0, 0.0), "all the same": (0.0, 1.0), "all different": (0.0, -1.0)}
OURS = "(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
HOW_MANY = [3, pytest.param(12, marks=pytest.mark.full)]
FORGET = f"""
DELETE FROM pg_statistic WHERE starelid IN {OURS};
UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE oid IN {OURS};
"""
BELIEVE = """
SELECT pg_restore_relation_stats(
  'schemaname', 'public',
  'relname', %(table)s::text,
  'relpages', %(pages)s::int,
  'reltuples', %(rows)s::real
)
"""
BELIEVE_COLUMNS = """
SELECT pg_restore_attribute_stats(
  'schemaname', 'public',
  'relname', %(table)s::text,
  'attname', attname::text,
  'inherited', false,
  'null_frac', %(nulls)s::real,
  'avg_width', 8,
  'n_distinct', %(different)s::real
)
FROM pg_attribute
WHERE attrelid = %(table)s::regclass
  AND attnum > 0
  AND NOT attisdropped
"""


@contextmanager
def beliefs(tables: list[str], *, count: int, seed: int = 1) -> Iterator[Iterator[str]]:
    """One after the other, `count` things that PostgreSQL may believe of these tables, each with its
    description; first nothing. Afterwards it believes nothing.
    """
    random = Random(seed)

    def each(link: Any) -> Iterator[str]:
        yield "nothing"
        for _ in range(count - 1):
            link.execute(FORGET)
            yield ", ".join(_believe(link, table, random) for table in tables)

    with superuser(connection.settings_dict["NAME"]) as link:
        link.execute(FORGET)
        try:
            yield each(link)
        finally:
            link.execute(FORGET)


def _believe(link: Any, table: str, random: Random) -> str:
    pages, rows = random.choice(SIZES)
    link.execute(BELIEVE, {"table": table, "pages": pages, "rows": rows})
    values = random.choice(["", *VALUES])
    if values:
        nulls, different = VALUES[values]
        link.execute(BELIEVE_COLUMNS, {"table": table, "nulls": nulls, "different": different})
    return f"{table}: {rows} rows in {pages} pages {values}"
