"""BulkAct: one act on many tasks: retry, cancel, bump, another priority.

Which tasks it is about is fixed when it is prepared; what matches later is not touched. Once it is confirmed,
the sweep `bulk_acts` carries it out in batches. Each batch is one transaction with what is noted of it, so a
restart goes on where it was, and nothing is done twice. What cannot be done any more by then is left out, and
counted by the reason.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models import Actor, Project, label, rights
from agents.models.actor import sees_all
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, NotFound, OmoiError
from tickets.models.queue.bulk_batch import BulkBatch
from tickets.models.queue.queue_page import FEW, states_of
from tickets.models.queue.task_filter import TaskFilter
from tickets.models.queue.why_not import WORDS, Group, Judge
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.transitions import WRITE

BATCH = 500  # tasks of one transaction
MOST = 200_000  # tasks of one act
MOST_RUNNING = 20  # at once, by the same person
MOST_DRAFTS = 10  # not confirmed, of the same person
MOST_EXAMPLES = 20  # keys that are kept of those left out for one reason
KEPT_DRAFTS, KEPT = timedelta(hours=1), timedelta(days=60)
log = logging.getLogger(__name__)


class BulkClosed(OmoiError):
    """The act has been confirmed, has ended, or was stopped."""

    code = "not_ready"
    title = "This was confirmed or stopped before"


class Managing(models.Manager["BulkAct"]):
    @sql.atomic
    def prepare(
        self, act: str, asked: TaskFilter, *, by: Actor, projects: Sequence[Project], **arguments: Any
    ) -> BulkAct:
        """Fix which tasks of these projects the act is about: those that match now. Nothing is done to them.
        Raises Invalid if there is none, or too many, and Forbidden for whoever may change tasks in none of
        the projects. Of what somebody has prepared and not confirmed, the last few are kept.
        """
        if not Project.objects.allowing(by, WRITE).filter(pk__in=[each.pk for each in projects]).exists():
            rights.require(by, WRITE, projects[0] if projects else None)
        if act not in BulkAct.Act.values:
            raise Invalid(f"choose {', '.join(BulkAct.Act.values)}", field="act")
        person = None if isinstance(by, str) else by
        drafts = self.filter(actor=label(by), state=BulkAct.State.PREPARED).order_by("-pk")
        self._drop(drafts[MOST_DRAFTS - 1 :])
        bulk = self.create(
            act=act,
            arguments=arguments,
            asked=asked.document,
            actor=label(by),
            person_id=person.pk if person else None,
        )
        params = {
            **asked.params,
            "projects": [project.pk for project in projects],
            "states": states_of(asked.status),
            "most": MOST,
            "bulk": bulk.pk,
            "batch": BATCH,
        }
        found = sql.one(_batches_statement(asked), params)
        assert found
        if not found["number"]:
            raise Invalid("no task matches", field="tasks", next_action="Change the filter, or choose tasks.")
        if found["number"] > MOST:
            raise Invalid(
                f"more than {MOST:,} tasks match, which is the most for one act",
                field="tasks",
                next_action="Narrow the filter, such as to one project.",
            )
        bulk.number, bulk.projects = found["number"], found["projects"]
        bulk.save(update_fields=["number", "projects"])
        return bulk

    @sql.atomic
    def confirm(self, pk: int, *, by: Actor, reason: str, priority: int | None = None) -> BulkAct:
        """From now on it is carried out; confirmed twice, once. Raises Forbidden, BulkClosed."""
        bulk = self._locked(pk)
        if bulk.actor != label(by):
            raise Forbidden("somebody else has prepared this: prepare your own")
        reason = field_limits.reason(reason, 1, "say why")
        if bulk.state == BulkAct.State.RUNNING or bulk.state == BulkAct.State.DONE:
            return bulk
        if bulk.state != BulkAct.State.PREPARED:
            raise BulkClosed("this was stopped before it began", next_action="Prepare it again.")
        if bulk.act == BulkAct.Act.PRIORITISE:
            if priority not in Priority.values:
                raise Invalid("choose a priority", field="priority")
            bulk.arguments = {"priority": priority}
        allowed = [project for project in bulk.in_projects() if WRITE in rights.scopes(by, project)]
        if not allowed:
            rights.require(by, WRITE, bulk.in_projects()[0])
        for project in allowed:
            rights.require(by, WRITE, project)
        running = self.filter(actor=bulk.actor, state=BulkAct.State.RUNNING).count()
        if running >= MOST_RUNNING:
            raise BulkClosed(
                f"{running} of your acts are being carried out", next_action="Wait until some have ended."
            )
        bulk.reason, bulk.state, bulk.confirmed_at = reason, BulkAct.State.RUNNING, sql.ClockTimestamp()
        bulk.save()
        bulk.refresh_from_db()
        bulk.tell("tasks.bulk_begun", by=by, projects=allowed)
        return bulk

    @sql.atomic
    def stop(self, pk: int, *, by: Actor) -> BulkAct:
        """What is not done yet is left as it is. Whoever prepared it may stop it, and who may change tasks in
        all its projects.
        """
        bulk = self._locked(pk)
        if bulk.actor != label(by):
            for project in bulk.in_projects():
                rights.require(by, WRITE, project)
        if bulk.over:
            return bulk
        left = sum(len(batch.tasks) for batch in bulk.batches.filter(ended_at=None))
        bulk.not_done = _added(bulk.not_done, {"stopped": left})
        bulk.stopped_by = label(by)
        bulk.end(BulkAct.State.STOPPED, by=by)
        return bulk

    def carry_on(self, pk: int | None = None) -> int:
        """Do the next batch of the act that has waited longest, or of this one; returns 1 if more is left."""
        failing = [0]
        try:
            return self._carry_on(pk, failing.append)
        except Exception:
            # the batch is as it was; the next try comes with the next run, and not for ever
            if failing[-1]:
                BulkBatch.objects.filter(pk=failing[-1]).update(tries=models.F("tries") + 1)
                log.exception("a batch of an act on many tasks failed")
                return 1
            raise

    @sql.atomic
    def _carry_on(self, pk: int | None, begun: Callable[[int], None]) -> int:
        running = self.filter(state=BulkAct.State.RUNNING, **({"pk": pk} if pk else {}))
        waiting = running.order_by(models.F("carried_at").asc(nulls_first=True), "pk")
        bulk = waiting.select_for_update(of=("self",), skip_locked=pk is None).first()
        if bulk is None:
            return 0
        batch = bulk.batches.filter(ended_at=None).order_by("number").first()
        if batch is not None:
            begun(batch.pk)
            batch.carry_out(bulk)
            bulk.done += len(batch.done)
            bulk.not_done = _added(bulk.not_done, {why: len(ids) for why, ids in batch.not_done.items()})
            bulk.carried_at = sql.ClockTimestamp()
            bulk.save(update_fields=["done", "not_done", "carried_at"])
        if not bulk.batches.filter(ended_at=None).exists():
            bulk.end(BulkAct.State.DONE, by=bulk.actor)
        return int(self.filter(state=BulkAct.State.RUNNING, **({"pk": pk} if pk else {})).exists())

    @sql.atomic
    def forget(self, most: int = 1_000) -> int:
        """Delete what nobody confirmed within an hour, and what ended long ago; returns how many."""
        now = sql.ClockTimestamp()
        drafts = models.Q(state=BulkAct.State.PREPARED, created_at__lt=now - KEPT_DRAFTS)
        return self._drop(self.filter(drafts | models.Q(ended_at__lt=now - KEPT))[:most])

    def _drop(self, rows: models.QuerySet[BulkAct]) -> int:
        """Delete these, but for those that somebody confirms meanwhile; returns how many."""
        locked = [row.pk for row in rows.select_for_update(skip_locked=True)]
        return self.filter(pk__in=locked).delete()[1].get("tickets.BulkAct", 0)

    def seen_by(self, who: Actor) -> models.QuerySet[BulkAct]:
        """Those whose projects `who` all sees."""
        if sees_all(who):
            return self.all()
        seen = list(Project.objects.seen_by(who).values_list("pk", flat=True))
        return self.filter(projects__contained_by=seen)

    def beside(self, projects: Collection[int], *, who: Actor) -> list[BulkAct]:
        """The acts that are being carried out in any of these projects."""
        running = self.seen_by(who).filter(state=BulkAct.State.RUNNING)
        return list(running.filter(projects__overlap=list(projects)).order_by("pk")[:MOST_RUNNING])

    def _locked(self, pk: int) -> BulkAct:
        bulk = self.select_for_update().filter(pk=pk).first()
        if bulk is None:
            raise NotFound("there is no such act; what is not confirmed within an hour is forgotten")
        return bulk


class BulkAct(models.Model):
    class Act(models.TextChoices):
        RETRY = "retry"
        CANCEL = "cancel"
        BUMP = "bump"
        PRIORITISE = "prioritise"

    class State(models.TextChoices):
        PREPARED = "prepared"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"

    act = models.CharField(max_length=12, choices=Act)
    arguments = models.JSONField(default=dict)
    asked = models.JSONField(default=dict, help_text="the filter, for people")
    projects = ArrayField(models.BigIntegerField(), default=list)
    number = models.PositiveIntegerField(default=0, help_text="of tasks")
    state = models.CharField(max_length=10, choices=State, default=State.PREPARED)
    actor = models.CharField(max_length=170)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True)
    stopped_by = models.CharField(max_length=170, blank=True)
    created_at = models.DateTimeField(db_default=sql.ClockTimestamp())
    confirmed_at = models.DateTimeField(null=True)
    carried_at = models.DateTimeField(null=True, help_text="when its last batch was done")
    ended_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    not_done = models.JSONField(default=dict, help_text="how many were left out, by the reason")

    objects = Managing()

    class Meta:
        indexes = [
            models.Index(fields=["state", "carried_at", "id"], name="bulkact_state"),
        ]

    def __str__(self) -> str:
        return f"{self.act} of {self.number} tasks by {self.actor}"

    @property
    def over(self) -> bool:
        return self.state in (self.State.DONE, self.State.STOPPED)

    @property
    def left(self) -> int:
        """How many tasks are still to come."""
        return max(0, self.number - self.done - sum(self.not_done.values()))

    @property
    def by(self) -> Actor | None:
        """On whose behalf it is carried out; None if they have gone."""
        if self.person_id is None:
            return self.actor if self.actor.startswith("system:") else None
        return get_user_model().objects.filter(pk=self.person_id, is_active=True).first()

    def in_projects(self) -> list[Project]:
        return list(Project.objects.filter(pk__in=self.projects).order_by("key"))

    def preview(self) -> tuple[int, list[Group]]:
        """For how many of its tasks the act is possible now, and the groups of the others."""
        groups = Judge(self.act, self.arguments, by=self.by).of_bulk(self.pk)
        possible = sum(group.number for group in groups if not group.why_not)
        others = [group for group in groups if group.why_not]
        gone = self.number - sum(group.number for group in groups)
        return possible, others + ([Group(0, gone, "", "gone")] if gone else [])

    def left_out(self) -> list[tuple[int, str, list[int]]]:
        """How many tasks were left out, why, in words, and the first of them, for each reason."""
        examples: dict[str, list[int]] = {}
        for batch in (
            self.batches.exclude(not_done={}).order_by("number").values_list("not_done", flat=True)[:50]
        ):
            for why, ids in batch.items():
                examples.setdefault(why, []).extend(ids)
        return [
            (number, WORDS.get(why, why), examples.get(why, [])[:MOST_EXAMPLES])
            for why, number in sorted(self.not_done.items(), key=lambda each: -each[1])
        ]

    def end(self, state: str, *, by: Actor) -> None:
        self.state, self.ended_at = state, sql.ClockTimestamp()
        self.save()
        self.refresh_from_db()
        self.tell("tasks.bulk_ended", by=by, projects=self.in_projects())

    def tell(self, kind: str, *, by: Actor, projects: Sequence[Project]) -> None:
        """Write it into the journal of each project."""
        data = {
            "bulk": self.pk,
            "act": self.act,
            "number": self.number,
            "done": self.done,
            "not_done": self.not_done,
            "asked": self.asked,
        }
        for project in projects:
            project.record(kind, by=by, data=data, reason=self.reason)


def _batches_statement(asked: TaskFilter) -> str:
    condition = f"({asked.condition})"
    if set(FEW) & set(asked.names):
        of_projects = "t.project_id = ANY (%(projects)s::bigint[])"
        found = f"SELECT t.id, t.project_id FROM tickets_task t WHERE {of_projects} AND {condition}"
    else:
        found = sql.statement(__file__, "all_of_states", condition=condition)
    return sql.statement(__file__, "bulk_batches", found=found)


def _added(counts: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return dict(Counter(counts) + Counter(more))
