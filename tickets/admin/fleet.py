"""Agents with what they hold, what is frozen, and when each sweep ran."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from agents.admin.agents import AgentAdmin
from agents.models import Agent, Project
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import ReadOnlyInline, ReadOnlyModelAdmin, UnscopedModelAdmin, since
from omoi_site.humanize import counted
from tickets.models import AttentionCount, Freeze, LatestGrant, NotReady, PhaseHold, SweepRun, Task


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    large = False
    internal = True
    list_display = ["name", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["name"]


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyModelAdmin):
    large = False
    list_display = ["__str__", "reason", "by", since("since")]
    list_filter = [("since", admin.DateFieldListFilter)]
    search_fields = ["project__key", "reason", "by"]
    list_select_related = ["project"]


@admin.register(LatestGrant)
class LatestGrantAdmin(ReadOnlyModelAdmin):
    large = False
    internal = True
    list_display = ["agent", since("oldest_held"), "xid"]
    list_filter = [("oldest_held", admin.DateFieldListFilter)]
    search_fields = ["agent__name"]
    list_select_related = ["agent"]


@admin.register(PhaseHold)
class PhaseHoldAdmin(ReadOnlyModelAdmin):
    large = False
    internal = True
    list_display = ["project", "workflow", "phase", "holds", "is_full", "waits"]
    list_filter = ["is_full", "waits"]
    search_fields = ["project__key", "workflow__name", "phase"]
    list_select_related = ["project", "workflow"]


@admin.register(AttentionCount)
class AttentionCountAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    large = False
    internal = True
    list_display = ["project_id", "kind", "who", "number"]
    list_filter = ["kind", "who"]
    search_fields = ["=project_id", "kind"]


class HeldTaskInline(ReadOnlyInline):
    model, fk_name = Task, "holder"
    readonly_fields = ["key", "title", "phase", "attempts", "claimed_at", "lease_expires_at", "stalled_at"]
    fields = [*readonly_fields]
    verbose_name_plural = "tasks it holds"


def held_by(agent: Agent, request: HttpRequest) -> Any:
    """What it holds where this person may look."""
    return Task.objects.filter(holder=agent, project__in=Project.objects.seen_by(request.user).values("pk"))


def what_it_holds(agent: Agent, request: HttpRequest) -> str:
    held = held_by(agent, request).count()
    return f"it holds {counted(held, 'task')}" if held else "it holds nothing"


def requeue(agent: Agent, request: HttpRequest, reason: str) -> None:
    if not held_by(agent, request).requeue(by=request.user, reason=reason):
        raise NotReady(f"{agent} holds no task that could be taken back")


admin.site.unregister(Agent)


@admin.register(Agent)
class FleetAdmin(AgentAdmin):
    """The agents, with what they hold."""

    list_display = [*AgentAdmin.list_display, "holds"]
    actions = [
        *AgentAdmin.actions,
        admin_action(
            "Requeue the tasks of agents",
            requeue,
            effect="They lose what they hold in projects you see, and it is pending again. It costs no"
            " attempt. An available agent can claim it again: drain it first if it should not.",
            least=1,
            outlook=what_it_holds,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        held = (
            Task.objects.filter(holder=OuterRef("pk"))
            .order_by()
            .values("holder")
            .annotate(n=Count("pk"))
            .values("n")
        )
        return super().get_queryset(request).annotate(holding=Coalesce(Subquery(held), 0))

    @admin.display(ordering="holding")
    def holds(self, agent: Any) -> str:
        return f"{agent.holding} of {agent.capacity}"

    def get_inlines(self, request: HttpRequest, obj: Agent | None) -> list[Any]:
        return [HeldTaskInline] if obj else []
