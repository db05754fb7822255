"""Acts on tasks by others than the holder: cancel, revoke, retry, bump, hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from agents.models import Actor, Project, label, rights, via
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.explain.task_explanation import WaitingTasks
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import lower_floors, relane
from tickets.models.task.open_needs import decide, hint_work, recount
from tickets.models.task.readiness import READY
from tickets.models.ticket.fields import TicketFields
from tickets.models.ticket.past_phases import PhaseLeft, phase_left

Row = TypeVar("Row", bound=TaskFields)

CHANGED_EVENTS = task_events(
    "updated", "%(kind)s", data="jsonb_build_object('fence', fence)", reason="%(reason)s"
)
CANCEL = sql.statement(__file__, "cancel", events=CHANGED_EVENTS)
REVOKE = sql.statement(__file__, "revoke", events=CHANGED_EVENTS, ready=READY)
RETRY = sql.statement(__file__, "retry", events=CHANGED_EVENTS)
BUMP = sql.statement(__file__, "bump", events=task_events("updated", "'task.bumped'", reason="%(reason)s"))
HOLD = sql.statement(__file__, "hold", ready=READY)
PENDING_CHILDREN = """
SELECT DISTINCT n.child_id AS id
FROM tickets_need n
JOIN tickets_task c ON c.id = n.child_id
WHERE n.parent_id = ANY (%s)
  AND c.state = 'pending'
"""


class NotReady(OmoiError):
    """The task's state does not allow this."""

    code = "not_ready"
    title = "The task's state does not allow this"


# What each act needs, for the error when the state does not allow it.
REFUSALS = {
    "cancel": "only an open task can be cancelled",
    "retry": "only a failed or cancelled task can be retried",
    "bump": "only an open task can be bumped",
}


class TaskInterventions(WaitingTasks[Row]):
    @sql.atomic
    def act(self, pk: int, verb: str, *, by: Actor, reason: str) -> None:
        """Cancel, retry or bump one task. Raises NotReady if its state does not allow it."""
        reason = field_limits.reason(reason, 1, "say why")
        if not getattr(self.filter(pk=pk), verb)(by=by, reason=reason):
            row = self.get(pk=pk)
            raise NotReady(f"task {row.key} is {row.state}: {REFUSALS[verb]}")

    @sql.atomic
    def cancel(self, *, by: Actor, reason: str) -> list[int]:
        """Cancel the open tasks of this set. Holders of claimed ones lose their claim. Returns the ids."""
        self._require(by)
        return cancel(self._ids(), by=by, reason=field_limits.reason(reason, 1, "say why it is cancelled"))

    @sql.atomic
    def revoke(self, *, by: Actor, reason: str = "") -> list[int]:
        """End the claims of this set. Their tasks are pending again, and it costs no attempt. It checks no
        right, because it is part of another act.
        """
        revoked = _act(REVOKE, "task.revoked", self._ids(), by, reason)
        if ready := [row for row in revoked if row["ready"]]:
            lower_floors([row["id"] for row in ready])
        if any(row["profile"] for row in ready):
            hints.send("work")
        return [row["id"] for row in revoked]

    @sql.atomic
    def retry(self, *, by: Actor, reason: str) -> list[int]:
        """Make failed and cancelled tasks of this set pending again, with all attempts. Decisions that their
        end caused for pending children are undone.

        Tasks that could never be done, because their ticket has left the phase, are not changed. Raises
        PhaseLeft if there are no others.
        """
        self._require(by)
        reason = field_limits.reason(reason, 1, "say why it is retried")
        # lock their tickets first, as when a task is added: a ticket must not leave its phase while a task in
        # it becomes open
        sql.rows(
            "SELECT id FROM tickets_ticket WHERE id = ANY (%s) ORDER BY id FOR SHARE",
            [sorted(set(self.values_list("ticket_id", flat=True)))],
        )
        ended = (
            self.filter(state__in=["failed", "cancelled"]).select_related("ticket__workflow").order_by("id")
        )
        refusals: dict[tuple[int, str], PhaseLeft | None] = {}
        for task in ended:
            if (place := (task.ticket_id, task.phase)) not in refusals:
                refusals[place] = phase_left(
                    task.ticket, task.ticket.phase, task.ticket.effective_phase, task.phase
                )
        late = [task.pk for task in ended if refusals[task.ticket_id, task.phase]]
        if late and len(late) == len(ended):
            raise next(refusal for refusal in refusals.values() if refusal)
        wanted = sorted({task.pk for task in ended} - set(late))
        retried = [row["id"] for row in _act(RETRY, "task.retried", wanted, by, reason)]
        if retried:
            relane(retried)
            children = sql.rows(PENDING_CHILDREN, [retried])
            recount(sorted({*retried, *(row["id"] for row in children)}))
            hints.send("work")
        return retried

    @sql.atomic
    def bump(self, *, by: Actor, reason: str = "") -> list[int]:
        """Put the open tasks of this set permanently before all other work. Returns their ids."""
        self._require(by)
        bumped = [row["id"] for row in _act(BUMP, "task.bumped", self._ids(), by, reason)]
        lower_floors(bumped)
        return bumped

    def _require(self, by: Actor) -> None:
        """Raise Forbidden unless `by` may change tasks in every project of this set."""
        if not isinstance(by, str):
            for project in Project.objects.filter(pk__in=self.order_by().values("project_id")):
                rights.require(by, "tickets:write", project)

    def _ids(self) -> list[int]:
        return list(self.order_by("id").values_list("id", flat=True))


def cancel(ids: Sequence[int], *, by: Actor, reason: str) -> list[int]:
    """Cancel the open ones of these tasks, in the caller's transaction, and decide their children. Returns
    their ids.
    """
    cancelled = _act(CANCEL, "task.cancelled", ids, by, reason)
    hint_work(decide([row["id"] for row in cancelled]))
    if cancelled:
        hints.send("advance_tickets", sorted({row["ticket_id"] for row in cancelled}))
    return [row["id"] for row in cancelled]


@sql.atomic
def hold(ticket: TicketFields, *, phase: str | None = None) -> None:
    """Hold the ticket's tasks that cannot be claimed in its phase (or in `phase`, its next), and free the
    others.
    """
    free = not (ticket.paused or ticket.archived_at)
    open_in = sorted(ticket.plan.open_in(phase or ticket.phase)) if free else []
    changed = sql.rows(HOLD, {"ticket": ticket.pk, "open_in": open_in})
    freed = [row for row in changed if row["ready"]]
    if freed:
        lower_floors([row["id"] for row in freed])
    if any(row["profile"] for row in freed):
        hints.send("work")


def _act(statement: str, kind: str, ids: Sequence[int], by: Actor, reason: str) -> list[dict[str, Any]]:
    if not ids:
        return []
    return sql.rows(
        statement,
        {
            "ids": list(ids),
            "kind": kind,
            "actor": label(by),
            "key": via(by),
            "reason": field_limits.reason(reason),
        },
    )
