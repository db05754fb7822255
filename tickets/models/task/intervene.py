"""Acts on tasks by others than the holder: cancel, revoke, retry, bump, hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import transaction

from agents.models import Actor, Project, label, rights, via
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.coordination.operation import Operation, OthersCancelled
from tickets.models.explain.task_explanation import WaitingTasks
from tickets.models.journal_sql import HELD_S, task_events
from tickets.models.task.dependants import (
    ASK,
    CHILDREN,
    POLICIES,
    Affected,
    Before,
    refuse_undecided,
    set_policy,
)
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import lower_floors, relane
from tickets.models.task.open_needs import decide, hint_work, recount
from tickets.models.task.rank import rerank
from tickets.models.task.readiness import MOST_RATE_LIMITS, NOT_LIMITED, READY, RETRIABLE, RETRIABLE_Q
from tickets.models.ticket.fields import TicketFields
from tickets.models.ticket.past_phases import PhaseLeft, phase_left

Row = TypeVar("Row", bound=TaskFields)

CLAIM_ENDED = """
jsonb_build_object('fence', fence)
|| CASE
  WHEN holder IS NULL THEN '{}'
  ELSE jsonb_build_object('holder', holder, 'attempt', attempt, 'held_s', held_s)
END"""
CHANGED_EVENTS = task_events(
    "updated", "%(kind)s", data="jsonb_build_object('fence', fence)", reason="%(reason)s"
)
# The same, where a claim may have ended with it.
ENDED_EVENTS = task_events("updated", "%(kind)s", data=CLAIM_ENDED, reason="%(reason)s")
CANCEL = sql.statement(__file__, "cancel", events=ENDED_EVENTS, held_s=HELD_S)
REVOKE = sql.statement(__file__, "revoke", events=ENDED_EVENTS, held_s=HELD_S, ready=READY)
RETRY = sql.statement(
    __file__, "retry", events=CHANGED_EVENTS, often=str(MOST_RATE_LIMITS), retriable=RETRIABLE
)
BUMP = sql.statement(__file__, "bump", events=task_events("updated", "'task.bumped'", reason="%(reason)s"))
CHANGED_PRIORITY = """jsonb_build_object(
  'before', jsonb_build_object('priority', before),
  'after', jsonb_build_object('priority', %(priority)s::int)
)"""
PRIORITISE = sql.statement(
    __file__,
    "prioritise",
    events=task_events("updated", "'task.edited'", data=CHANGED_PRIORITY, reason="%(reason)s"),
)
HOLD = sql.statement(
    __file__,
    "hold",
    ready=READY,
    not_limited=NOT_LIMITED.format(task="t"),
    that_not_limited=NOT_LIMITED.format(task="o"),
)


class NotReady(OmoiError):
    """The task's state does not allow this."""

    code = "not_ready"
    title = "The task's state does not allow this"


# What each act needs, for the error when the state does not allow it.
REFUSALS = {
    "cancel": "only an open task can be cancelled",
    "retry": "only a failed or cancelled task can be retried, or one that met a limit too often",
    "bump": "only an open task can be bumped",
    "prioritise": "only an open task can be given another priority",
    "requeue": "only a claimed task can be taken back",
}


class TaskInterventions(WaitingTasks[Row]):
    @sql.atomic
    def act(self, pk: int, verb: str, *, by: Actor, reason: str, **how: Any) -> None:
        """Cancel, retry, bump or requeue one task. Raises NotReady if its state does not allow it."""
        reason = field_limits.reason(reason, 1, "say why")
        if not getattr(self.filter(pk=pk), verb)(by=by, reason=reason, **how):
            row = self.get(pk=pk)
            raise NotReady(f"task {row.key} is {row.state}: {REFUSALS[verb]}")

    @sql.atomic
    def cancel(self, *, by: Actor, reason: str, dependants: str = "") -> list[int]:
        """Cancel the open tasks of this set. Holders of claimed ones lose their claim. Returns the ids.

        dependants: what becomes of tasks that need one of these to succeed: one of POLICIES, or as each need
        says. With ASK, DependantsUndecided is raised if one of them would be held or cancelled.
        """
        self._require(by)
        reason = field_limits.reason(reason, 1, "say why it is cancelled")
        ids = self._ids()
        before = Before.cancelling(ids) if dependants == ASK else None
        if dependants in POLICIES:
            set_policy(ids, dependants)
        cancelled = cancel(ids, by=by, reason=reason)
        if before and cancelled:
            refuse_undecided(before.affected(cancelled))
        return cancelled

    @sql.patiently
    def cancellation(self, pk: int, *, by: Actor, dependants: str = "") -> Affected:
        """What would become of the tasks that need this one if it were cancelled now: it is done, and taken
        back. Raises NotReady if it cannot be.
        """
        with transaction.atomic():
            before = Before.cancelling([pk])
            how = {"dependants": dependants} if dependants in POLICIES else {}
            self.act(pk, "cancel", by=by, reason="to see what follows", **how)
            affected = before.affected([pk])
            transaction.set_rollback(True)
        return affected

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
    def requeue(self, *, by: Actor, reason: str, fences: Mapping[int, int] | None = None) -> list[int]:
        """Take the claimed tasks of this set back from their holders, who lose their claims. They are pending
        again, and it costs no attempt. Returns the ids.

        fences: of the claims that are meant, by task; another claim of a task is left alone.
        """
        self._require(by)
        reason = field_limits.reason(reason, 1, "say why they are taken back")
        claimed = self.filter(state="claimed").select_for_update(no_key=True, of=("self",)).order_by("id")
        held = claimed.values_list("id", "fence")  # locked first: claims may have ended or begun meanwhile
        ids = [pk for pk, fence in held if fences is None or fences.get(pk) == fence]
        meant: Any = self.model._default_manager.filter(pk__in=ids)
        meant._require(by)  # one may have been claimed meanwhile in a project where `by` may not
        return list(meant.revoke(by=by, reason=reason))

    @sql.atomic
    def retry(self, *, by: Actor, reason: str) -> list[int]:
        """Make failed and cancelled tasks of this set pending again, with all attempts, and free those that
        are held because they met the limit of an account too often. Decisions that their
        end caused for pending children are undone; claimed ones wait again if their claim ends.

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
        # not joined: of many tasks, the plan would read all tickets
        ended = self.filter(RETRIABLE_Q).prefetch_related("ticket__workflow").order_by("id")
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
        rows = _act(RETRY, "task.retried", wanted, by, reason)
        retried = [row["id"] for row in rows]
        if operations := [row["id"] for row in rows if row["operation"]]:
            Operation.objects.restart(operations)
        tickets = {task.ticket_id: task.ticket for task in ended}
        for held in sorted({row["ticket_id"] for row in rows if row["limited"]}):
            hold(tickets[held])
        if retried:
            OthersCancelled.objects.restart(retried)
            relane(retried)
            children = sql.rows(CHILDREN, [retried, ["pending", "claimed"]])
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

    @sql.atomic
    def prioritise(self, *, by: Actor, reason: str, priority: int) -> list[int]:
        """Give the open tasks of this set this priority, and their new place in the order of work. Returns
        the ids of those that had another one.
        """
        self._require(by)
        reason = field_limits.reason(reason, 1, "say why their priority changes")
        rows = _act(PRIORITISE, "", self._ids(), by, reason, priority=priority)
        changed = [row["id"] for row in rows]
        rerank(changed)
        return changed

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


def _act(
    statement: str, kind: str, ids: Sequence[int], by: Actor, reason: str, **more: Any
) -> list[dict[str, Any]]:
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
            **more,
        },
    )
