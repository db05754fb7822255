"""Agents whose web process was killed ask again until they know what became of their request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from uuid import UUID

import pytest

from agents.models import Key
from bench import patient_agents
from bench.patient_agents import PatientAgents, worth_repeating
from omoi_site.database import sql
from tests.support.wait import until
from tickets.models import Task

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_an_unfinished_request_may_be_granted_is_asked_for_again(web, task, ada, monkeypatch):
    """The database still carries out the first request with this key, as when its process was killed."""
    once = UUID(int=7)
    monkeypatch.setattr(patient_agents.uuid, "uuid4", lambda: once)
    mark = sha256(f"{ada.label}\0{once}".encode()).digest()
    lock = [int.from_bytes(mark[:8], "big", signed=True)]
    _, key = Key.objects.issue(agent=ada, by="system:tests")
    agents = PatientAgents([key], [web.port])

    with ThreadPoolExecutor(1) as thread:
        sql.rows("SELECT pg_advisory_lock(%s)", lock)
        asked = thread.submit(agents.ask, "POST", "/claims", {"limit": 1}, key=key)
        until(lambda: agents.repeated > 1)
        sql.rows("SELECT pg_advisory_unlock(%s)", lock)

        [claim] = asked.result(10)["claims"]
    assert Task.objects.get(pk=claim["task"]["id"]).state == "claimed"
    assert agents.refused == 0


def test_what_is_refused_is_counted_and_not_asked_for_again(web, ada):
    _, key = Key.objects.issue(agent=ada, by="system:tests")
    agents = PatientAgents([key], [web.port])

    assert agents.ask("POST", "/claims", {"limit": 0}, key=key) == {}
    assert (agents.refused, agents.repeated) == (1, 0)


@pytest.mark.parametrize(("status", "again"), [(503, True), (200, False)])
def test_an_answer_that_is_a_list_is_repeated_by_its_status(status, again):
    assert worth_repeating(status, [{"code": "idempotency_in_progress"}]) is again


@pytest.mark.full
def test_only_what_was_settled_counts(web, task, ada):
    """A claim that is lost is settled by whoever holds the task since."""
    _, key = Key.objects.issue(agent=ada, by="system:tests")
    [claim] = Task.objects.claim(by=ada)
    agents = PatientAgents([key], [web.port])

    agents.settle([{"task": str(claim.task), "fence": claim.fence - 1, "outcome": "completed"}], key=key)
    assert agents.settled == 0
    agents.settle([{"task": str(claim.task), "fence": claim.fence, "outcome": "completed"}], key=key)
    assert agents.settled == 1
