"""Agents with what they hold, what is frozen, and when each sweep ran."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from agents.admin.agents import AgentAdmin
from agents.models import Agent
from omoi_site.admin_base import (
    ReadOnlyInline,
    ReadOnlyModelAdmin,
    UnscopedModelAdmin,
    admin_action,
    since,
)
from tickets.models import Freeze, LatestGrant, SweepRun, Task


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["name", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["name"]


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyModelAdmin):
    list_display = ["__str__", "reason", "by", since("since")]
    list_filter = [("since", admin.DateFieldListFilter)]
    search_fields = ["project__key", "reason", "by"]
    list_select_related = ["project"]


@admin.register(LatestGrant)
class LatestGrantAdmin(ReadOnlyModelAdmin):
    internal = True
    list_display = ["agent", since("oldest_held"), "xid"]
    list_filter = [("oldest_held", admin.DateFieldListFilter)]
    search_fields = ["agent__name"]
    list_select_related = ["agent"]


class HeldTaskInline(ReadOnlyInline):
    model, fk_name = Task, "holder"
    readonly_fields = ["key", "title", "phase", "attempts", "claimed_at", "lease_expires_at", "stalled_at"]
    fields = [*readonly_fields]
    verbose_name_plural = "tasks it holds"


admin.site.unregister(Agent)


@admin.register(Agent)
class FleetAdmin(AgentAdmin):
    """The agents, with what they hold."""

    actions = [
        *AgentAdmin.actions,
        admin_action(
            "Requeue what agents hold",
            lambda agent, request, reason: Task.objects.filter(holder=agent).requeue(
                by=request.user, reason=reason
            ),
            effect="Their tasks go back to the queue. It costs no attempt, and they may claim them again.",
            least=1,
        ),
    ]

    list_display = [*AgentAdmin.list_display, "holds"]

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
