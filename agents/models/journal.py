"""Which events somebody may read."""

from __future__ import annotations

from django.db.models import Q, Value
from django.db.models.functions import Concat

from agents.models.actor import Actor, sees_all
from agents.models.agent import Agent
from agents.models.event import Event, EventQuerySet
from agents.models.project import Project


def seen_by(who: Actor) -> EventQuerySet:
    """Events of the projects `who` sees, and of the agents in them. Superusers and workers see all."""
    if sees_all(who):
        return Event.objects.all()
    agents = Agent.objects.seen_by(who).annotate(heard_as=Concat(Value("agent:"), "name")).values("heard_as")
    return Event.objects.filter(
        Q(project_id__in=Project.objects.seen_by(who).values("pk")) | Q(project_id=None, topic__in=agents)
    )
