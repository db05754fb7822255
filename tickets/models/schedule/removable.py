"""Removable: what templates and schedules share. They belong to a project; what is removed leaves the lists,
and can be put back.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from agents.models import Actor, Project, Versioned
from agents.models.actor import sees_all
from agents.models.versioned import Locking
from tickets.models.task.need import Need

Row = TypeVar("Row", bound=Versioned)


class Removable(Locking[Row]):
    def seen_by(self, who: Actor) -> Self:
        """Those of projects that `who` is a member of; the operator and workers see all."""
        return self if sees_all(who) else self.filter(project__in=Project.objects.seen_by(who).values("pk"))

    def kept(self) -> Self:
        """Those that are not removed."""
        return self.filter(removed_at=None)

    def before_lock(self, **which: Any) -> None:
        """The lock of the graph, which a ticket that is opened or tried out takes before any row."""
        if project := self.filter(**which).values_list("project_id", flat=True).first():
            Need.objects.lock_graph(project)
