"""Freeze: one switch that stops everything, or one project. Nothing is granted and nothing moves by itself.

What is held goes on: heartbeats, settlements, leases and timeouts, and what people do. A freeze is a row, so
it outlives every process. It is in force once every transaction that began before it has ended: those may
not see it, and all others do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from agents.models import Actor, Agent, Event, Project, label, rights, via
from agents.models.event_kinds import expect
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.task.task import Task

SCOPE = "fleet:freeze"
WAIT_S = 10.0  # how long a freeze waits for transactions that began before it
LOOK_S = 0.01
TAKEN_BACK = 500  # claims that are taken back in one transaction
ONE_AT_A_TIME = "LOCK TABLE tickets_freeze IN SHARE ROW EXCLUSIVE MODE"
OPEN_TRANSACTIONS = sql.statement(__file__, "open_transactions")


@dataclass(frozen=True)
class Frozen:
    """What a freeze did. `still_open`: transactions that began before it and have not ended; what they do may
    still be committed. `stopped`: claims that were taken back. `new`: it was not frozen so before.
    """

    still_open: int
    stopped: int
    new: bool

    @property
    def in_force(self) -> bool:
        return not self.still_open


class FreezeChanged(OmoiError):
    """Somebody froze or thawed it since it was shown."""

    code = "version_conflict"
    title = "This freeze has changed"
    next_action = "Look at what is frozen now, then decide again."


class FreezeManager(models.Manager["Freeze"]):
    def freeze(
        self,
        project: Project | None = None,
        *,
        by: Actor,
        reason: str,
        stop_held: bool = False,
        wait_s: float = WAIT_S,
        seen: str = "",
    ) -> Frozen:
        """Freeze the project; without one everything, also what was thawed by itself. It returns when every
        transaction that began before has ended, or after `wait_s`. What is frozen already keeps its reason.

        stop_held: take back what agents hold, so that their next heartbeat tells them to stop. It costs no
        attempt. What people hold stays theirs.

        seen: the `mark` of the freeze that a person looked at; raises FreezeChanged for another one.
        """
        new = self._freeze(project, by=by, reason=field_limits.reason(reason, 1, "say why"), seen=seen)
        still_open = _wait_for_older(wait_s)
        stopped = self._stop_held(project, by=by, reason=reason) if stop_held else 0
        return Frozen(still_open, stopped, new)

    @sql.patiently
    def _freeze(self, project: Project | None, *, by: Actor, reason: str, seen: str) -> bool:
        """Whether it was not frozen so before."""
        # durable: until it is committed, others do not see it, and there is nothing to wait for
        with transaction.atomic(durable=True):
            rights.require(by, SCOPE, project)
            sql.rows(ONE_AT_A_TIME)
            row = self.filter(project=project).first()
            if seen and not (row and row.mark == seen):
                raise FreezeChanged(f"the freeze of {project or 'everything'} has changed")
            thawed = row.thawed if row else None
            if row is None:
                row = self.create(project=project, reason=reason, by=label(by), via=via(by))
            elif row.thawed:
                row.thawed = []
                row.save(update_fields=["thawed"])
            else:
                return False
            row.record("project.frozen", _concerned(project, thawed), by=by, reason=reason)
        return True

    @sql.atomic
    def thaw(self, project: Project | None = None, *, by: Actor, reason: str = "", seen: str = "") -> bool:
        """End the freeze of this project, also out of a freeze of everything; without one, the freeze of
        everything. Projects that were frozen by themselves stay frozen then. Whether it was frozen.

        To take a project out of a freeze of everything needs the right to freeze everything. seen: the `mark`
        of the freeze that a person looked at; raises FreezeChanged for another one.
        """
        reason = field_limits.reason(reason)
        rights.require(by, SCOPE, project)
        sql.rows(ONE_AT_A_TIME)
        own = self.filter(project=project).first()
        everything = self.filter(project=None).first()
        held = everything if project and everything and project.pk not in everything.thawed else None
        freed = own or held
        if freed is None:
            return False
        if seen and seen != freed.mark:
            raise FreezeChanged(f"the freeze of {freed} has changed")
        if held:
            rights.require(by, SCOPE)
            held.thawed = [*held.thawed, project.pk]  # type: ignore[union-attr]
            held.save(update_fields=["thawed"])
        concerned = _concerned(project, None)
        if project is None:
            by_themselves = self.exclude(project=None).values("project")
            concerned = concerned.exclude(pk__in=freed.thawed).exclude(pk__in=by_themselves)
        freed.record("project.thawed", concerned, by=by, reason=reason)
        if own:
            own.delete()
        hints.send("work")
        return True

    @staticmethod
    def _stop_held(project: Project | None, *, by: Actor, reason: str) -> int:
        held = Task.objects.filter(state="claimed", **({"project": project} if project else {}))
        held = held.exclude(holder__kind=Agent.Kind.PERSON)
        ids = list(held.order_by("pk").values_list("pk", flat=True))
        return sum(
            len(Task.objects.filter(pk__in=ids[at : at + TAKEN_BACK]).revoke(by=by, reason=reason))
            for at in range(0, len(ids), TAKEN_BACK)
        )

    def seen_by(self, who: Actor) -> models.QuerySet[Freeze]:
        """The freezes that concern `who`: of everything first, then of the projects that `who` sees."""
        of_theirs = models.Q(project=None) | models.Q(project__in=Project.objects.seen_by(who))
        return (
            self.filter(of_theirs)
            .select_related("project")
            .order_by(models.F("project__key").asc(nulls_first=True))
        )


class Freeze(models.Model):
    project = models.ForeignKey(
        Project, models.CASCADE, null=True, db_index=False, related_name="+", help_text="empty: everything"
    )
    reason = models.CharField(max_length=field_limits.REASON, validators=[field_limits.not_blank])
    by = models.CharField(max_length=170)
    via = models.CharField(max_length=20, blank=True, help_text="the key that was used")
    since = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    thawed = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="ids of the projects that a freeze of everything no longer holds",
    )
    events = models.PositiveIntegerField(default=0, editable=False)

    objects = FreezeManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project"], name="freeze_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return str(self.project or "everything")

    @property
    def mark(self) -> str:
        """Which freeze it is, and in which state: each freeze and thaw of it gives another one."""
        return f"{self.pk}.{self.events}"

    def record(self, kind: str, projects: Iterable[Project], *, by: Actor, reason: str) -> None:
        """One event for each project that it concerns, because not everybody may see all of them. Their rows
        stay unlocked: a freeze waits for nobody who opens tickets there.
        """
        expect(kind)
        for project in projects:
            self.events += 1
            Event.objects.create(
                project_id=project.pk,
                topic=project.topic,
                subject=f"freeze:{self.pk}",
                number=self.events,
                kind=kind,
                actor=label(by),
                key=via(by),
                data={"project": project.key, "everything": self.project_id is None},
                reason=reason,
            )
        self.save(update_fields=["events"])


def shown(who: Actor) -> list[dict[str, Any]]:
    """The freezes that concern `who`, as the API and the commands show them."""
    freezes = list(Freeze.objects.seen_by(who))
    thawed = [pk for freeze in freezes for pk in freeze.thawed]
    seen = Project.objects.seen_by(who).filter(pk__in=thawed)
    keys = dict(seen.values_list("pk", "key")) if thawed else {}  # most pages ask, and seldom is any
    return [
        {
            "project": freeze.project and freeze.project.key,
            "reason": freeze.reason,
            "by": freeze.by,
            "since": freeze.since,
            "thawed": sorted(keys[pk] for pk in freeze.thawed if pk in keys),
        }
        for freeze in freezes
    ]


def _concerned(project: Project | None, thawed: list[int] | None) -> models.QuerySet[Project]:
    """The project, or all; of these only the `thawed` ones if there are any."""
    projects = Project.objects.order_by("pk")
    if project:
        return projects.filter(pk=project.pk)
    return projects.filter(pk__in=thawed) if thawed else projects


def _wait_for_older(wait_s: float) -> int:
    """Wait until the transactions that are open now have ended, and return how many have not."""
    older = _open_transactions()
    end = time.monotonic() + wait_s
    while older and time.monotonic() < end:
        time.sleep(LOOK_S)
        older &= _open_transactions()
    return len(older)


def _open_transactions() -> set[str]:
    return {row["number"] for row in sql.rows(OPEN_TRANSACTIONS)}
