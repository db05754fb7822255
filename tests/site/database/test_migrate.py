"""`manage.py migrate`: beside another start, and without what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from omoi_site.database import roles, sql
from omoi_site.database.binaries import NoServer
from omoi_site.database.startup import ONE_AT_A_TIME
from omoi_site.setup import paths
from tests.support import ROOT, children, cluster
from tests.support.wait import until

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = """
SELECT count(*) AS number
FROM pg_locks
WHERE locktype = 'advisory'
  AND (classid::bigint << 32 | objid::bigint) = %s
  AND NOT granted
"""


@pytest.mark.full
def test_it_waits_while_another_start_migrates():
    with cluster.owner() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        process = children.start(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env=cluster.environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: sql.one(WAITING, [ONE_AT_A_TIME])["number"] == 1 or process.poll() is not None)
        assert process.poll() is None
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


def test_a_lost_password_of_the_owner_is_named():
    file = cluster.HOME / paths.PASSWORD_OF_OWNER
    kept = file.rename(file.with_suffix(".kept"))
    try:
        with pytest.raises(NoServer, match=r"password\.owner is missing"), roles.as_owner():
            pass
    finally:
        kept.rename(file)
