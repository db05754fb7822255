"""Adding tasks to a ticket, and counting what they wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

from agents import profiles
from agents.models import label, via
from agents.models.agent import words
from omoi_site import broker, db
from omoi_site.errors import Invalid
from tickets.models.lane import Lane
from tickets.obstacles import MET

if TYPE_CHECKING:
    from tickets.models.task import Task
    from tickets.models.ticket import Ticket

# What is left to wait for, from the edges and the parents' states alone.
COUNT_NEEDS = f"""
  SELECT c.id,
         greatest(0, least(c.join_count, count(n.id)) - count(*) FILTER (WHERE e.ended AND e.met))::int AS open_needs, count(n.id) FILTER (WHERE NOT e.ended)::int AS edges_left,
         (SELECT clock_timestamp()) AS now  -- read once: rank and moment agree, and what is ready together goes in order of birth
  FROM tickets_task c LEFT JOIN tickets_need n ON n.child_id = c.id LEFT JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (SELECT p.state IN ('completed', 'failed', 'cancelled') AS ended, {MET} AS met) e
"""
# Rows are locked in id order by the caller's lock statement.
RECOUNT = f"""
WITH truth AS ({COUNT_NEEDS} WHERE c.id = ANY (%(ids)s) AND c.state = 'pending' GROUP BY c.id),
told AS (
  UPDATE tickets_task t SET open_needs = c.open_needs, edges_left = c.edges_left, doomed = c.open_needs > c.edges_left,
         ready_at = CASE WHEN c.open_needs = 0 AND NOT t.asleep THEN coalesce(t.ready_at, c.now) END,
         rank = CASE WHEN c.open_needs = 0 AND NOT t.asleep THEN omoi_rank(t.priority, coalesce(t.ready_at, c.now), t.deadline,
                     (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id), t.retries) ELSE t.rank END,
         promote_at = CASE WHEN c.open_needs = 0 AND NOT t.asleep THEN omoi_promote_at(t.priority, coalesce(t.ready_at, c.now), t.deadline) END
  FROM truth c WHERE t.id = c.id RETURNING t.id, t.state, t.open_needs, t.asleep, t.held, t.profile)
SELECT * FROM told
"""
LOWER = """
UPDATE tickets_lane l SET floor = f.rank FROM (
  SELECT k.id, x.rank FROM tickets_lane k JOIN (SELECT lane_id, min(rank) AS rank FROM tickets_task WHERE id = ANY (%s) GROUP BY 1) x ON x.lane_id = k.id
  WHERE k.floor > x.rank FOR NO KEY UPDATE OF k SKIP LOCKED) f WHERE l.id = f.id
"""


@dataclass(frozen=True)
class NeedSpec:
    """What a new task waits for: a task's id, or the `ref` of another in the same batch."""

    on: int | str
    when: str = "success"
    on_failure: str = "hold"


@dataclass(frozen=True)
class TaskSpec:
    """A task to be added. `phase` empty: where the ticket's work is done now. `ended`: imported as completed."""

    title: str
    ref: str = ""
    description: str = ""
    kind: str = "task"
    phase: str = ""
    priority: int | None = None
    capabilities: Sequence[str] = ()
    needs: Sequence[NeedSpec] = ()
    join: int | None = None
    profile: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    timeout_s: int | None = None
    max_attempts: int = 3
    not_before: datetime | None = None
    deadline: datetime | None = None
    work_s: float | None = None
    ended: bool = False


class Adding(models.QuerySet[Any]):
    @db.atomic
    def add(self, ticket: Ticket, specs: Sequence[TaskSpec], *, by: Any) -> list[Task]:
        """Add tasks to a ticket, all or none, with their needs; a need names a task of the project or a `ref` of the batch."""
        from tickets.models.need import Edge, Need

        if any(spec.needs for spec in specs):
            Need.objects.lock_graph(ticket.project_id)
        # FOR SHARE, and only then the phase: a move of the ticket waits for us, or we for it
        now = db.one("SELECT phase, paused, archived_at FROM tickets_ticket WHERE id = %s FOR SHARE", [ticket.pk])
        assert now
        free = not (now["paused"] or now["archived_at"])
        open_in = ticket.plan.open_in(now["phase"]) if free else set()
        lanes: dict[Any, int] = {}
        tasks = [self._made(ticket, spec, now["phase"], open_in, lanes) for spec in specs]
        faults = [
            fault for place, (spec, task) in enumerate(zip(specs, tasks, strict=True)) for fault in _faults(place, spec, task, ticket)
        ]
        refs = [spec.ref for spec in specs if spec.ref]
        faults += [
            {"field": "tasks", "code": "invalid", "message": f"ref {ref} is there twice"}
            for ref in sorted({ref for ref in refs if refs.count(ref) > 1})
        ]
        if faults:
            raise Invalid(errors=faults)
        self.bulk_create(tasks)  # type: ignore[arg-type]
        ids = [task.pk for task in tasks]
        self._log_added(ids, by)
        by_ref = {spec.ref: task.pk for spec, task in zip(specs, tasks, strict=True) if spec.ref}
        edges = []
        for place, (spec, task) in enumerate(zip(specs, tasks, strict=True)):
            for need in spec.needs:
                parent = by_ref.get(need.on) if isinstance(need.on, str) else need.on
                if parent is None:
                    raise Invalid(f"no task with ref {need.on} in this batch", field=f"tasks.{place}.needs")
                edges.append(Edge(parent, task.pk, need.when, need.on_failure))
        Need.objects.add(ticket.project_id, edges, by=by)
        self.recount(ids)
        stored: dict[int, Any] = {task.pk: task for task in self.filter(pk__in=ids)}
        return [stored[pk] for pk in ids]

    def bring_in(self, work: Sequence[tuple[Ticket, TaskSpec]], *, now: datetime, by: Any) -> list[Task]:
        """One task for each of these tickets, which this transaction has just made: nobody can move them, so none is locked. Counted by the caller."""
        lanes: dict[Any, int] = {}
        tasks = [self._made(ticket, spec, ticket.phase, ticket.plan.open_in(ticket.phase), lanes) for ticket, spec in work]
        for task in tasks:
            task.ended_at = now if task.state == "completed" else None
        db.copy_in(tasks)
        self._log_added([task.pk for task in tasks], by)
        return tasks

    @db.atomic
    def recount(self, ids: Sequence[int]) -> None:
        """Count anew what pending tasks wait for, and rank those that are ready."""
        db.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
        told = db.rows(RECOUNT, {"ids": list(ids)})
        ready = [row for row in told if row["open_needs"] == 0 and not row["asleep"] and not row["held"]]
        if ready:
            self.lower_floors([row["id"] for row in ready])
        if any(row["profile"] for row in ready):
            broker.hint("work")

    @staticmethod
    def lower_floors(ids: Sequence[int]) -> None:
        """The lanes of these ready tasks hide none of them; a lane locked by somebody else is left to the sweep."""
        db.rows(LOWER, [list(ids)])

    def _made(self, ticket: Ticket, spec: TaskSpec, phase: str, open_in: set[str], lanes: dict[Any, int]) -> Task:
        """A task as it will be stored; `lanes` remembers those that were looked up for the same project."""
        plan = ticket.plan
        standing = phase if phase in plan else ticket.previous_phase or plan.start
        where = (
            spec.phase.upper().removeprefix("PHASE_")
            or (plan.after(standing) if plan[standing].automatic == "on_claim" else standing)
            or standing
        )
        capabilities = words(spec.capabilities)
        marks = (where, tuple(capabilities), bool(spec.profile))
        if where in plan and marks not in lanes:
            lanes[marks] = Lane.objects.of(project=ticket.project, phase=where, capabilities=capabilities, has_profile=bool(spec.profile))
        return self.model(
            ticket=ticket,
            ticket_key=ticket.key,
            project_id=ticket.project_id,
            lane_id=lanes.get(marks),
            phase=where,
            title=spec.title,
            description=spec.description,
            kind=spec.kind,
            priority=ticket.priority if spec.priority is None else spec.priority,
            capabilities=capabilities,
            profile=spec.profile,
            slots=spec.slots,
            join=spec.join,
            timeout_s=spec.timeout_s,
            max_attempts=spec.max_attempts,
            not_before=spec.not_before,
            asleep=spec.not_before is not None and not spec.ended,
            deadline=spec.deadline,
            work_s=spec.work_s,
            held=where not in open_in,
            state="completed" if spec.ended else "pending",
            ended_at=db.ClockTimestamp() if spec.ended else None,
        )

    @staticmethod
    def _log_added(ids: Sequence[int], by: Any) -> None:
        db.rows(
            """WITH a AS (UPDATE tickets_task SET events = events + 1 WHERE id = ANY (%s) RETURNING id, ticket_key, project_id, events, title, phase)
               INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
               SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events, 'task.added', %s, %s, jsonb_build_object('title', title, 'phase', phase), '' FROM a ORDER BY id""",
            [list(ids), label(by), via(by)],
        )


def _faults(place: int, spec: TaskSpec, task: Task, ticket: Ticket) -> list[dict[str, str]]:
    faults = []
    if task.lane_id is None:
        faults.append(("phase", f"{task.phase} is not a phase of {ticket.workflow}"))
    if spec.join is not None and not 1 <= spec.join <= len(spec.needs):
        faults.append(("join", f"between 1 and the number of needs ({len(spec.needs)})"))
    faults += profiles.faults(spec.profile, spec.slots).items()
    return [{"field": f"tasks.{place}.{name}", "code": "invalid", "message": message} for name, message in faults]
