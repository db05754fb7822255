"""BulkBatch: some of the tasks of a bulk act, which are changed in one transaction, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from omoi_site.database import sql
from tickets.models.queue.why_not import Group, Judge
from tickets.models.task.task import Task

MOST_TRIES = 3  # of a batch in which something goes wrong


class BulkBatch(models.Model):
    bulk = models.ForeignKey("BulkAct", models.CASCADE, related_name="batches", db_index=False)
    number = models.PositiveIntegerField()
    tasks = ArrayField(models.BigIntegerField())
    tries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    done = ArrayField(models.BigIntegerField(), default=list)
    not_done = models.JSONField(default=dict, help_text="ids of the tasks that were left out, by the reason")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bulk", "number"], name="bulkbatch_once")]

    def __str__(self) -> str:
        return f"batch {self.number} of {self.bulk_id}"

    def carry_out(self, bulk: Any) -> None:
        """Do its act, in the caller's transaction."""
        if self.tries >= MOST_TRIES:
            self._end([], {"error": self.tasks})
            return
        by = bulk.by
        judge = Judge(bulk.act, bulk.arguments, by=by)
        groups = judge.of_tasks(self.tasks)
        possible = sorted(pk for group in groups if not group.why_not for pk in group.ids)
        done: list[int] = []
        if possible:
            assert by is not None
            verb = getattr(Task.objects.filter(pk__in=possible), bulk.act)
            done = sorted(verb(by=by, reason=bulk.reason, **bulk.arguments))
        not_done = _by_reason(groups)
        # what changed between the look and the verb, which locks them
        if missed := sorted(set(possible) - set(done)):
            again = _by_reason(judge.of_tasks(missed))
            known = {pk for ids in again.values() for pk in ids}
            again["changed"] = sorted(set(missed) - known)
            for why, ids in again.items():
                not_done[why] = sorted({*not_done.get(why, []), *ids})
        seen = {pk for group in groups for pk in group.ids}
        not_done["gone"] = sorted(set(self.tasks) - seen)
        self._end(done, not_done)

    def _end(self, done: Sequence[int], not_done: dict[str, list[int]]) -> None:
        self.done = list(done)
        self.not_done = {why: list(ids) for why, ids in not_done.items() if ids}
        self.ended_at = sql.ClockTimestamp()
        self.save(update_fields=["done", "not_done", "ended_at"])


def _by_reason(groups: Sequence[Group]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for group in groups:
        if group.why_not:
            found.setdefault(group.why_not, []).extend(group.ids)
    return found
