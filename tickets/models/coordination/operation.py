"""Operation: what a task does that nobody claims, a sync or a merge. It completes by itself once its needs
are met; see `completion`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models

from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from tickets.models.coordination.merge import STRATEGIES

SYNC, MERGE = "sync", "merge"
CUSTOM = "custom"  # a merge by a profile: an ordinary task of the kind CUSTOM_KIND, carried out by a worker
CUSTOM_KIND = "custom_merge"
LONGEST_TIMEOUT_S = 30 * 86400
RESTART = """
UPDATE tickets_operation
SET
  since = clock_timestamp(),
  waits = timeout_s IS NOT NULL,
  left_out = '[]'
WHERE task_id = ANY (%s)
"""


@dataclass(frozen=True)
class OperationSpec:
    """A new operation. `kind`: sync or merge. `on_timeout`: what a sync does when `timeout_s` is over."""

    kind: str
    strategy: str = ""
    timeout_s: int | None = None
    on_timeout: str = "fail"


class OthersCancelledQuerySet(models.QuerySet["OthersCancelled"]):
    def make(self, tasks: Sequence[int]) -> None:
        """When these new tasks go on, what they no longer need is cancelled."""
        if tasks:
            self.bulk_create(self.model(task_id=task) for task in tasks)

    def restart(self, tasks: Sequence[int]) -> None:
        """Their tasks are retried: what they no longer need is cancelled again."""
        self.filter(task__in=tasks, waits=False).update(waits=True)


class OthersCancelled(models.Model):
    """A task that goes on from some of those that it needs; the others are cancelled then. `waits`: it has
    not gone on.
    """

    application_privileges = NO_DELETE

    task = models.OneToOneField(
        "tickets.Task", models.CASCADE, primary_key=True, related_name="cancels_others", editable=False
    )
    waits = models.BooleanField(default=True)

    objects = OthersCancelledQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "others cancelled"
        indexes = [
            models.Index(fields=["task"], name="others_cancelled_waits", condition=models.Q(waits=True)),
        ]

    def __str__(self) -> str:
        return str(self.task_id)


class OperationQuerySet(models.QuerySet["Operation"]):
    def make(self, specs: Sequence[tuple[int, OperationSpec]]) -> None:
        """Store the details of new tasks that are operations."""
        if not specs:
            return
        self.bulk_create(
            self.model(
                task_id=task,
                strategy=spec.strategy,
                timeout_s=spec.timeout_s,
                on_timeout=spec.on_timeout,
                waits=spec.timeout_s is not None,
            )
            for task, spec in specs
        )

    def restart(self, tasks: Sequence[int]) -> None:
        """Their tasks are retried: the time for them begins anew."""
        sql.rows(RESTART, [list(tasks)])


class Operation(models.Model):
    application_privileges = NO_DELETE

    class OnTimeout(models.TextChoices):
        FAIL = "fail"
        CONTINUE = "continue"

    task = models.OneToOneField(
        "tickets.Task", models.CASCADE, primary_key=True, related_name="coordination", editable=False
    )
    strategy = models.CharField(
        max_length=12, blank=True, choices=[(name, name) for name in STRATEGIES], help_text="of a merge"
    )
    timeout_s = field_limits.number(null=True, blank=True)
    on_timeout = models.CharField(max_length=8, choices=OnTimeout, default=OnTimeout.FAIL)
    since = models.DateTimeField(
        null=True, blank=True, help_text="when the first of its tasks could be worked on"
    )
    waits = models.BooleanField(default=False, help_text="its timeout is still to come")
    left_out = models.JSONField(
        default=list, blank=True, help_text="the keys about which there was no majority"
    )

    objects = OperationQuerySet.as_manager()

    class Meta:
        indexes = [
            # when its time is over
            models.Index(
                models.Func(models.F("since"), models.F("timeout_s"), function="omoi_seconds_after"),
                name="operation_over",
                condition=models.Q(waits=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(on_timeout__in=["fail", "continue"])
                & (models.Q(timeout_s__isnull=True) | models.Q(timeout_s__gte=1)),
                name="operation_timeout",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.strategy}".strip()
