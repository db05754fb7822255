"""What people change about a task that waits: its words, its limits, and its place in the order of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone
from psycopg.types.json import Jsonb

from agents.models import label, via
from agents.models.agent import words
from agents.models.versioned import shown
from omoi_site import limits
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound
from tickets.models.task.intervene import NotReady
from tickets.models.task.lane import Lane

if TYPE_CHECKING:
    from tickets.models.task.task import Task

EDITABLE = {"title", "description", "kind", "priority", "deadline", "not_before", "timeout_s", "max_attempts", "capabilities"}
# A claimed task is ranked too: it may come back. One that was never ready has no rank yet.
RERANK = """
UPDATE tickets_task t SET rank = omoi_rank(t.priority, t.ready_at, t.deadline, (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id), t.retries),
       promote_at = CASE WHEN t.state = 'pending' THEN omoi_promote_at(t.priority, t.ready_at, t.deadline) ELSE t.promote_at END
WHERE t.id = ANY (ARRAY(SELECT id FROM tickets_task WHERE id = ANY (%s) AND state IN ('pending', 'claimed') AND ready_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE))
RETURNING t.id, t.state = 'pending' AND t.open_needs = 0 AND NOT t.asleep AND NOT t.held AS ready
"""
REPRIORITISE = """
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE ticket_id = %(ticket)s AND priority = %(before)s AND state IN ('pending', 'claimed') ORDER BY id FOR NO KEY UPDATE),
told AS (UPDATE tickets_task t SET priority = %(after)s, events = t.events + 1 FROM mine WHERE t.id = mine.id RETURNING t.id, t.ticket_key, t.project_id, t.events),
log AS (
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events, 'task.edited', %(actor)s, %(key)s, %(data)s, 'the priority of its ticket' FROM told)
SELECT id FROM told
"""
BUMP = """
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE id = ANY (%(ids)s) AND state IN ('pending', 'claimed') ORDER BY id FOR NO KEY UPDATE),
told AS (
  UPDATE tickets_task t SET bumped_at = clock_timestamp(), promote_at = NULL, events = t.events + 1 FROM mine WHERE t.id = mine.id
  RETURNING t.id, t.ticket_key, t.project_id, t.events),
log AS (
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events, 'task.bumped', %(actor)s, %(key)s, '{}', %(reason)s FROM told)
SELECT id FROM told
"""


class Ordering(models.QuerySet[Any]):
    @sql.atomic
    def edit(self, task: int, *, by: Any, reason: str = "", **changes: Any) -> Task:
        """Change fields of an open task (those of `EDITABLE`); the order of work follows. Raises Invalid, NotReady, NotFound."""
        reason = limits.reason(reason)
        if strange := sorted(set(changes) - EDITABLE):
            raise Invalid(f"a task's {', '.join(strange)} cannot be edited", field=strange[0])
        row = self.select_for_update(no_key=True, of=("self",)).select_related("project").filter(pk=task).first()
        if row is None:
            raise NotFound("no such task")
        if row.state not in ("pending", "claimed"):
            raise NotReady(f"task {row.key} is {row.state}: only an open task can be edited", next_action="retry it first")
        if "capabilities" in changes:
            changes["capabilities"] = words(changes["capabilities"])
        before = {name: getattr(row, name) for name, value in changes.items() if getattr(row, name) != value}
        if not before:
            return row
        if "capabilities" in before and row.state != "pending":
            raise NotReady(f"task {row.key} is {row.state}: what it takes to do it can change only while it is pending")
        for name in before:
            setattr(row, name, changes[name])
        sql.check(row, without=[field.name for field in row._meta.fields if field.name not in before])
        self._store(row, set(before))
        data = {"before": shown(before), "after": shown({name: getattr(row, name) for name in before})}
        self._log_edit([row.pk], by, data, reason)
        self.recount([row.pk])  # type: ignore[attr-defined]
        self.rerank([row.pk])
        row.refresh_from_db()
        return row

    @sql.atomic
    def bump(self, *, by: Any, reason: str = "") -> list[int]:
        """Put the open tasks of this set before all other work, for good; returns their ids."""
        reason = limits.reason(reason)
        ids = list(self.order_by("id").values_list("id", flat=True))
        gone = sql.rows(BUMP, {"ids": ids, "actor": label(by), "key": via(by), "reason": reason}) if ids else []
        self.lower_floors([row["id"] for row in gone])  # type: ignore[attr-defined]
        return [row["id"] for row in gone]

    @sql.atomic
    def reprioritise(self, ticket: int, before: int, after: int, *, by: Any) -> None:
        """The ticket's priority changed: so does that of its open tasks that had the same."""
        data = Jsonb({"before": {"priority": before}, "after": {"priority": after}})
        asked = {"ticket": ticket, "before": before, "after": after, "actor": label(by), "key": via(by), "data": data}
        self.rerank([row["id"] for row in sql.rows(REPRIORITISE, asked)])

    @sql.atomic
    def rerank(self, ids: Sequence[int]) -> None:
        """Compute anew the place of these open tasks in the order of work."""
        ready = [row["id"] for row in sql.rows(RERANK, [list(ids)]) if row["ready"]] if ids else []
        if ready:
            self.lower_floors(ready)  # type: ignore[attr-defined]

    @staticmethod
    def _store(row: Task, changed: set[str]) -> None:
        if "capabilities" in changed:
            row.lane_id = Lane.objects.fitting(row)
            changed.add("lane")
        if "not_before" in changed and row.state == "pending":
            row.asleep = row.not_before is not None and row.not_before > timezone.now()
            changed.add("asleep")
        if "timeout_s" in changed and row.claimed_at and row.state == "claimed":
            row.timeout_at = row.claimed_at + timedelta(seconds=row.timeout_s) if row.timeout_s else None
            changed.add("timeout_at")
        row.save(update_fields=changed)

    @staticmethod
    def _log_edit(ids: Sequence[int], by: Any, data: dict[str, Any], reason: str) -> None:
        sql.rows(
            """WITH told AS (UPDATE tickets_task SET events = events + 1 WHERE id = ANY (%s) RETURNING id, ticket_key, project_id, events)
               INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
               SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events, 'task.edited', %s, %s, %s, %s FROM told""",
            [list(ids), label(by), via(by), Jsonb(data), reason],
        )
