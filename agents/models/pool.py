"""Pool: an account whose limit several agents and profiles share, such as `anthropic:team`.

While it is closed, whoever names it is granted nothing. Who may be granted what is decided where claims are
(`tickets/models/claim/quota.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from agents.models import rights
from agents.models.actor import Actor, label, sees_all
from agents.models.project import Project
from agents.models.versioned import Locking, Versioned
from agents.profiles import pool_name
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import Invalid, OmoiError

NAME = RegexValidator(
    pool_name.PATTERN,
    "use 1 to 63 of a-z, 0-9, '.', '_', ':' and '-'; begin with a letter or digit",
)
MOST_CLAIMS = 100_000
NAMED = """
SELECT id
FROM agents_pool
WHERE name = ANY (%s)
ORDER BY id
FOR KEY SHARE
"""


class PoolInUse(OmoiError):
    """An agent or a profile still names the pool."""

    code = "transition_not_allowed"
    title = "The pool is in use"


class PoolQuerySet(Locking["Pool"]):
    together = ("project",)

    def seen_by(self, who: Actor) -> PoolQuerySet:
        """Those of projects that `who` is a member of, and those of the whole installation."""
        if sees_all(who):
            return self
        return self.filter(
            models.Q(project=None) | models.Q(project__in=Project.objects.seen_by(who).values("pk"))
        )

    @sql.atomic
    def create_pool(
        self, name: str, *, by: Actor, project: Project | None = None, limit: int | None = None
    ) -> Pool:
        """A new pool. `by` needs `admin` in its project; without a project, in the installation."""
        rights.require(by, "admin", project)
        pool = self.model(name=name, project=project, limit=limit)
        sql.check(pool)
        sql.insert(
            pool,
            field="name",
            taken=f"there is a pool {name} already",
            next_action="Use that one, or choose another name.",
        )
        pool.record("pool.created", by=by, data={"limit": limit})
        return pool

    @sql.atomic
    def remove(self, pk: int, *, by: Actor, reason: str = "") -> None:
        """Remove a pool that no agent and no profile names. Raises PoolInUse."""
        sql.rows("SELECT FROM agents_pool WHERE id = %s FOR UPDATE", [pk])  # waits for whoever names it now
        with self.lock(pk=pk) as pool:
            pool.expect_permitted("remove", by)
            users = [*pool.agents(), *(f"the profile {name}" for name in pool.profiles)]
            if users:
                raise PoolInUse(
                    f"{', '.join(users[:3])} {'names' if len(users) == 1 else 'name'} {pool}",
                    next_action="Take it out of the pools of these agents and profiles first.",
                )
            pool.record("pool.removed", by=by, data={"limit": pool.limit}, reason=reason)
            pool.delete()

    def namable(self, names: Iterable[str], *, by: Actor) -> list[str]:
        """These names, sorted. `by` may have an agent name them: it has `admin` of each. Raises Invalid and
        Forbidden. None of them is removed before the end of the transaction.
        """
        wanted = sorted(set(names))
        if not wanted:
            return []
        sql.rows(NAMED, [wanted])
        found = {pool.name: pool for pool in self.filter(name__in=wanted).select_related("project")}
        for name in wanted:
            if name not in found:
                raise Invalid(
                    f"there is no pool {name}",
                    field="pools",
                    next_action=f"Create it first: python3 manage.py pools create {name}.",
                )
            rights.require(by, "admin", found[name].project)
        return wanted

    def ensure(self, names: Iterable[str]) -> None:
        """Pools of these names exist: an admin of this machine named them in a profile."""
        for name in sorted(set(names) - set(self.filter(name__in=names).values_list("name", flat=True))):
            self.bulk_create([self.model(name=name)], ignore_conflicts=True)


class Pool(Versioned):
    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    project = models.ForeignKey(
        Project,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="pools",
        help_text="whose admins manage it; empty: those of the installation",
    )
    limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        db_column="most_claims",
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CLAIMS)],
        help_text="how many claims it allows at once; empty: any number",
    )
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_by = models.CharField(max_length=170, blank=True, default="", editable=False)
    close_reason = models.CharField(max_length=field_limits.REASON, blank=True, default="", editable=False)
    resets_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="when it is tried again; empty while it is closed: when somebody opens it",
    )
    pauses = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="how often in a row it was closed without a time of reset"
    )
    came_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when waiting claims were called after its reset"
    )
    profiles = ArrayField(
        models.CharField(max_length=63),
        default=list,
        blank=True,
        editable=False,
        help_text="the profiles that name it, whose tasks count for it",
    )
    # no foreign key: tasks are of a floor above
    probe_task = models.BigIntegerField(null=True, blank=True, editable=False)
    probe_fence = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=False)
                | models.Q(resets_at__isnull=True, came_due_at__isnull=True, probe_task__isnull=True),
                name="pool_closed",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def topic(self) -> str:
        return f"pool:{self.name}"

    @property
    def project_for_journal(self) -> int | None:
        return self.project_id

    def agents(self) -> list[str]:
        """The names of the agents that name it."""
        from_agents = "SELECT name FROM agents_agent WHERE pools @> ARRAY[%s]::varchar[] ORDER BY name"
        return [row["name"] for row in sql.rows(from_agents, [self.name])]

    # -- each runs on a row from `locked()`

    def expect_permitted(self, verb: str, by: Actor) -> None:
        rights.require(by, "admin", self.project)

    def edit(self, *, by: Actor, version: int | None = None, limit: int | None) -> None:
        """Change how many claims it allows. Those above the limit go on."""
        self.expect_permitted("edit", by)
        self.change("pool.edited", {"limit": limit}, by=by, version=version)
        hints.send("work")

    def close(self, *, by: Actor, reason: str, resets_at: datetime | None = None) -> None:
        """Grant nothing of it until then; without a time, until somebody opens it. What is closed until then
        already keeps its first reason.
        """
        self.expect_permitted("close", by)
        if resets_at is not None and resets_at <= timezone.now():
            raise Invalid("this time is over already", field="resets_at")
        reason = field_limits.reason(reason, 1, "say why it is closed")
        if self.closed_at is None or self.resets_at != resets_at:
            self.shut(by=by, at=timezone.now(), resets_at=resets_at, reason=reason)

    def open(self, *, by: Actor, reason: str = "") -> None:
        """Grant of it again. Opening one that is open changes nothing."""
        self.expect_permitted("open", by)
        if self.closed_at is not None:
            self.reopen(by=by, reason=reason)

    def shut(
        self,
        *,
        by: Actor,
        at: datetime,
        resets_at: datetime | None,
        reason: str,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Close it, or change until when; a probe under way no longer decides."""
        self.closed_at = self.closed_at or at
        self.closed_by, self.close_reason, self.resets_at = label(by), reason, resets_at
        self.came_due_at = self.probe_task = self.probe_fence = None
        until = resets_at and resets_at.isoformat()
        self.record("pool.closed", by=by, data={"resets_at": until, **(data or {})}, reason=reason)

    def come_due(self, *, by: Actor, at: datetime) -> None:
        """Its reset has come: call those who wait, so that one of them is the probe."""
        self.came_due_at = at
        self.record("pool.came_due", by=by)
        hints.send("work")

    def reopen(self, *, by: Actor, reason: str = "", data: dict[str, Any] | None = None) -> None:
        self.closed_at, self.closed_by, self.close_reason, self.resets_at = None, "", "", None
        self.pauses, self.came_due_at, self.probe_task, self.probe_fence = 0, None, None, None
        self.record("pool.opened", by=by, data=data, reason=reason)
        hints.send("work")
