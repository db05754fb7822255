"""Tables as they are after an idle hour: buffers are counted of rows that are there, not of past ones."""

from __future__ import annotations

from django.db import connection

from omoi_site.database import sql
from tests.support import cluster
from tests.support.wait import until

# As long as another connection or an ANALYZE of the server's own holds a snapshot, past rows are kept for it.
HOLDERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database()
  AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
  AND pid NOT IN (pg_backend_pid(), %s)
"""


def vacuum() -> None:
    """VACUUM and ANALYZE all tables of ours, once nobody sees their past rows any more. Rows of an open
    transaction of ours would count as none.
    """
    assert not connection.in_atomic_block, "the rows of a test without transaction=True are seen by nobody"
    own = sql.one("SELECT pg_backend_pid() AS pid")["pid"]
    with cluster.superuser(connection.settings_dict["NAME"]) as link:
        link.autocommit = True
        assert until(lambda: not link.execute(HOLDERS, [own]).fetchall()), "a transaction is left open"
        # A row is seen by everybody only once its commit is on disk, which the tests' server does later.
        link.execute("SET synchronous_commit = on")
        link.execute("SELECT pg_current_xact_id()")
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        link.execute(f"VACUUM ANALYZE {', '.join(tables)}".encode())
