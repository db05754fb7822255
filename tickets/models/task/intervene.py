"""What others than the holder do to tasks: cancel, revoke, retry, hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from agents.models import Actor, Project, label, rights, via
from omoi_site import limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.explain.tasks import WaitingTasks
from tickets.models.journal_sql import task_events
from tickets.models.task.conditions import READY
from tickets.models.task.lane import lower_floors, relane
from tickets.models.task.readiness import decide, recount
from tickets.models.task.record import TaskRecord
from tickets.models.ticket.left_phases import PhaseLeft, phase_left
from tickets.models.ticket.record import TicketRecord

Row = TypeVar("Row", bound=TaskRecord)

LOG = (
    f"""
log AS ({task_events("gone", "%(kind)s", data="jsonb_build_object('fence', fence)", reason="%(reason)s")})
"""
    ""
)
CANCEL = f"""
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE id = ANY (%(ids)s) AND state IN ('pending', 'claimed') ORDER BY id FOR NO KEY UPDATE),
gone AS (
  UPDATE tickets_task t SET state = 'cancelled', holder_id = NULL, lease_expires_at = NULL, timeout_at = NULL, promote_at = NULL, not_due = false,
         ended_at = clock_timestamp(), error = %(reason)s, events = t.events + 1
  FROM mine WHERE t.id = mine.id RETURNING t.id, t.ticket_id, t.ticket_key, t.project_id, t.fence, t.events),
{LOG} SELECT id, ticket_id FROM gone
"""
REVOKE = f"""
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE id = ANY (%(ids)s) AND state = 'claimed' ORDER BY id FOR NO KEY UPDATE),
gone AS (
  UPDATE tickets_task t SET state = 'pending', holder_id = NULL, lease_expires_at = NULL, timeout_at = NULL, attempts = t.attempts - 1, events = t.events + 1
  FROM mine WHERE t.id = mine.id RETURNING t.id, t.ticket_key, t.project_id, t.fence, t.events, t.profile, {READY} AS ready),
{LOG} SELECT id, ready, profile FROM gone
"""
RETRY = f"""
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE id = ANY (%(ids)s) AND state IN ('failed', 'cancelled') ORDER BY id FOR NO KEY UPDATE),
gone AS (
  UPDATE tickets_task t SET state = 'pending', attempts = 0, retries = t.retries + 1, claimed_at = NULL, started_at = NULL, worker_deaths = 0, failure = '',
         ended_at = NULL, error = '', result = NULL, progress = '{{}}',
         settled_by = NULL, settled_fence = NULL, settled_as = '', not_due = false, not_before = NULL, ready_at = NULL, events = t.events + 1
  FROM mine WHERE t.id = mine.id RETURNING t.id, t.ticket_key, t.project_id, t.fence, t.events),
{LOG} SELECT id FROM gone
"""
CHILDREN = """
SELECT DISTINCT n.child_id AS id FROM tickets_need n JOIN tickets_task c ON c.id = n.child_id WHERE n.parent_id = ANY (%s) AND c.state = 'pending'
"""
# `open_in` are the phases whose tasks may be claimed where the ticket stands; none while it is paused,
# blocked or archived.
HOLD = f"""
UPDATE tickets_task t SET held = NOT t.phase = ANY (%(open_in)s::varchar[])
WHERE t.id = ANY (ARRAY(SELECT id FROM tickets_task WHERE ticket_id = %(ticket)s AND state IN ('pending', 'claimed', 'failed', 'cancelled')
                        AND held = (phase = ANY (%(open_in)s::varchar[])) ORDER BY id FOR NO KEY UPDATE))
RETURNING t.id, t.profile, {READY} AS ready
"""

BUMP = f"""
WITH mine AS MATERIALIZED (SELECT id FROM tickets_task WHERE id = ANY (%(ids)s) AND state IN ('pending', 'claimed') ORDER BY id FOR NO KEY UPDATE),
told AS (
  UPDATE tickets_task t SET bumped_at = clock_timestamp(), promote_at = NULL, events = t.events + 1 FROM mine WHERE t.id = mine.id
  RETURNING t.id, t.ticket_key, t.project_id, t.events),
log AS (
{task_events("told", "'task.bumped'", reason="%(reason)s")})
SELECT id FROM told
"""


class NotReady(OmoiError):
    """The task is not in a state in which this can be done."""

    code = "not_ready"
    title = "The task is not in a state for this"


# What each act takes, said where a task is in no state for it.
REFUSALS = {
    "cancel": "only an open task can be cancelled",
    "retry": "only a failed or cancelled task can be retried",
    "bump": "only an open task can be bumped",
}


class TaskInterventions(WaitingTasks[Row]):
    @sql.atomic
    def act(self, pk: int, verb: str, *, by: Actor, reason: str) -> None:
        """Cancel, retry or bump one task; raises NotReady where its state does not allow it."""
        reason = limits.reason(reason, 1, "say why")
        if not getattr(self.filter(pk=pk), verb)(by=by, reason=reason):
            row = self.get(pk=pk)
            raise NotReady(f"task {row.key} is {row.state}: {REFUSALS[verb]}")

    @sql.atomic
    def cancel(self, *, by: Actor, reason: str) -> list[int]:
        """Cancel the open tasks of this set, claimed ones too (their holders lose the claim); returns their
        ids.
        """
        self._require(by)
        return cancel(self._ids(), by=by, reason=limits.reason(reason, 1, "say why it is cancelled"))

    @sql.atomic
    def revoke(self, *, by: Actor, reason: str = "") -> list[int]:
        """Take the claims of this set away; their tasks are pending again, at no cost of an attempt."""
        gone = _act(REVOKE, "task.revoked", self._ids(), by, reason)
        if free := [row for row in gone if row["ready"]]:
            lower_floors([row["id"] for row in free])
        if any(row["profile"] for row in free):
            hints.send("work")
        return [row["id"] for row in gone]

    @sql.atomic
    def retry(self, *, by: Actor, reason: str) -> list[int]:
        """Failed and cancelled tasks of this set are pending again, with all attempts; what their end decided
        for pending children is taken back.

        Those that could never be done where their tickets are now stay as they are; raises PhaseLeft when
        there is nothing else.
        """
        self._require(by)
        reason = limits.reason(reason, 1, "say why it is tried again")
        # their tickets first, as whoever adds a task does: no ticket leaves the phase meanwhile as if nothing
        # were open in it
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
        gone = [row["id"] for row in _act(RETRY, "task.retried", wanted, by, reason)]
        if gone:
            relane(gone)
            children = sql.rows(CHILDREN, [gone])
            recount(sorted({*gone, *(row["id"] for row in children)}))
            hints.send("work")
        return gone

    @sql.atomic
    def bump(self, *, by: Actor, reason: str = "") -> list[int]:
        """Put the open tasks of this set before all other work, for good; returns their ids."""
        self._require(by)
        gone = [row["id"] for row in _act(BUMP, "task.bumped", self._ids(), by, reason)]
        lower_floors(gone)
        return gone

    def _require(self, by: Actor) -> None:
        """Raise Forbidden unless `by` may change tasks in every project of this set."""
        if not isinstance(by, str):
            for project in Project.objects.filter(pk__in=self.order_by().values("project_id")):
                rights.require(by, "tickets:write", project)

    def _ids(self) -> list[int]:
        return list(self.order_by("id").values_list("id", flat=True))


def cancel(ids: Sequence[int], *, by: Actor, reason: str) -> list[int]:
    """Cancel those of these tasks that are open, in the caller's transaction, and tell their children;
    returns their ids.
    """
    gone = _act(CANCEL, "task.cancelled", ids, by, reason)
    decide([row["id"] for row in gone])
    if gone:
        hints.send("advance_tickets", sorted({row["ticket_id"] for row in gone}))
    return [row["id"] for row in gone]


@sql.atomic
def hold(ticket: TicketRecord, *, phase: str | None = None) -> None:
    """Hold the ticket's tasks that may not be claimed where it stands (or will stand: `phase`), free the
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
        {"ids": list(ids), "kind": kind, "actor": label(by), "key": via(by), "reason": limits.reason(reason)},
    )
