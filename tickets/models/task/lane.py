"""Lane: a group of tasks that are the same for the claim.

A claim reads only the lanes that the agent can serve, never tasks that it cannot do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Pool, Project
from agents.profiles import pools_of
from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.explain.sql_fragments import DEATHS_ALONE
from tickets.models.workflow import Workflow
from tickets.workflows.document import Plan

BOTTOM, TOP = -(2**63), 2**63 - 1
# The class of the advisory lock under which claims of guarded lanes are granted; the object is the project.
GUARD_LOCK = 1_002

MARKS = sql.statement(__file__, "lane_marks").strip()
FIND = sql.statement(__file__, "find_lanes", marks=MARKS)
MAKE = sql.statement(__file__, "make_lanes", marks=MARKS)


def lower_floors_of(ready: str) -> str:
    """SQL: lower the floors of the lanes of the rows `ready` (FROM and WHERE, with lane_id, rank
    and id), so that claims find them.

    A lane locked by another transaction is left to the sweep.
    """
    return sql.statement(__file__, "lower_floors", ready=ready)


LOWER = lower_floors_of("tickets_task WHERE id = ANY (%s)")
FOLLOW = sql.statement(__file__, "follow_project")
LANED = sql.statement(__file__, "laned_tasks")
CAPABILITIES = """
SELECT DISTINCT unnest(capabilities) AS name
FROM (SELECT capabilities FROM tickets_lane WHERE project_id = %(project)s LIMIT 1000) l
UNION
SELECT unnest(a.capabilities)
FROM agents_agent a
JOIN agents_agent_projects m ON m.agent_id = a.id
WHERE m.project_id = %(project)s
ORDER BY name
LIMIT %(most)s
"""
RELANE = """
UPDATE tickets_task t
SET lane_id = i.lane
FROM unnest(%s::bigint[], %s::bigint[]) AS i(id, lane)
WHERE t.id = i.id
"""


class Marks(NamedTuple):
    """The values that identify a lane of a project; `capabilities` and `pools` are sorted."""

    phase: str
    capabilities: tuple[str, ...]
    has_profile: bool
    alone: bool = False
    avoids: bool = False
    pools: tuple[str, ...] = ()
    workflow: int | None = None  # the version in which a full phase holds this one


class LaneQuerySet(models.QuerySet["Lane"]):
    def of(self, project: int, marks: Collection[Marks]) -> dict[Marks, int]:
        """The ids of the lanes with these marks, created if missing."""
        ids = self._ids(FIND, project, marks)
        if missing := [mark for mark in marks if mark not in ids]:
            if pools := {pool for mark in missing for pool in mark.pools}:
                # a claim under way has locked the pools of the lanes that it found, and counts for these only
                sql.rows("SELECT pg_advisory_xact_lock(%s, %s)", [GUARD_LOCK, project])
                Pool.objects.ensure(pools)
            ids |= self._ids(MAKE, project, missing)
        return ids

    @staticmethod
    def capabilities(project: int, *, most: int) -> list[str]:
        """The capabilities that agents of the project have or tasks of it ask for; the first `most`."""
        return [row["name"] for row in sql.rows(CAPABILITIES, {"project": project, "most": most})]

    @staticmethod
    def _ids(statement: str, project: int, marks: Collection[Marks]) -> dict[Marks, int]:
        lanes = sql.rows(
            statement,
            {"marks": Jsonb([mark._asdict() for mark in marks]), "project": project, "floor": BOTTOM},
        )
        return {
            Marks(
                row["phase"],
                tuple(row["capabilities"]),
                row["has_profile"],
                row["alone"],
                row["avoids"],
                tuple(row["pools"]),
                row["workflow_id"],
            ): row["id"]
            for row in lanes
        }

    def follow(self, project: Project) -> None:
        """Pause or resume the lanes with their project, whose row the caller has locked, guard them while it
        has limits, and let new claims in them stall when it says.
        """
        sql.rows(
            FOLLOW,
            {
                "project": project.pk,
                "paused": project.paused,
                "phases": list(project.paused_phases),
                "limited": any(project.limits.values()),
                "stall_after_s": project.stall_after_s,
            },
        )
        if not project.paused:
            hints.send("work")


class Lane(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="lanes", db_index=False)
    phase = models.CharField(max_length=60)
    capabilities = ArrayField(models.CharField(max_length=100), default=list)
    has_profile = models.BooleanField(default=False)
    alone = models.BooleanField(
        default=False, db_default=False, help_text="its tasks run alone in their worker"
    )
    avoids = models.BooleanField(
        default=False,
        db_default=False,
        help_text="an agent has failed its tasks, and others are asked first for a while",
    )
    pools = ArrayField(
        models.CharField(max_length=63),
        null=True,
        help_text="accounts whose limits its work shares, as its profiles say; empty takes no room in"
        " the row, which claims read",
    )
    workflow = models.ForeignKey(
        "tickets.Workflow",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="the version in which a full phase holds this one; empty if none does",
    )
    paused = models.BooleanField(default=False, help_text="the project or the phase is paused")
    guarded = models.BooleanField(
        default=False,
        db_default=False,
        help_text="something is counted under a lock before a task of it is granted, such as the limits of"
        " the project",
    )
    stall_after_s = models.PositiveIntegerField(
        default=1800, db_default=1800, help_text="seconds without progress, as its project says"
    )
    # a hint for the claim; with the id, because tasks that become ready together share their rank
    floor = models.BigIntegerField(default=BOTTOM, help_text="no ready task of this lane has a lower rank")
    floor_id = models.BigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="none of the same rank as the floor has a lower id",
    )

    objects = LaneQuerySet.as_manager()

    class Meta:
        # smaller than the index of `lane_once`, for claims
        indexes = [models.Index(fields=["project"], name="lane_of_project")]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("project", "phase", "capabilities", "has_profile", "alone", "avoids", "pools"),
                    "workflow",
                ],
                name="lane_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.phase} {' '.join(self.capabilities) or 'any'}"


class LaneLook(models.Model):
    """Where the sweep has looked in a lane. Not in the lane's row, because claims read that of every lane."""

    lane = models.OneToOneField(Lane, models.CASCADE, primary_key=True, related_name="look")
    looked_from = ArrayField(
        models.BigIntegerField(),
        size=2,
        help_text="rank and id of the floor before this one, from which the sweep looks again",
    )
    looked_to = ArrayField(
        models.BigIntegerField(),
        size=2,
        help_text="the floor as the sweep left it; meanwhile it may have been raised further",
    )

    def __str__(self) -> str:
        return f"{self.lane_id} from {self.looked_from}"


def held_in(plan: Plan, workflow: int, phase: str) -> int | None:
    """`workflow` of the marks of a task of this phase."""
    return workflow if phase in plan.holds else None


@sql.atomic
def relane(ids: Sequence[int], *, workflow: int | None = None) -> None:
    """Move tasks, locked by the caller, into their present lanes. workflow: the version that their ticket is
    about to follow.
    """
    tasks = sql.rows(LANED, {"ids": list(ids), "workflow": workflow})
    plans = Workflow.objects.plans({task["workflow_id"] for task in tasks})
    moved: dict[int, int] = {}
    for project in sorted({task["project_id"] for task in tasks}):
        marks = {
            task["id"]: Marks(
                task["phase"],
                tuple(task["capabilities"]),
                bool(task["profile"]),
                task["worker_deaths"] >= DEATHS_ALONE,
                task["avoid_id"] is not None,
                pools_of(task["profile"]),
                held_in(plans[task["workflow_id"]], task["workflow_id"], task["phase"]),
            )
            for task in tasks
            if task["project_id"] == project
        }
        lanes = Lane.objects.of(project, set(marks.values()))
        moved |= {
            task["id"]: lanes[marks[task["id"]]]
            for task in tasks
            if task["id"] in marks and lanes[marks[task["id"]]] != task["lane_id"]
        }
    if moved:
        sql.rows(RELANE, [list(moved), list(moved.values())])
        lower_floors(list(moved))


def lower_floors(ids: Sequence[int]) -> None:
    """Lower the floors of the lanes of these ready tasks. A locked lane is left to the sweep."""
    sql.rows(LOWER, [list(ids)])
