"""TaskFields: the columns of a task, and properties derived from them.

Its verbs are in the files beside; `Task` combines them.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import Agent, Project
from agents.profiles import pools_of
from omoi_site import field_limits
from tickets.models.explain.sql_fragments import DEATHS_ALONE
from tickets.models.task import readiness
from tickets.models.task.lane import Lane, Marks, held_in
from tickets.models.ticket.fields import Priority


class TaskFields(models.Model):
    class State(models.TextChoices):
        PENDING = "pending"
        CLAIMED = "claimed"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Operations(models.TextChoices):
        SYNC = "sync"
        MERGE = "merge"

    ticket = models.ForeignKey("tickets.Ticket", models.CASCADE, related_name="tasks", db_index=False)
    ticket_key = models.CharField(max_length=24, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    lane = models.ForeignKey(Lane, models.PROTECT, related_name="+", db_index=False)
    phase = models.CharField(max_length=60)
    title = models.CharField(max_length=300, validators=[field_limits.not_blank])
    description = field_limits.text(100_000, blank=True)
    kind = models.CharField(max_length=60, default="task", validators=[field_limits.not_blank])
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    capabilities = ArrayField(
        models.CharField(max_length=100, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        **field_limits.items(100),
    )
    operation = models.CharField(
        max_length=8,
        choices=Operations,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="it completes by itself when its needs are met, and nobody claims it",
    )
    profile = models.CharField(max_length=60, blank=True)
    slots = models.JSONField(default=dict, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    join = field_limits.number(
        null=True, blank=True, db_column="join_count", help_text="how many needs must be met; empty: all"
    )
    open_needs = field_limits.number(default=0, help_text="how many needs must still be met")
    edges_left = field_limits.number(default=0, help_text="needs not yet decided")
    unsatisfiable = models.BooleanField(
        default=False, help_text="its needs can no longer be met; somebody must decide"
    )
    not_due = models.BooleanField(default=False, help_text="not yet due")
    not_before = models.DateTimeField(null=True, blank=True, validators=[field_limits.moment])
    held = models.BooleanField(
        default=False,
        help_text="its ticket is paused, blocked or in another phase, or it met the limit of an account too"
        " often",
    )
    rank = models.BigIntegerField(default=0, help_text="order of work in microseconds, lowest first")
    ready_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True, validators=[field_limits.moment])
    expected_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="when it is expected to end, stored while that is after its deadline",
    )
    late_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="since when it is expected after its deadline"
    )
    promote_at = models.DateTimeField(
        null=True, blank=True, help_text="from when on it goes before all ordinary work"
    )
    bumped_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when somebody bumped it before all other work"
    )

    fence = models.BigIntegerField(default=0, help_text="number of the last claim")
    attempts = field_limits.number(default=0)
    max_attempts = models.IntegerField(default=3, validators=[MinValueValidator(1), MaxValueValidator(100)])
    retries = field_limits.number(default=0)
    work_s = models.FloatField(
        null=True,
        blank=True,
        editable=False,
        help_text="how long it took in the tool it was imported from; a simulation takes as long",
    )
    timeout_s = field_limits.number(null=True, blank=True)
    stall_after_s = field_limits.number(
        null=True,
        blank=True,
        help_text="seconds without progress after which its claim is stalled; 0: never; empty: as its phase"
        " or project says",
    )
    phase_stall_after_s = field_limits.number(
        null=True, blank=True, editable=False, help_text="the same, as its phase says"
    )
    holder = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="held_tasks", db_index=False
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="when its worker began it; for other agents, when it was claimed",
    )
    worker_deaths = models.SmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="how many workers died while it ran; from 2 on it runs alone",
    )
    lease_s = field_limits.number(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    lease_look_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="when sweeps look at the claim: never later than its lease ends, nor than it stalls",
    )
    extended_to = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="the end of its lease after it was extended because no sweep ran",
    )
    timeout_at = models.DateTimeField(null=True, blank=True)
    stall_s = field_limits.number(
        null=True,
        blank=True,
        editable=False,
        help_text="seconds without progress after which the present claim is stalled; 0: never",
    )
    active_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the claim last showed progress"
    )
    activity = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        editable=False,
        help_text="the last mark of what the holder's work has changed; empty: it sends none",
    )
    stalled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when its claim was found to be stalled"
    )
    granted_with = models.CharField(
        max_length=32,
        blank=True,
        db_default="",
        editable=False,
        help_text="mark of the settlements made in the same request as its claim",
    )
    settled_by = models.BigIntegerField(
        null=True, blank=True, help_text="the agent whose act ended the last claim"
    )
    settled_fence = models.BigIntegerField(null=True, blank=True)
    settled_as = models.CharField(max_length=10, blank=True)
    rate_limits = models.SmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="how often in a row it met the limit of an account; held from the fifth time on",
    )

    starts_timeout = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="the time of a sync that waits for it begins with it, and has not begun",
    )

    avoid_id = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="the agent that failed its last attempt"
    )
    avoid_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="until then that agent gets it only if no other can take it",
    )

    result = models.JSONField(null=True, blank=True)
    error = field_limits.text(20_000, blank=True)
    failure = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        editable=False,
        help_text="why it failed, where that is more than its error: `worker_lost`, its workers died;"
        " `validation_repeated`, it failed three times in the same way; `validation_rounds`, too often",
    )
    progress = models.JSONField(default=dict, blank=True)
    tried = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="how the last attempts failed: attempt, kind, error, by, at, the newest last",
    )
    checkpoint = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="where the work stood at its holder's last checkpoint",
    )
    events = field_limits.number(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        return f"{self.ticket_key}.{self.pk}"

    @property
    def is_ready(self) -> bool:
        return readiness.ready(self)

    @property
    def runs_alone(self) -> bool:
        """Whether it must run alone in its worker, because too many workers died while it ran."""
        return self.worker_deaths >= DEATHS_ALONE

    @property
    def marks(self) -> Marks:
        """The values that decide its lane."""
        return Marks(
            self.phase,
            tuple(self.capabilities),
            bool(self.profile),
            self.runs_alone,
            self.avoid_id is not None,
            pools_of(self.profile),
            held_in(self.ticket.plan, self.ticket.workflow_id, self.phase),
        )

    @property
    def status(self) -> str:
        return status_of(self.state, unsatisfiable=self.unsatisfiable, ready=self.is_ready)

    @property
    def priority_name(self) -> str:
        return Priority(self.priority).name.lower()


def status_of(state: str, *, unsatisfiable: bool, ready: bool) -> str:
    """The state of a task for people: done, running, failed, cancelled, stuck (its needs can no longer be
    met), ready or waiting.
    """
    if state == "pending":
        return "stuck" if unsatisfiable else "ready" if ready else "waiting"
    return {"completed": "done", "claimed": "running"}.get(state, state)
