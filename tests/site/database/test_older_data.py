"""A database that an earlier version wrote opens under this one, and work goes on in it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from omoi_site.database import binaries
from tests.support import cluster

ROOT = Path(__file__).resolve().parents[3]
# Projects, an agent at work, a need, an artifact and a verdict, as version 0.1 stored them before its code
# stood in rooms.
OLDER = Path(__file__).parent / "data" / "before_rooms.sql.gz"


@pytest.fixture
def older(transactional_db):
    """The environment of a process that works on a database of its own, written by the earlier version."""
    ours = cluster.environment()["DATABASE_URL"]
    theirs = urlsplit(ours)._replace(path="/older").geturl()
    with cluster.superuser() as link:
        link.execute("DROP DATABASE IF EXISTS older WITH (FORCE)")
        link.execute("CREATE DATABASE older OWNER omoi")  # the only role it knows
    loading = [binaries.binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", theirs]
    subprocess.run(loading, input=gzip.decompress(OLDER.read_bytes()), stdout=subprocess.DEVNULL, check=True)
    yield {**os.environ, "DATABASE_URL": theirs}
    with cluster.superuser() as link:
        link.execute("DROP DATABASE older WITH (FORCE)")


def manage(environment, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.full
def test_a_database_of_an_earlier_version_opens_and_works_on(older):
    with psycopg.connect(older["DATABASE_URL"]) as link:
        link.execute("ALTER TABLE tickets_workflowphase DISABLE TRIGGER USER")
        link.execute("UPDATE tickets_workflowphase SET gated = false")
        link.execute("ALTER TABLE tickets_workflowphase ENABLE TRIGGER USER")

    manage(older, "migrate", "--verbosity=0")

    with psycopg.connect(older["DATABASE_URL"]) as link:
        gated = link.execute(
            "SELECT phase.name FROM tickets_workflowphase phase JOIN tickets_workflow workflow"
            " ON workflow.id = workflow_id WHERE gated AND workflow.name = 'software_delivery'"
            " AND version = 1 ORDER BY position"
        ).fetchall()
    assert gated == [("REQUIREMENTS",), ("IMPLEMENTATION",), ("TESTING",)]
    manage(older, "makemigrations", "--check", "--dry-run")
    held = json.loads(manage(older, "explain", "OLD-1.1", "--json"))
    waiting = json.loads(manage(older, "explain", "OLD-1.2", "--json"))
    assert (held["state"], waiting["waiting_on"]) == ("claimed", "task:OLD-1.1")

    finish = """
import django
django.setup()
from agents.models import Agent
from tickets.models import Outcome, Task, Ticket, Workflow
ada = Agent.objects.get(name="ada")
[first] = Task.objects.filter(holder=ada)
Task.objects.filter(pk=first.pk).update(lease_expires_at="2100-01-01T00:00Z")
[settled] = Task.objects.settle([Outcome(first.pk, first.fence, "completed")], by=ada)
[second] = Task.objects.claim(by=ada)
gated = Ticket.objects.get(key="OLD-2")
print(settled.state, second.key, gated.artifacts.count(), gated.verdicts.count(),
    *(f"{name}/{version}" for name, version in Workflow.objects.order_by("name", "version")
      .values_list("name", "version")))
"""
    ran = subprocess.run(
        [sys.executable, "-c", finish],
        cwd=ROOT,
        env={**older, "DJANGO_SETTINGS_MODULE": "omoi_site.settings"},
        capture_output=True,
        text=True,
    )
    workflows = ["simple/1", "software_delivery/1", "software_delivery/2", "software_delivery_tasks/1"]
    assert ran.stdout.split() == ["completed", "OLD-1.2", "1", "1", *workflows], ran.stderr
