"""Task: one unit of work, claimed under a lease and a fence. Whether it is ready is stored, not computed.

The verbs stand in a file for each subject: `adding`, `claim`, `start`, `settle`, `relay`, `lease`, `ending`, `order`, `need`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import Agent, Project
from omoi_site import limits
from tickets.models.claim.claim import AgentUnavailable, CapacityFull, Claim, Claiming
from tickets.models.claim.lease import Leasing
from tickets.models.claim.settle import ClaimLost, Outcome, Settlement, Settling
from tickets.models.claim.settle_and_claim import Relaying
from tickets.models.claim.start import Starting
from tickets.models.explain.obstacles import DEATHS_ALONE
from tickets.models.explain.tasks import Explaining
from tickets.models.task.audit import Rechecking
from tickets.models.task.counts import Counting
from tickets.models.task.create import Adding, TaskSpec
from tickets.models.task.edit import Ordering
from tickets.models.task.intervene import Ending, NotReady
from tickets.models.task.lane import Lane
from tickets.models.ticket.ticket import Priority, Ticket

__all__ = ["AgentUnavailable", "CapacityFull", "Claim", "ClaimLost", "NotReady", "Outcome", "Settlement", "Task", "TaskSpec"]

READY = models.Q(state="pending", open_needs=0, asleep=False, held=False)


class TaskQuerySet(Adding, Claiming, Settling, Relaying, Leasing, Starting, Ending, Ordering, Rechecking, Counting, Explaining):
    def seen_by(self, who: Any) -> TaskQuerySet:
        return self.filter(project__in=Project.objects.seen_by(who))

    def open(self) -> TaskQuerySet:
        """Tasks that have not ended."""
        return self.filter(state__in=["pending", "claimed"])

    def ready(self) -> TaskQuerySet:
        """Tasks an agent could be granted now."""
        return self.filter(READY)


class Task(models.Model):
    class State(models.TextChoices):
        PENDING = "pending"
        CLAIMED = "claimed"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="tasks")
    ticket_key = models.CharField(max_length=24, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    lane = models.ForeignKey(Lane, models.PROTECT, related_name="+", db_index=False)
    phase = models.CharField(max_length=60)
    title = models.CharField(max_length=300)
    description = limits.text(100_000, blank=True)
    kind = models.CharField(max_length=60, default="task")
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    capabilities = ArrayField(models.CharField(max_length=100), default=list, blank=True, **limits.items(100))
    profile = models.CharField(max_length=60, blank=True)
    slots = models.JSONField(default=dict, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    join = models.PositiveIntegerField(null=True, blank=True, db_column="join_count", help_text="how many needs must be met; none: all")
    open_needs = models.PositiveIntegerField(default=0, help_text="how many needs must still be met")
    edges_left = models.PositiveIntegerField(default=0, help_text="needs not yet decided")
    doomed = models.BooleanField(default=False, help_text="its needs cannot be met any more; somebody decides")
    asleep = models.BooleanField(default=False, help_text="not yet due")
    not_before = models.DateTimeField(null=True, blank=True, validators=[limits.moment])
    held = models.BooleanField(default=False, help_text="its ticket is paused, blocked or in another phase")
    rank = models.BigIntegerField(default=0, help_text="order of work, lowest first, microseconds")
    ready_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True, validators=[limits.moment])
    promote_at = models.DateTimeField(null=True, blank=True, help_text="when it goes before all ordinary work")
    bumped_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="when somebody put it before all other work")

    fence = models.BigIntegerField(default=0, help_text="number of the last claim")
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=3, validators=[MinValueValidator(1), MaxValueValidator(100)])
    retries = models.PositiveIntegerField(default=0)
    work_s = models.FloatField(
        null=True, blank=True, editable=False, help_text="how long it took where it ran before; a simulation takes that long"
    )
    timeout_s = models.PositiveIntegerField(null=True, blank=True)
    holder = models.ForeignKey(Agent, models.PROTECT, null=True, blank=True, related_name="held_tasks", db_index=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(
        null=True, blank=True, help_text="when its worker began it; for agents that are no workers, with the claim"
    )
    worker_deaths = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="workers that died while it ran; from 2 on it runs with nothing beside it"
    )
    lease_s = models.PositiveIntegerField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    extended_to = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the end of its lease as an absence of sweeps extended it"
    )
    timeout_at = models.DateTimeField(null=True, blank=True)
    granted_with = models.CharField(
        max_length=32, blank=True, db_default="", editable=False, help_text="mark of the settlements its claim came along with"
    )
    settled_by = models.BigIntegerField(null=True, blank=True, help_text="the agent whose act ended the last claim")
    settled_fence = models.BigIntegerField(null=True, blank=True)
    settled_as = models.CharField(max_length=10, blank=True)

    result = models.JSONField(null=True, blank=True)
    error = limits.text(20_000, blank=True)
    failure = models.CharField(
        max_length=20, blank=True, db_default="", editable=False, help_text="`worker_lost`: it failed because its workers died"
    )
    progress = models.JSONField(default=dict, blank=True)
    events = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["lane", "rank", "id"], name="task_ready", condition=READY),
            models.Index(fields=["not_before"], name="task_asleep", condition=models.Q(state="pending", asleep=True)),
            # each of these is provable from its own column alone, so that no plan takes the wrong one
            models.Index(fields=["holder"], name="task_held", condition=models.Q(holder__isnull=False)),
            models.Index(fields=["lease_expires_at"], name="task_lease", condition=models.Q(lease_expires_at__isnull=False)),
            models.Index(fields=["timeout_at"], name="task_timeout", condition=models.Q(timeout_at__isnull=False)),
            models.Index(fields=["promote_at"], name="task_promote", condition=models.Q(promote_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "claimed", "completed", "failed", "cancelled"]), name="task_state"
            ),
            models.CheckConstraint(
                condition=models.Q(state="claimed", holder__isnull=False, lease_expires_at__isnull=False)
                | (~models.Q(state="claimed") & models.Q(holder__isnull=True, lease_expires_at__isnull=True, timeout_at__isnull=True)),
                name="task_holder",
            ),
            models.CheckConstraint(condition=models.Q(asleep=False) | models.Q(not_before__isnull=False), name="task_asleep_until"),
            models.CheckConstraint(condition=models.Q(priority__range=(0, 3)), name="task_priority"),
            models.CheckConstraint(condition=models.Q(max_attempts__range=(1, 100)), name="task_max_attempts"),
            models.CheckConstraint(condition=models.Q(timeout_s__isnull=True) | models.Q(timeout_s__gte=1), name="task_timeout_s"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        return f"{self.ticket_key}.{self.pk}"

    @property
    def is_ready(self) -> bool:
        return self.state == "pending" and not (self.open_needs or self.asleep or self.held)

    @property
    def runs_alone(self) -> bool:
        """Whether it runs with nothing beside it in its worker: too many have died of it, or beside it."""
        return self.worker_deaths >= DEATHS_ALONE

    @property
    def standing(self) -> str:
        """Its state as people ask for it: done, running, failed, cancelled, stuck (its needs cannot be met), ready or waiting."""
        if self.state == "pending":
            return "stuck" if self.doomed else "ready" if self.is_ready else "waiting"
        return {"completed": "done", "claimed": "running"}.get(self.state, self.state)

    @property
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()
