"""Task: one unit of work, claimed under a lease and a fence. Whether it is ready is stored, not computed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

from agents.models import Actor, Project
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from tickets.models.claim.assign import Assigning
from tickets.models.claim.heartbeat import Heartbeats
from tickets.models.claim.progress import Progressing
from tickets.models.claim.settle_and_claim import SettlingAndClaiming
from tickets.models.claim.start import Starting
from tickets.models.coordination.others import OthersCancelling
from tickets.models.coordination.timeouts import SyncTimeouts
from tickets.models.explain import task_explanation as explain
from tickets.models.task import counts
from tickets.models.task.create import TaskCreation
from tickets.models.task.documents import TaskDocuments
from tickets.models.task.edit import TaskEdits
from tickets.models.task.fields import TaskFields
from tickets.models.task.readiness import (
    CRITICAL_READY_Q,
    LATE_Q,
    MEASURED_Q,
    MOST_RATE_LIMITS,
    NOT_DUE_Q,
    OPEN,
    READY_Q,
    STARTS_TIMEOUT_Q,
)
from tickets.models.task.recheck import ReadinessAudit

# None of these may be below 0.
NUMBERS = (
    "priority",
    "join",
    "open_needs",
    "edges_left",
    "attempts",
    "retries",
    "worker_deaths",
    "lease_s",
    "stall_after_s",
    "events",
)


class TaskQuerySet(TaskDocuments["Task"]):
    def seen_by(self, who: Actor) -> TaskQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def open(self) -> TaskQuerySet:
        """Tasks that have not ended."""
        return self.filter(state__in=["pending", "claimed"])

    def overdue(self) -> TaskQuerySet:
        """Open tasks whose deadline has passed."""
        return self.open().filter(deadline__lt=sql.ClockTimestamp())

    def ready(self) -> TaskQuerySet:
        """Tasks that an agent could be granted now."""
        return self.filter(READY_Q)


TaskManagerBase = models.Manager.from_queryset(TaskQuerySet)


class TaskManager(
    TaskCreation["Task"],
    TaskEdits["Task"],
    SettlingAndClaiming["Task"],
    Assigning["Task"],
    Progressing["Task"],
    Heartbeats["Task"],
    Starting["Task"],
    ReadinessAudit["Task"],
    SyncTimeouts["Task"],
    OthersCancelling["Task"],
    TaskManagerBase["Task"],
):
    explanations = staticmethod(explain.explanations)
    waits = staticmethod(explain.waits)
    tallies = staticmethod(counts.tallies)


class Task(TaskFields):
    application_privileges = NO_DELETE  # gates count tasks

    objects = TaskManager()

    class Meta:
        ordering = ["id"]
        indexes = [
            # the open tasks of a ticket's phase, and how many tasks of each state it has
            models.Index(fields=["ticket", "state", "phase"], name="task_of_ticket"),
            models.Index(fields=["lane", "rank", "id"], name="task_ready", condition=READY_Q),
            # the attention list: critical work that nobody takes
            models.Index(fields=["lane", "ready_at", "id"], name="task_critical", condition=CRITICAL_READY_Q),
            models.Index(fields=["project", "state", "id"], name="task_list"),
            # the newest work of a phase that was measured, for estimates
            models.Index(fields=["project", "phase", "ended_at"], name="task_measured", condition=MEASURED_Q),
            # open tasks with a deadline, for the lists of those that are overdue
            models.Index(
                fields=["project", "deadline", "id"],
                name="task_deadline",
                condition=models.Q(deadline__isnull=False, state__in=OPEN),
            ),
            # the attention list: those that are expected after their deadline
            models.Index(
                fields=["project", "late_since", "id"],
                name="task_expected_late",
                condition=LATE_Q,
            ),
            # the attention list: those that have failed where work goes on
            models.Index(
                fields=["project", "ended_at", "id"],
                name="task_failed",
                condition=models.Q(state="failed", held=False),
            ),
            # those that failed with the same error
            models.Index(
                models.F("project"),
                models.Func("error", function="omoi_error_mark", output_field=models.TextField()),
                models.F("id"),
                name="task_failed_alike",
                condition=models.Q(state="failed"),
            ),
            # and those of which a need can no longer be met
            models.Index(
                fields=["project"],
                name="task_unsatisfiable",
                condition=models.Q(state="pending", unsatisfiable=True),
            ),
            # and those held because they met the limit of an account too often
            models.Index(
                fields=["project", "claimed_at", "id"],
                name="task_rate_limited",
                condition=models.Q(rate_limits__gte=MOST_RATE_LIMITS),
            ),
            models.Index(fields=["not_before"], name="task_not_due", condition=NOT_DUE_Q),
            # each predicate uses only its own column, so that no plan takes the wrong index
            # includes what a claim asks of each task that the agent holds
            models.Index(
                fields=["holder", "claimed_at"],
                include=["worker_deaths"],
                name="task_held_since",
                condition=models.Q(holder__isnull=False),
            ),
            models.Index(
                fields=["lease_look_at"],
                name="task_lease_look",
                condition=models.Q(lease_look_at__isnull=False),
            ),
            models.Index(
                fields=["timeout_at"], name="task_timeout", condition=models.Q(timeout_at__isnull=False)
            ),
            # the attention list: claims without progress
            models.Index(
                fields=["project", "stalled_at", "id"],
                name="task_stalled",
                condition=models.Q(stalled_at__isnull=False),
            ),
            models.Index(
                fields=["promote_at"], name="task_promote", condition=models.Q(promote_at__isnull=False)
            ),
            models.Index(fields=["id"], name="task_starts_timeout", condition=STARTS_TIMEOUT_Q),
        ]
        # Each check costs as much as a small index, at each change of a task, so few hold all rules. A claim
        # without a lease is that of a person, a trigger holds that; no time ends it.
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state="claimed",
                    holder__isnull=False,
                    claimed_at__isnull=False,
                )
                & (models.Q(lease_expires_at__isnull=False) | models.Q(timeout_at__isnull=True))
                | models.Q(
                    state__in=["pending", "completed", "failed", "cancelled"],
                    holder__isnull=True,
                    lease_expires_at__isnull=True,
                    timeout_at__isnull=True,
                ),
                name="task_state",
            ),
            models.CheckConstraint(
                condition=models.Q(not_due=False) | models.Q(not_before__isnull=False),
                name="task_not_due_until",
            ),
            # in SQL, the least and the greatest of several values are those without NULL
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least(*NUMBERS), 0)
                & GreaterThanOrEqual(Least("max_attempts", "timeout_s"), 1)
                & models.Q(priority__lte=3, max_attempts__lte=100),
                name="task_numbers",
            ),
        ]
