"""Projects and their members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from agents.admin.locked_action import on_locked
from agents.models import (
    Member,
    Project,
    ProjectSpec,
)
from omoi_site.admin_actions import admin_action
from omoi_site.admin_base import OmoiModelAdmin, badge, since

SETTINGS = ("name", "repository", "workflow", "workflows", "profiles", "stall_after_s", "stall_grace_s")


@admin.register(Project)
class ProjectAdmin(OmoiModelAdmin):
    def seen(self, rows: QuerySet[Project], who: Any) -> QuerySet[Project]:
        return rows.filter(members__user=who)

    list_display = ["key", "name", "workflow", "state", "tickets_made", since("created_at")]
    list_filter = ["paused", "workflow"]
    search_fields = ["key", "name", "repository"]
    fields = [
        "key",
        "name",
        "repository",
        "workflow",
        "workflows",
        "profiles",
        "max_agents",
        "max_tickets",
        "stall_after_s",
        "stall_grace_s",
        "paused",
        "pause_reason",
        "paused_phases",
        "tickets_made",
        "created_at",
    ]
    actions = [
        admin_action(
            "Pause projects",
            on_locked("pause"),
            effect="No task of these projects is granted until they are resumed. Running claims go on.",
        ),
        admin_action(
            "Resume projects", on_locked("resume"), effect="Their ready tasks can be claimed again."
        ),
    ]

    @admin.display(ordering="paused")
    def state(self, project: Project) -> str:
        return badge("paused", "warn") if project.paused else badge("running", "ok")

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        return [
            "paused",
            "pause_reason",
            "paused_phases",
            "tickets_made",
            "created_at",
            *(["key"] if obj else []),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, project: Project, form: forms.ModelForm, change: bool) -> None:
        if not change:
            spec = ProjectSpec(
                **{name: form.cleaned_data[name] for name in (*SETTINGS, "key", "max_agents", "max_tickets")}
            )
            project.__dict__.update(Project.objects.create_project(spec, by=request.user).__dict__)
            return
        Project.objects.act(
            project.pk,
            "edit",
            by=request.user,
            **{name: form.cleaned_data[name] for name in form.changed_data},
        )


@admin.register(Member)
class MemberAdmin(OmoiModelAdmin):
    inside = "project"
    list_display = ["user", "project", "role", "since"]
    list_filter = ["role", ("project", OwnProjects)]
    search_fields = ["user__username", "project__key"]
    autocomplete_fields = ["user", "project"]
    list_select_related = ["user", "project"]

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> list[str]:
        return ["user", "project"] if obj else []

    def save_model(self, request: HttpRequest, member: Member, form: forms.ModelForm, change: bool) -> None:
        stored = Member.objects.set(member.project, member.user, form.cleaned_data["role"], by=request.user)
        member.__dict__.update(stored.__dict__)

    def delete_model(self, request: HttpRequest, member: Member) -> None:
        Member.objects.remove(member.project, member.user, by=request.user)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, members: QuerySet[Member]) -> None:
        for member in members:
            self.delete_model(request, member)
