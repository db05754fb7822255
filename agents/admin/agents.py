"""Agents, and when each was last heard from."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from agents.admin.locked_action import before, on_locked
from agents.models import (
    Agent,
    AgentPresence,
    AgentSpec,
)
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import OmoiModelAdmin, ReadOnlyModelAdmin, ValueFilter, badge, since

TONES = {
    "available": ("ok", "circle-check"),
    "maintenance": ("warn", "circle-pause"),
    "draining": ("warn", "circle-pause"),
    "quarantined": ("bad", "ban"),
    "retired": ("neutral", "circle-dashed"),
}


class StateFilter(ValueFilter):
    title, parameter_name, words = "state", "state", Agent.State.values


@admin.register(Agent)
class AgentAdmin(OmoiModelAdmin):
    list_display = [
        "name",
        "kind",
        "shown_state",
        "state_reason",
        "capacity",
        "shown_capabilities",
        "owner",
        "last_seen",
    ]
    list_filter = [StateFilter, "kind", ("projects", OwnProjects)]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["projects", "owner"]
    list_select_related = ["presence", "owner"]
    fields = [
        "name",
        "kind",
        "state",
        "state_reason",
        "shared",
        "capabilities",
        "phases",
        "tags",
        "capacity",
        "pools",
        "projects",
        "owner",
        "runs_profiles",
        "created_at",
    ]
    actions = [
        admin_action("Make agents available", on_locked("make_available"), effect="They can claim again."),
        admin_action(
            "Set agents to maintenance",
            on_locked("make_unavailable"),
            effect="They claim nothing until they are made available. What they hold, they keep.",
            outlook=before("make_unavailable"),
        ),
        admin_action(
            "Drain agents",
            on_locked("drain"),
            effect="They finish what they hold and claim nothing new.",
            outlook=before("drain"),
        ),
        admin_action(
            "Quarantine agents",
            on_locked("quarantine"),
            effect=(
                "Their claims go back to the queue, and they can change nothing until they are made"
                " available."
            ),
            least=3,
            outlook=before("quarantine"),
        ),
        admin_action(
            "Retire agents",
            on_locked("retire"),
            effect="Their claims go back to the queue and their keys are revoked. This cannot be undone.",
            least=3,
            outlook=before("retire"),
        ),
    ]

    def seen(self, rows: QuerySet[Agent], who: Any) -> QuerySet[Agent]:
        return rows.filter(pk__in=Agent.objects.seen_by(who).values("pk"))

    @admin.display(description="state", ordering="state")
    def shown_state(self, agent: Agent) -> str:
        return badge(agent.state, *TONES[agent.state])

    @admin.display(description="capabilities")
    def shown_capabilities(self, agent: Agent) -> str:
        return ", ".join(agent.capabilities) or "-"

    @admin.display(description="heard", ordering="presence__last_seen_at")
    def last_seen(self, agent: Agent) -> Any:
        return since("last_seen_at")(agent.presence) if hasattr(agent, "presence") else "-"

    @admin.display(description="two processes", ordering="presence__shared_since")
    def shared(self, agent: Agent) -> Any:
        return since("shared_since")(agent.presence) if hasattr(agent, "presence") else "-"

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> list[str]:
        return [
            "state",
            "state_reason",
            "shared",
            "runs_profiles",
            "created_at",
            *(["name", "owner"] if obj else []),
        ]

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **how: Any) -> Any:
        if db_field.name == "kind":
            how["choices"] = [(kind.value, kind.label) for kind in Agent.AGENT_KINDS]
        return super().formfield_for_choice_field(db_field, request, **how)

    def has_change_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """Nobody changes the row of a person; it shows what they hold."""
        return super().has_change_permission(request, obj) and not (obj and obj.kind == Agent.Kind.PERSON)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, agent: Agent, form: forms.ModelForm, change: bool) -> None:
        changes = {
            name: form.cleaned_data[name]
            for name in ("kind", "capabilities", "phases", "tags", "capacity", "pools")
        }
        projects = form.cleaned_data["projects"]
        if not change:
            spec = AgentSpec(agent.name, **changes)
            owner = agent.owner.get_username() if agent.owner else None
            made = Agent.objects.register(spec, by=request.user, projects=projects, owner=owner)
            agent.__dict__.update(made.__dict__)
            return
        Agent.objects.act(
            agent.pk,
            "edit",
            by=request.user,
            **{
                name: value
                for name, value in {**changes, "projects": projects}.items()
                if name in form.changed_data
            },
        )

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        """The verb has set the projects; the rows below are only told that nothing in them has changed."""
        for formset in formsets:
            self.save_formset(request, form, formset, change)


@admin.register(AgentPresence)
class AgentPresenceAdmin(ReadOnlyModelAdmin):
    large = False
    internal = True
    list_display = ["agent", since("last_seen_at"), "word", "unread"]
    list_filter = [("word", admin.EmptyFieldListFilter)]
    search_fields = ["agent__name"]
    list_select_related = ["agent"]
    hidden = ["minutes"]  # 1,440 digits; the page of the agent draws them
