"""A freeze at the highest rate of claims that this machine gives: nothing is granted after its answer."""

from __future__ import annotations

import subprocess
import sys
import time

import httpx
import pytest
from django.conf import settings

from agents.models import Agent, AgentSpec, Event, Key
from omoi_site.database import sql
from tests.support import children
from tests.support.api_client import ROOT
from tests.support.cluster import environment
from tests.support.wait import until
from tests.support.web_process import Web
from tickets.models import Task, TaskSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

BATCH, BEFORE_S, AFTER_S = 20, 1.5, 3
LOAD_S = 120  # at most: it is ended when it has been refused for long enough, however late it began
TASKS = 60_000
# By the numbers of transactions, not by clocks: a grant whose transaction the snapshot of the answer does not
# see was committed after it.
GRANTED_AFTER = """
SELECT count(*) AS grants
FROM agents_event
WHERE kind = 'task.claimed'
  AND NOT pg_visible_in_snapshot(xid, %s::pg_snapshot)
"""


@pytest.fixture
def webs():
    made = [Web(), Web()]
    yield made
    for web in made:
        web.stop()


def freeze_under_load(webs, operator, project, ticket):
    """Freeze everything under load. Returns the snapshot of its answer, and the claims in a second before."""
    agents = [
        Agent.objects.register(AgentSpec(f"a{n}", capacity=BATCH), projects=[project], by=operator)
        for n in range(12)
    ]
    keys = [Key.objects.issue(agent=agent, by=operator)[1] for agent in agents[:6]]
    _, boss = Key.objects.issue(user=operator, by=operator)
    for _ in range(TASKS // 5_000):
        Task.objects.add(ticket, [TaskSpec("x")] * 5_000, by=operator)
    seconds = str(LOAD_S)
    http = [
        children.start(
            [sys.executable, "-m", "tests.support.claim_load", f"http://{web.host}", seconds, *hand],
            cwd=settings.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for web, hand in zip(webs, (keys[:3], keys[3:]), strict=True)
    ]
    verbs = [
        children.start(
            [sys.executable, "-m", "tests.support.claim_pressure", seconds, str(BATCH), *hand],
            cwd=settings.ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for hand in ([agent.name for agent in agents[6:9]], [agent.name for agent in agents[9:]])
    ]
    claimed = Event.objects.filter(kind="task.claimed")
    assert until(lambda: claimed.count() > 500, LOAD_S, lambda: f"{claimed.count()} claims")
    counted, begun = claimed.count(), time.monotonic()
    time.sleep(BEFORE_S)  # the load itself, which takes time
    rate = (claimed.count() - counted) / (time.monotonic() - begun)
    answer = httpx.post(
        f"http://{webs[0].host}{ROOT}/freeze",
        json={"reason": "Smoke"},
        headers={"Authorization": f"Bearer {boss}"},
        timeout=30,
    )
    snapshot = sql.one("SELECT pg_current_snapshot()::text AS now")["now"]
    assert answer.json()["in_force"] is True, answer.text
    time.sleep(AFTER_S)  # the load again: what it might still be granted
    assert [process.poll() for process in verbs] == [None, None], "they still ask"
    for process in verbs:
        process.terminate()
    for process in [*http, *verbs]:
        process.communicate(timeout=60)
    return snapshot, rate


def test_no_grant_is_committed_after_its_answer_and_a_restart_changes_nothing(
    project, operator, ticket, webs, capsys
):
    snapshot, rate = freeze_under_load(webs, operator, project, ticket)

    assert Task.objects.ready().count() > 1_000, "the load must not end by itself"
    assert sql.one(GRANTED_AFTER, [snapshot])["grants"] == 0
    again = Web()
    try:
        agent = Agent.objects.get(name="a0")
        _, key = Key.objects.issue(agent=agent, by=operator)
        _, boss = Key.objects.issue(user=operator, by=operator)
        with httpx.Client(base_url=f"http://{again.host}{ROOT}", timeout=30) as client:
            client.headers["Authorization"] = f"Bearer {key}"
            assert client.post("/claims", json={"limit": 5}).status_code == 204
            assert sql.one(GRANTED_AFTER, [snapshot])["grants"] == 0
            client.post("/thaw", json={}, headers={"Authorization": f"Bearer {boss}"})
            assert len(client.post("/claims", json={"limit": 5}).json()["claims"]) == 5
    finally:
        again.stop()
    with capsys.disabled():
        print(f"\n{rate:.0f} claims a second before the freeze")
