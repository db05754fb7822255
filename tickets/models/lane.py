"""Lane: what tasks have in common for the claim. An agent looks into the lanes it can serve, never at tasks it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models import Project
from omoi_site import broker, db

BOTTOM = -(2**63)


class LaneQuerySet(models.QuerySet["Lane"]):
    def of(self, *, project: Project, phase: str, capabilities: Sequence[str], has_profile: bool) -> int:
        """The id of the lane with these marks, made when it is missing. `capabilities` are sorted words."""
        marks = [project.pk, phase, list(capabilities), has_profile]
        found = db.one(
            "SELECT id FROM tickets_lane WHERE project_id = %s AND phase = %s AND capabilities = %s::varchar[] AND has_profile = %s", marks
        )
        if found is None:
            found = db.one(
                # FOR SHARE: a project being paused at this moment is waited for, else this lane would never hear of it
                """INSERT INTO tickets_lane (project_id, phase, capabilities, has_profile, paused, floor)
                   SELECT id, %s, %s::varchar[], %s, paused, %s FROM (SELECT * FROM agents_project WHERE id = %s FOR SHARE) p
                   ON CONFLICT (project_id, phase, capabilities, has_profile) DO UPDATE SET phase = excluded.phase RETURNING id""",
                [*marks[1:], BOTTOM, project.pk],
            )
        assert found
        return found["id"]

    def follow(self, project: Project) -> None:
        """The project's lanes grant nothing while it is paused; the caller has its row locked."""
        self.filter(project=project).exclude(paused=project.paused).update(paused=project.paused)
        if not project.paused:
            broker.hint("work")


class Lane(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="lanes", db_index=False)
    phase = models.CharField(max_length=60)
    capabilities = ArrayField(models.CharField(max_length=100), default=list)
    has_profile = models.BooleanField(default=False)
    paused = models.BooleanField(default=False, help_text="the project is paused")
    floor = models.BigIntegerField(default=BOTTOM, help_text="a hint: no ready task of this lane has a lower rank")

    objects = LaneQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "phase", "capabilities", "has_profile"], name="lane_once")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.phase} {' '.join(self.capabilities) or 'any'}"
