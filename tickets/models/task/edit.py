"""Editing an open task: its texts, its limits, and its place in the order of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models
from django.utils import timezone
from psycopg.types.json import Jsonb

from agents.models import Actor, label, rights, via
from agents.models.agent import shown_words
from agents.models.versioned import shown
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.intervene import NotReady
from tickets.models.task.lane import Lane
from tickets.models.task.open_needs import recount
from tickets.models.task.rank import rerank

Row = TypeVar("Row", bound=TaskFields)

EDITABLE = {
    "title",
    "description",
    "kind",
    "priority",
    "deadline",
    "not_before",
    "timeout_s",
    "stall_after_s",
    "max_attempts",
    "capabilities",
}
# What an operation does not have: nobody works on it.
OF_WORK = {"not_before", "timeout_s", "stall_after_s", "max_attempts", "capabilities"}
REPRIORITISE = sql.statement(
    __file__,
    "reprioritise",
    events=task_events(
        "updated", "'task.edited'", data="%(data)s", reason="'the priority of its ticket changed'"
    ),
)
LOG_EDIT = f"""
WITH updated AS (
  UPDATE tickets_task
  SET events = events + 1
  WHERE id = ANY (%s)
  RETURNING id, ticket_key, project_id, events
)
{task_events("updated", "'task.edited'", actor="%s", key="%s", data="%s", reason="%s")}
"""


class TaskEdits(models.Manager[Row]):
    @sql.atomic
    def edit(self, task: int, *, by: Actor, reason: str = "", **changes: Any) -> Row:
        """Change fields of an open task (those of `EDITABLE`) and update its rank. Raises Invalid, NotReady,
        NotFound.
        """
        reason = field_limits.reason(reason)
        if unknown := sorted(set(changes) - EDITABLE):
            raise Invalid(f"a task's {', '.join(unknown)} cannot be edited", field=unknown[0])
        row = (
            self.select_for_update(no_key=True, of=("self",))
            .select_related("project")
            .filter(pk=task)
            .first()
        )
        if row is None:
            raise NotFound("there is no such task")
        rights.require(by, "tickets:write", row.project)
        if row.operation and (barred := sorted(set(changes) & OF_WORK)):
            raise Invalid(
                f"{row.key} is a {row.operation}, which nobody works on: it has no {barred[0]}",
                field=barred[0],
            )
        if row.state not in ("pending", "claimed"):
            raise NotReady(
                f"task {row.key} is {row.state}: only an open task can be edited",
                next_action="Retry it first.",
            )
        if "capabilities" in changes:
            changes["capabilities"] = shown_words("capabilities", changes["capabilities"])
        before = {name: getattr(row, name) for name, value in changes.items() if getattr(row, name) != value}
        if not before:
            return row
        if "capabilities" in before and row.state != "pending":
            raise NotReady(
                f"task {row.key} is {row.state}: its capabilities can be changed only while it is pending"
            )
        for name in before:
            setattr(row, name, changes[name])
        sql.check(row, without=[field.name for field in row._meta.fields if field.name not in before])
        self._store(row, set(before))
        data = {"before": shown(before), "after": shown({name: getattr(row, name) for name in before})}
        self._log_edit([row.pk], by, data, reason)
        recount([row.pk])
        rerank([row.pk])
        row.refresh_from_db()
        return row

    @sql.atomic
    def reprioritise(self, ticket: int, before: int, after: int, *, by: Actor) -> None:
        """After a change of the ticket's priority, change that of its open tasks that had the same. It checks
        no right, because it is part of another act.
        """
        data = Jsonb({"before": {"priority": before}, "after": {"priority": after}})
        params = {
            "ticket": ticket,
            "before": before,
            "after": after,
            "actor": label(by),
            "key": via(by),
            "data": data,
        }
        rerank([row["id"] for row in sql.rows(REPRIORITISE, params)])

    @staticmethod
    def _store(row: TaskFields, changed: set[str]) -> None:
        if "capabilities" in changed:
            row.lane_id = Lane.objects.of(row.project_id, [row.marks])[row.marks]
            changed.add("lane")
        if "not_before" in changed and row.state == "pending":
            row.not_due = row.not_before is not None and row.not_before > timezone.now()
            changed.add("not_due")
        # the clocks of a claim; that of a person, without a lease, has none
        leased = row.state == "claimed" and row.lease_expires_at is not None
        if "timeout_s" in changed and row.claimed_at and leased:
            row.timeout_at = row.claimed_at + timedelta(seconds=row.timeout_s) if row.timeout_s else None
            changed.add("timeout_at")
        if "stall_after_s" in changed and leased:
            default = row.lane.stall_after_s if row.phase_stall_after_s is None else row.phase_stall_after_s
            row.stall_s = default if row.stall_after_s is None else row.stall_after_s
            row.lease_look_at = timezone.now()  # sweeps look at it again
            changed |= {"stall_s", "lease_look_at"}
        row.save(update_fields=changed)

    @staticmethod
    def _log_edit(ids: Sequence[int], by: Actor, data: dict[str, Any], reason: str) -> None:
        sql.rows(
            LOG_EDIT,
            [list(ids), label(by), via(by), Jsonb(data), reason],
        )
