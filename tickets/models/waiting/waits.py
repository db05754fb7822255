"""Who each open task and ticket waits on, stored by the sweep `store_waits`, so that lists can be filtered
by it.

A row names somebody, or the lane in which its task is ready: then who that is stands once in the lane's
`LaneWait`. There are no foreign keys: they would lock the task's row, which claims write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from django.db import models

from omoi_site.database import prepared, sql
from tickets.models.explain import stored_waits

AT_ONCE = 500  # computed in one statement
LOOKS = 500  # that one look takes of those whose time has come
ROOM_LOOKS = 2_000  # tickets of each full phase whose answer one look replaces


class Stored(NamedTuple):
    """One that was changed; `due`: the next run would have looked at it again, such as at a ticket that waits
    for room, of which others decide.
    """

    id: int
    due: bool


class Wait(models.Model):
    id = models.BigIntegerField(primary_key=True)
    project_id = models.BigIntegerField()
    who = models.CharField(max_length=200, null=True, help_text="empty: nobody; null: as its lane says")
    lane_id = models.BigIntegerField(null=True, help_text="where its task is ready")
    variant = models.SmallIntegerField(
        null=True, help_text="1: its ticket is in work; 2: it is critical and ready for long; 3: both"
    )
    at = models.DateTimeField(help_text="when this was stored")
    until = models.DateTimeField(
        null=True, help_text="when it must be looked at again; null: when something happens"
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk} waits on {self.who or (f'lane {self.lane_id}' if self.lane_id else 'nobody')}"


def indexes(name: str) -> list[models.Index]:
    """By whom, by the kind of whom, by lane, and when to look again."""
    named, waiting = models.Q(who__isnull=False), models.Q(until__isnull=False)
    kind = models.Func(
        "who", models.Value(":"), models.Value(1), function="split_part", output_field=models.TextField()
    )
    return [
        models.Index(fields=["project_id", "who", "id"], name=f"{name}_who", condition=named),
        models.Index(models.F("project_id"), kind, models.F("id"), name=f"{name}_kind", condition=named),
        models.Index(
            fields=["lane_id", "variant", "id"],
            name=f"{name}_lane",
            condition=models.Q(lane_id__isnull=False),
        ),
        models.Index(fields=["until"], name=f"{name}_until", condition=waiting),
    ]


class Storing(models.Manager["Wait"]):
    """`store` computes who these wait on, and writes what differs."""

    statement: Callable[[], str]

    def store(self, ids: Collection[int]) -> list[Stored]:
        """What it changed."""
        changed: list[Stored] = []
        each = sorted(ids)
        for first in range(0, len(each), AT_ONCE):
            rows = prepared.rows(self.statement(), {"ids": each[first : first + AT_ONCE]})
            changed += [Stored(row["id"], row["due"]) for row in rows]
        return changed

    def due(self) -> list[int]:
        """The first ones to look at again by now."""
        late = self.filter(until__lte=sql.ClockTimestamp()).order_by("until")
        return list(late.values_list("pk", flat=True)[:LOOKS])


class StoringTasks(Storing):
    statement = staticmethod(stored_waits.of_tasks)


class StoringTickets(Storing):
    statement = staticmethod(stored_waits.of_tickets)

    def store_rooms(self) -> bool:
        """Who the tickets wait on that wait for room in a full phase: it is the same for all of a phase.
        Returns whether more may be left.
        """
        return len(prepared.rows(stored_waits.of_rooms(), {"most": ROOM_LOOKS})) >= ROOM_LOOKS


class TaskWait(Wait):
    objects = StoringTasks()

    class Meta:
        indexes = indexes("taskwait")


class TicketWait(Wait):
    room_id = models.BigIntegerField(null=True, help_text="the full phase in which it waits for room")
    idle_since = models.DateTimeField(
        null=True, help_text="since when only a person would move it on, although nothing of it failed"
    )

    objects = StoringTickets()

    class Meta:
        indexes = [
            *indexes("ticketwait"),
            # where the whole project is stopped, all its tickets
            models.Index(fields=["project_id", "id"], name="ticketwait_project"),
            models.Index(
                fields=["project_id", "room_id", "who"],
                name="ticketwait_room",
                condition=models.Q(room_id__isnull=False),
            ),
            models.Index(
                fields=["project_id", "idle_since", "id"],
                name="ticketwait_idle",
                condition=models.Q(idle_since__isnull=False),
            ),
        ]


class StoringLanes(models.Manager["LaneWait"]):
    def store(self, lanes: Collection[int]) -> None:
        """Who ready tasks of these lanes wait on now."""
        prepared.rows(stored_waits.of_lanes(), {"lanes": sorted(lanes)})


class LaneWait(models.Model):
    """Who the ready tasks of a lane wait on that are of this variant."""

    lane_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    variant = models.SmallIntegerField()
    who = models.CharField(max_length=200, help_text="empty: nobody")
    at = models.DateTimeField(help_text="when this was stored")

    objects = StoringLanes()

    class Meta:
        indexes = [models.Index(fields=["project_id", "who"], name="lanewait_who")]
        constraints = [models.UniqueConstraint(fields=["lane_id", "variant"], name="lanewait_once")]

    def __str__(self) -> str:
        return f"lane {self.lane_id} waits on {self.who or 'nobody'}"
