"""A backup restored into another server: its transactions become the past of this one."""

from __future__ import annotations

import pytest

from agents.models.journal_changes import changed_since
from omoi_site.database import restored, roles, sql
from tests.factories import complete
from tests.support import cluster
from tests.support.api_client import api_of
from tickets.models import Task, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

FUTURE = 10**12
GUARDS = {  # each with the words that switch it on as the migrations did
    "agents_event": ("journal_only_grows", "ENABLE"),
    "tickets_phasemove": ("history_only_grows", "ENABLE ALWAYS"),
}


@pytest.fixture
def before(ticket, task, ada):
    """The journal of some acts, which have now the numbers of a server with many more transactions."""
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    read = kinds(api_of(ada))
    with cluster.owner() as link:
        for table, (guard, enable) in GUARDS.items():
            link.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
            link.execute(f"UPDATE {table} SET xid = (xid::text::bigint + {FUTURE})::text::xid8")
            link.execute(f"ALTER TABLE {table} {enable} TRIGGER {guard}")
    return read


def renumber():
    with roles.as_owner():
        return restored.renumber_transactions()


def kinds(api):
    return [event["kind"] for event in api.get("/events", topic="ticket:OMO-1").json()["results"]]


def test_the_journal_of_a_restored_backup_is_read_in_its_order_and_is_news_to_nobody(before, ada, operator):
    api = api_of(ada)
    assert kinds(api) == []
    assert changed_since(changed_since("").cursor).topics

    assert renumber()

    assert kinds(api) == before
    assert not changed_since(changed_since("").cursor).topics
    Ticket.objects.act(Ticket.objects.get().pk, "block", by=operator, reason="no key", cause="environment")
    assert kinds(api) == [*before, "ticket.moved"]
    assert not renumber()


def test_a_position_in_the_journal_of_another_server_is_refused(before, ada):
    renumber()
    answer = api_of(ada).get("/events", after=f"{FUTURE}_1")
    assert answer.status_code == 400
    assert "another database" in answer.json()["detail"]


def triggers():
    return sql.rows("SELECT tgrelid, tgname, tgenabled::text FROM pg_trigger ORDER BY 1, 2")


def test_tables_that_only_grow_stay_so(before):
    states = triggers()

    assert renumber()

    assert triggers() == states
    with cluster.owner() as link, pytest.raises(Exception, match="append-only"):
        link.execute("UPDATE agents_event SET reason = 'x'")
