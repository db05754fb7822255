"""Work that is slow but gets on is never taken back, at any load; work that does not is."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from agents.models import Agent, AgentSpec, Event
from omoi_site.database import sql
from tests.factories import complete
from tickets.models import SweepRun, Task, TaskSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

SLOW, WEDGED, MINUTES, LIMIT_S = 200, 10, 60, 100
MINUTE = """
UPDATE tickets_task
SET
  active_at = active_at - interval '60 s',
  lease_look_at = lease_look_at - interval '60 s'
WHERE state = 'claimed'
"""


def test_of_200_whose_mark_changes_once_a_minute_none_is_taken_under_load(ticket, project, operator):
    holders = [
        Agent.objects.register(AgentSpec(f"slow-{n}", capacity=SLOW), projects=[project], by=operator)
        for n in range(4)
    ]
    busy = Agent.objects.register(AgentSpec("busy", capacity=5), projects=[project], by=operator)
    specs = [TaskSpec(f"slow {n}", stall_after_s=LIMIT_S) for n in range(SLOW + WEDGED)]
    Task.objects.add(ticket, specs, by=operator)
    held = {agent: Task.objects.claim(by=agent, limit=SLOW // 4, lease_s=14_400) for agent in holders}
    wedged = Task.objects.claim(by=holders[0], limit=WEDGED, lease_s=14_400)
    Task.objects.add(ticket, [TaskSpec(f"quick {n}") for n in range(2_000)], by=operator)
    over, faults = threading.Event(), []
    sql.rows("UPDATE agents_project SET stall_grace_s = 1")

    def until_over(act):
        try:
            while not over.is_set():
                act()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    def sweep():
        SweepRun.note({"lapse": "", "stall": ""})
        Task.objects.stall()
        Task.objects.look_later()

    def load():
        for claim in Task.objects.claim(by=busy, limit=5):
            complete(claim, by=busy)

    threads = [threading.Thread(target=until_over, args=(act,), daemon=True) for act in (sweep, load)]
    for thread in threads:
        thread.start()
    for minute in range(MINUTES):
        sql.rows(MINUTE)
        for agent, claims in held.items():
            _, lost = Task.objects.renew(
                [(claim.task, claim.fence) for claim in claims], by=agent, marks=[f"{minute}"] * len(claims)
            )
            assert not lost
        Task.objects.renew(
            [(claim.task, claim.fence) for claim in wedged], by=holders[0], marks=["same"] * WEDGED
        )
    over.set()
    for thread in threads:
        thread.join()

    assert not faults
    sweep()
    taken = Event.objects.filter(kind="task.taken_back").values_list("subject", flat=True)
    assert set(taken) == {f"task:{claim.task}" for claim in wedged}
    slow = [claim.task for claims in held.values() for claim in claims]
    assert Task.objects.filter(pk__in=slow, state="claimed", fence=1).count() == SLOW
    assert Task.objects.filter(title__startswith="quick", state="completed").exists()
