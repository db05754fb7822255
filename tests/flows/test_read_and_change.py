"""Reading and changing stored things over HTTP."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from omoi_site.database.roles import as_owner
from tests.support import cluster
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


def test_the_schema_has_tickets_tasks_agents_events():
    assert {"tickets_ticket", "tickets_task", "agents_agent", "agents_event"} <= set(
        connection.introspection.table_names()
    )


def test_a_ticket_is_created_read_changed_and_archived(opened, calls):
    """A ticket is never deleted: an archived one is not listed, but can still be read."""
    ticket, _ = opened(description="All of it", priority="HIGH", labels=["payments"])
    read = calls.get(f"/tickets/{ticket['key']}").json()
    assert (read["title"], read["description"], read["priority"], read["labels"]) == (
        "Ship it",
        "All of it",
        "high",
        ["payments"],
    )

    assert (
        calls.patch(f"/tickets/{ticket['key']}", {"title": "Ship all of it"}).json()["title"]
        == "Ship all of it"
    )

    assert calls.delete(f"/tickets/{ticket['key']}").status_code == 405
    assert calls.post(f"/tickets/{ticket['key']}/archive", {}).status_code == 200
    assert calls.get("/tickets", project="OMO").json()["results"] == []
    assert calls.get(f"/tickets/{ticket['key']}").json()["archived_at"]


def test_a_task_is_created_read_and_changed(opened, calls):
    _, tasks = opened({"title": "Write it", "kind": "code", "priority": "low"})
    task = calls.get(f"/tasks/{tasks['Write it']['id']}").json()
    assert (task["title"], task["kind"], task["priority"], task["state"]) == (
        "Write it",
        "code",
        "low",
        "pending",
    )

    assert calls.patch(f"/tasks/{task['id']}", {"priority": "critical"}).json()["priority"] == "critical"
    assert calls.get(f"/tasks/{task['id']}").json()["priority"] == "critical"


def test_an_agent_is_created_read_and_changed_with_its_heartbeat(project, calls):
    """The registration returns the agent's key, shown only once. The heartbeat is sent by the agent
    itself.
    """
    made = calls.post(
        "/agents", {"name": "eve", "capabilities": ["python"], "capacity": 3, "projects": ["OMO"]}
    ).json()
    assert calls.get("/agents/eve").json()["capacity"] == 3
    assert calls.patch("/agents/eve", {"capacity": 2}).json()["capacity"] == 2

    from tests.support.api_client import Api

    beat = Api(made["key"]).post("/agents/me/heartbeat", {"claims": []})

    assert beat.status_code == 200
    assert calls.get("/agents/eve").json()["last_seen_at"]


@pytest.mark.django_db(transaction=True)
def test_an_event_is_stored_with_its_payload_and_read_back_equal(opened, claim, agent, calls):
    """No route writes an event directly: it records an act, here progress with a nested payload."""
    opened("Write it")
    [held] = claim()
    told = {
        "message": "half",
        "percent": 50.0,
        "checkpoint": {"branch": "b", "commit": "c0ffee", "summary": "überall", "next_step": ""},
    }

    assert (
        agent.post(f"/tasks/{held['task']['id']}/progress", {"fence": held["fence"], **told}).status_code
        == 200
    )

    [event] = calls.get("/events", kind="task.progressed").json()["results"]
    assert event["data"] == told
    assert event["actor"] == "agent:ada"


def test_an_archived_ticket_grants_none_of_its_tasks_and_keeps_them(opened, claim, calls):
    """They wait until it is restored."""
    ticket, tasks = opened("Write it")
    calls.post(f"/tickets/{ticket['key']}/archive", {})
    assert claim() == []
    assert calls.get(f"/tasks/{tasks['Write it']['id']}").json()["state"] == "pending"
    calls.post(f"/tickets/{ticket['key']}/restore", {})
    assert len(claim()) == 1


def test_migrations_say_what_the_models_say():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_an_empty_database_is_migrated_and_has_the_rules_and_workflows():
    environment = cluster.environment()
    for variable in ("DATABASE_URL", "OMOI_OWNER_URL"):
        here = urlsplit(environment[variable])
        environment[variable] = there = urlunsplit(here._replace(path="/omoi_from_zero"))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS omoi_from_zero")
        cursor.execute("CREATE DATABASE omoi_from_zero")
    try:
        words = [sys.executable, "manage.py", "migrate", "--no-input"]
        done = subprocess.run(
            words,
            cwd=settings.ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with psycopg.connect(there) as link:
            triggers = {
                name
                for (name,) in link.execute(
                    "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
                )
            }
            assert {
                "phase_guard",
                "birth_guard",
                "task_states",
                "journal_only_grows",
                "history_is_never_emptied",
            } <= triggers
            assert ("simple",) in link.execute("SELECT name FROM tickets_workflow").fetchall()
    finally:
        with as_owner(), connection.cursor() as cursor:
            # not WITH (FORCE): it may not end an autovacuum worker, which the server ends itself
            cursor.execute("DROP DATABASE IF EXISTS omoi_from_zero")
    assert not Ticket.objects.exists()
