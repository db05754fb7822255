"""Many claimers at once, threads of several processes, over HTTP against several web processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter

import pytest
from django.conf import settings
from django.db import connection

from agents.models import Agent, AgentSpec, Event, Key
from omoi_site.database import sql
from tests.factories import allow_workflow
from tests.support import children
from tests.support.concurrency import race
from tests.support.wait import until
from tests.support.web_process import Web
from tickets.models import Task, TaskSpec, TicketSpec, Workflow
from tickets.models.task.recheck import WRONG_NEEDS

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, CAPACITY, TO_AN_AGENT = (
    4,
    3,
    4,
)  # four claimers share an agent, so that its capacity is fought over
PLAIN = {"name": "plain", "phases": [{"name": "OPEN", "to": ["DONE"]}, {"name": "DONE", "to": []}]}


@pytest.fixture
def webs():
    made = [Web(), Web()]
    yield made
    for web in made:
        web.stop()


class Watcher(threading.Thread):
    """Checks all the time whether an agent holds more than its capacity."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.ended, self.looks = [], threading.Event(), 0

    def run(self):
        try:
            while not self.ended.wait(0.02):
                self.over += sql.rows(
                    """SELECT a.name, count(*) AS held
                       FROM tickets_task t
                       JOIN agents_agent a ON a.id = t.holder_id
                       GROUP BY a.id
                       HAVING count(*) > a.capacity"""
                )
                self.looks += 1
        finally:
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def storm(webs, keys, seconds):
    """Run the claimers in several processes. Returns all grants (task, fence)."""
    hands = [keys[place::PROCESSES] for place in range(PROCESSES)]
    words = [sys.executable, "-m", "tests.support.claim_load"]
    crowd = [
        children.start(
            [*words, f"http://{webs[place % len(webs)].host}", str(seconds), *hand],
            cwd=settings.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place, hand in enumerate(hands)
    ]
    told = [json.loads(process.communicate()[0]) for process in crowd]
    assert [fault for one in told for fault in one["faults"]] == []
    return [(int(task), fence) for one in told for _, task, fence in one["granted"]]


@pytest.mark.full
@pytest.mark.parametrize(
    ("claimers", "tasks", "rounds"),
    [
        pytest.param(16, 100, 1, id="16"),
        pytest.param(64, 1000, 2, id="64", marks=pytest.mark.full),
        pytest.param(64, 1000, 10, id="64, ten rounds", marks=pytest.mark.campaign),
    ],
)
def test_every_task_is_granted_once_and_nobody_holds_more_than_they_may(
    project, operator, webs, claimers, tasks, rounds
):
    from tickets.models import Ticket

    agents = [
        Agent.objects.register(AgentSpec(f"agent-{n}", capacity=CAPACITY), projects=[project], by=operator)
        for n in range(claimers // TO_AN_AGENT)
    ]
    keys = [Key.objects.issue(agent=agent, by=operator)[1] for agent in agents for _ in range(TO_AN_AGENT)]
    ticket = Ticket.objects.open(
        project,
        TicketSpec("A storm", workflow=allow_workflow(project, Workflow.objects.install(PLAIN))),
        by=operator,
    )

    for turn in range(rounds):
        made = {
            task.pk
            for task in Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(tasks)], by=operator)
        }
        with Watcher() as watcher:
            granted = storm(webs, keys, seconds=240)

        assert Counter(task for task, _ in granted) == dict.fromkeys(made, 1), f"round {turn}"
        assert {fence for _, fence in granted} == {1}
        assert watcher.over == []
        assert watcher.looks > 3
        assert set(Task.objects.filter(pk__in=made).values_list("state", "attempts")) == {("completed", 1)}
    for kind in ("task.claimed", "task.completed"):
        assert Event.objects.filter(kind=kind).count() == tasks * rounds
    assert sql.rows(WRONG_NEEDS, {"after": 0, "upto": 2**62, "ids": None}) == []


@pytest.mark.full
def test_a_claim_whose_holder_is_silent_can_be_claimed_within_its_lease_and_six_seconds(task, ada, bob, webs):
    """In real time and without a clock: an agent that polls finds the task."""
    import time

    import httpx

    from tests.support.api_client import ROOT

    _, key = Key.objects.issue(agent=bob, by="system:test")
    [old] = Task.objects.claim(by=ada, lease_s=5)
    begun = time.monotonic()
    with httpx.Client(
        base_url=f"http://{webs[0].host}{ROOT}", headers={"Authorization": f"Bearer {key}"}, timeout=20
    ) as client:
        answer = until(lambda: (got := client.post("/claims", json={})).status_code == 200 and got, 5 + 6)

    assert 4.5 < time.monotonic() - begun < 5 + 6
    [new] = answer.json()["claims"]
    assert (int(new["task"]["id"]), new["fence"], new["attempt"]) == (old.task, old.fence + 1, 2)


@pytest.mark.full
def test_threads_that_settle_neighbours_with_a_shared_child_free_it_once(ticket, project, operator):
    """Twelve parents end at the same time: the child becomes ready with the last one, with one event."""
    from tests.factories import complete
    from tickets.models.task.task_spec import NeedSpec

    agents = [
        Agent.objects.register(AgentSpec(f"agent-{n}"), projects=[project], by=operator) for n in range(12)
    ]
    parents = Task.objects.add(ticket, [TaskSpec(f"parent {n}") for n in range(12)], by=operator)
    [child] = Task.objects.add(
        ticket, [TaskSpec("child", needs=[NeedSpec(task.pk) for task in parents])], by=operator
    )
    claims = [Task.objects.claim(by=agent)[0] for agent in agents]

    [answers] = race(
        1,
        *[lambda _, by=by, held=held: complete(held, by=by) for by, held in zip(agents, claims, strict=True)],
    )

    assert {answer.state for answer in answers} == {"completed"}
    assert Task.objects.get(pk=child.pk).is_ready
    assert Event.objects.filter(kind="task.readied", subject=f"task:{child.pk}").count() == 1
