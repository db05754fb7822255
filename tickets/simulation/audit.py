"""Checks from the journal and a snapshot whether each task was done once and in a valid order. It never
relies on what agents report.

Events are replayed in the order of their ids. The statement of a claim begins after the commit that made its
task ready, so its event has a higher id than the event of that commit, whatever the clock did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection, transaction

from agents.models import Project
from omoi_site.database import sql

ENDED = {"completed", "failed", "cancelled"}
# The state of the task after each event; events caused by time have it in their data.
LEAVES = {
    "task.claimed": "claimed",
    "task.completed": "completed",
    "task.failed": "failed",
    "task.cancelled": "cancelled",
    "task.released": "pending",
    "task.revoked": "pending",
    "task.retried": "pending",
}
BY_TIME = {"task.lapsed", "task.timed_out", "task.taken_back"}
WAITS = """
(t.state = 'pending' AND (
  k.paused
  OR k.archived_at IS NOT NULL
  OR k.phase IN ('BLOCKED', 'CANCELLED')
  OR t.not_due AND t.not_before > clock_timestamp() + interval '10 min'
))
"""
TASKS = f"""
SELECT t.id, t.state, t.join_count, t.work_s, {WAITS} AS waits
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE t.project_id = %s
"""
NEEDS = """
SELECT n.parent_id, n.child_id, n.on_end, n.on_failure
FROM tickets_need n
JOIN tickets_task c ON c.id = n.child_id
WHERE c.project_id = %s
"""
EVENTS = sql.statement(__file__, "task_events")


@dataclass(frozen=True)
class Need:
    parent: int
    when: str
    on_failure: str

    def met(self, state: str) -> bool:
        if state not in ENDED:
            return False
        return self.on_failure == "continue" or self.when in (
            "always",
            "success" if state == "completed" else "failure",
        )


@dataclass(frozen=True)
class Snapshot:
    """The state when the run began: each task's state and needs, how many must be met, and the journal's last
    event.
    """

    states: dict[int, str]
    needs: dict[int, list[Need]]
    join: dict[int, int]
    last_event: int
    work: dict[int, float] = field(default_factory=dict)  # recorded seconds of work, if known
    waits: frozenset[int] = frozenset()  # open tasks held by a pause, a person or a later date

    @cached_property
    def held(self) -> set[int]:
        """Open tasks that are held or need a held one, so that nobody can do them in this run."""
        needed_by: dict[int, list[int]] = defaultdict(list)
        for child, needs in self.needs.items():
            for need in needs:
                needed_by[need.parent].append(child)
        held, new = set(self.waits), list(self.waits)
        while new:
            for child in needed_by[new.pop()]:
                if child not in held and self.states.get(child) not in ENDED and child not in self.join:
                    held.add(child)
                    new.append(child)
        return held

    @cached_property
    def open(self) -> set[int]:
        return {task for task, state in self.states.items() if state not in ENDED} - self.held


@dataclass
class AuditResult:
    """The result of the audit of the tasks that were open."""

    tasks: int
    held: int = 0  # further open tasks, not expected to be done
    done: int = 0
    done_twice: int = 0
    order_violations: int = 0
    held_twice: int = 0
    lost: int = 0
    makespan_s: float | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def faultless(self) -> bool:
        return not (self.done_twice or self.order_violations or self.held_twice or self.lost)


def take_snapshot(project: Project) -> Snapshot:
    """Take a snapshot of the project's tasks and needs."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tasks = sql.rows(TASKS, [project.pk])
        edges = sql.rows(NEEDS, [project.pk])
        last = sql.one("SELECT coalesce(max(id), 0) AS id FROM agents_event")
    assert last
    needs: dict[int, list[Need]] = defaultdict(list)
    for edge in edges:
        needs[edge["child_id"]].append(Need(edge["parent_id"], edge["on_end"], edge["on_failure"]))
    join = {task["id"]: task["join_count"] for task in tasks if task["join_count"] is not None}
    work = {task["id"]: task["work_s"] for task in tasks if task["work_s"] is not None}
    waits = frozenset(task["id"] for task in tasks if task["waits"])
    return Snapshot({task["id"]: task["state"] for task in tasks}, dict(needs), join, last["id"], work, waits)


def audit(project: Project, before: Snapshot, acknowledged: Collection[tuple[int, int]] = ()) -> AuditResult:
    """Audit the journal since `before`.

    acknowledged: the (task, fence) pairs whose completion the server confirmed to a client.
    """
    events = sql.rows(EVENTS, [project.pk, before.last_event, [*LEAVES, *BY_TIME]])
    now = sql.rows("SELECT id, state FROM tickets_task WHERE project_id = %s", [project.pk])
    completed = Counter(event["task"] for event in events if event["kind"] == "task.completed")
    result = AuditResult(tasks=len(before.open), held=len(before.held))
    result.done = sum(
        1
        for task in now
        if task["id"] in before.open and task["state"] == "completed" and completed[task["id"]]
    )
    for task in sorted(
        task for task, times in completed.items() if times + (before.states.get(task) == "completed") > 1
    ):
        result.done_twice += 1
        result.faults.append(f"task {task} was completed {completed[task]} times")
    _replay(events, before, result)
    kept = {(event["task"], event["fence"]) for event in events if event["kind"] == "task.completed"}
    for task, fence in sorted(set(acknowledged) - kept):
        result.lost += 1
        result.faults.append(
            f"the completion of task {task} with fence {fence} was confirmed, but is not in the journal"
        )
    result.makespan_s = _makespan(events)
    return result


def _replay(events: list[dict[str, Any]], before: Snapshot, result: AuditResult) -> None:
    states = dict(before.states)
    early = set()
    for event in events:
        task = event["task"]
        if event["kind"] == "task.claimed":
            if states.get(task) == "claimed":
                result.held_twice += 1
                result.faults.append(f"task {task} was granted with fence {event['fence']} while it was held")
            needs = before.needs.get(task, [])
            met = sum(need.met(states.get(need.parent, "pending")) for need in needs)
            if met < before.join.get(task, len(needs)) and task not in early:
                early.add(task)
                waited_for = [
                    str(need.parent) for need in needs if not need.met(states.get(need.parent, "pending"))
                ]
                result.faults.append(
                    f"task {task} was granted before what it needs had ended: {', '.join(waited_for)}"
                )
        states[task] = event["state"] if event["kind"] in BY_TIME else LEAVES[event["kind"]]
    result.order_violations = len(early)


def _makespan(events: list[dict[str, Any]]) -> float | None:
    """Seconds from the first grant to the last completion."""
    started: list[datetime] = [event["at"] for event in events if event["kind"] == "task.claimed"]
    ended: list[datetime] = [event["at"] for event in events if event["kind"] == "task.completed"]
    return round((max(ended) - min(started)).total_seconds(), 3) if started and ended else None
