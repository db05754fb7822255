from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from agents.models import (
    Account,
    Agent,
    AgentPresence,
    AgentSpec,
    Event,
    Key,
    Member,
    Project,
    ProjectSpec,
    Reply,
    SignInTry,
)
from agents.models.key import LONGEST
from agents.models.rights import SCOPES
from omoi_site.admin_base import OmoiModelAdmin, ReadOnlyModelAdmin, ValueFilter, admin_action, badge, since

admin.site.site_header = admin.site.site_title = "Omoi"
admin.site.index_title = "Administration"
admin.site.site_url = "/board/"

TONES = {
    "available": "ok",
    "maintenance": "warn",
    "draining": "warn",
    "quarantined": "bad",
    "retired": "mute",
}


def on_locked(verb: str) -> Any:
    """An action that calls the verb of that name on the locked row."""
    return lambda row, request, reason: type(row).objects.act(row.pk, verb, by=request.user, reason=reason)


class OwnProjects(admin.RelatedFieldListFilter):
    """Lists only projects in which the viewer is a member."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return list(Project.objects.seen_by(request.user).order_by("key").values_list("pk", "key")[:200])


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
        "paused",
        "pause_reason",
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
        return ["paused", "pause_reason", "tickets_made", "created_at", *(["key"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, project: Project, form: forms.ModelForm, change: bool) -> None:
        if not change:
            spec = ProjectSpec(
                **{
                    name: form.cleaned_data[name]
                    for name in ("key", "name", "repository", "workflow", "workflows", "profiles")
                }
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

    def delete_queryset(self, request: HttpRequest, members: QuerySet[Member]) -> None:
        for member in members:
            self.delete_model(request, member)


class StateFilter(ValueFilter):
    title, parameter_name, words = "state", "state", Agent.State.values


@admin.register(Agent)
class AgentAdmin(OmoiModelAdmin):
    list_display = ["name", "kind", "shown_state", "capacity", "shown_capabilities", "owner", "last_seen"]
    list_filter = [StateFilter, "kind", ("projects", OwnProjects)]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["projects", "owner"]
    list_select_related = ["presence", "owner"]
    fields = [
        "name",
        "kind",
        "state",
        "capabilities",
        "phases",
        "tags",
        "capacity",
        "projects",
        "owner",
        "runs_profiles",
        "created_at",
    ]
    actions = [
        admin_action("Make agents available", on_locked("make_available"), effect="They can claim again."),
        admin_action(
            "Drain agents", on_locked("drain"), effect="They finish what they hold and claim nothing new."
        ),
        admin_action(
            "Quarantine agents",
            on_locked("quarantine"),
            effect=(
                "Their claims go back to the queue, and they can change nothing until they are made"
                " available."
            ),
            least=3,
        ),
        admin_action(
            "Retire agents",
            on_locked("retire"),
            effect="Their claims go back to the queue and their keys are revoked. This cannot be undone.",
            least=3,
        ),
    ]

    def seen(self, rows: QuerySet[Agent], who: Any) -> QuerySet[Agent]:
        return rows.filter(pk__in=Agent.objects.seen_by(who).values("pk"))

    @admin.display(description="state", ordering="state")
    def shown_state(self, agent: Agent) -> str:
        return badge(agent.state, TONES[agent.state])

    @admin.display(description="capabilities")
    def shown_capabilities(self, agent: Agent) -> str:
        return ", ".join(agent.capabilities) or "-"

    @admin.display(description="heard", ordering="presence__last_seen_at")
    def last_seen(self, agent: Agent) -> Any:
        return since("last_seen_at")(agent.presence) if hasattr(agent, "presence") else "-"

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> list[str]:
        return ["state", "runs_profiles", "created_at", *(["name", "owner"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, agent: Agent, form: forms.ModelForm, change: bool) -> None:
        changes = {
            name: form.cleaned_data[name] for name in ("kind", "capabilities", "phases", "tags", "capacity")
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
        """Nothing to save: the verb has set the projects."""


@admin.register(AgentPresence)
class AgentPresenceAdmin(ReadOnlyModelAdmin):
    internal = True
    list_display = ["agent", since("last_seen_at"), "word", "unread"]
    list_filter = [("word", admin.EmptyFieldListFilter)]
    search_fields = ["agent__name"]
    list_select_related = ["agent"]


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="If empty: `work` for an agent, the scopes of their roles for a person.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST.days,
        required=False,
        label="ends after",
        help_text="Days until it expires. If empty, it never expires.",
    )

    class Meta:
        model = Key
        fields = ["agent", "user"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and bool(cleaned.get("agent")) == bool(cleaned.get("user")):
            raise forms.ValidationError("Choose either one agent or one person.")
        return cleaned


@admin.register(Key)
class KeyAdmin(ReadOnlyModelAdmin):
    """A key is issued and revoked, never edited.

    Its text is shown once, in the answer to the form that made it.
    """

    form = KeyForm
    hidden = ["hash"]
    list_display = ["__str__", "agent", "user", "shown_scopes", "state", since("last_used_at"), "expires_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), ("expires_at", admin.DateFieldListFilter)]
    search_fields = ["=prefix", "agent__name", "user__username"]
    autocomplete_fields = ["agent", "user"]
    list_select_related = ["agent", "user"]
    actions = [
        admin_action(
            "Revoke keys",
            lambda key, request, reason: Key.objects.filter(pk=key.pk).revoke(by=request.user),
            effect="Requests with these keys are refused from now on. This cannot be undone.",
            least=3,
        )
    ]

    def seen(self, rows: QuerySet[Key], who: Any) -> QuerySet[Key]:
        return rows.filter(Q(agent__in=Agent.objects.seen_by(who)) | Q(user=who))

    @admin.display(description="scopes")
    def shown_scopes(self, key: Key) -> str:
        return ", ".join(key.scopes) or "of their roles"

    @admin.display()
    def state(self, key: Key) -> str:
        return badge("revoked", "mute") if key.revoked_at else badge("live", "ok")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.add_key")

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ["agent", "user", "scopes", "days"]

    def get_readonly_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        return self.get_fields(request, obj) if obj else []

    def save_model(self, request: HttpRequest, key: Key, form: forms.ModelForm, change: bool) -> None:
        changes = form.cleaned_data
        ends = timedelta(days=changes["days"]) if changes["days"] else None
        made, text = Key.objects.issue(
            agent=key.agent, user=key.user, scopes=changes["scopes"], expires_in=ends, by=request.user
        )
        key.__dict__.update(made.__dict__)
        request.key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, key: Key, post_url_continue: Any = None) -> HttpResponse:
        """The only answer with the key's text. A message would store it in the session and show it on any
        next page.
        """
        text = request.key_text  # type: ignore[attr-defined]
        shown = {"title": "Key made", "opts": self.opts, "key": key, "text": text}
        return TemplateResponse(
            request, "admin/key_made.html", {**self.admin_site.each_context(request), **shown}
        )


admin.site.unregister([get_user_model(), Group])  # roles come with membership of a project


@admin.register(get_user_model())
class PersonAdmin(UserAdmin):
    """People. Only a superuser can make somebody staff or superuser, and edit such people: otherwise staff
    could promote themselves.
    """

    filter_horizontal = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        powers = (
            () if request.user.is_superuser else ("is_staff", "is_superuser", "groups", "user_permissions")
        )
        return (*super().get_readonly_fields(request, obj), "last_login", "date_joined", *powers)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = (
            obj is not None
            and (obj.is_superuser or obj.is_staff)
            and obj != request.user
            and not request.user.is_superuser
        )
        return super().has_change_permission(request, obj) and not above

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = obj is not None and (obj.is_superuser or obj.is_staff) and not request.user.is_superuser
        return super().has_delete_permission(request, obj) and not above


class NounFilter(ValueFilter):
    title, parameter_name, words = (
        "about",
        "about",
        ["task", "ticket", "agent", "key", "project", "member", "user"],
    )

    def queryset(self, request: HttpRequest, rows: QuerySet[Event]) -> QuerySet[Event]:
        return rows.filter(kind__startswith=f"{self.value()}.") if self.value() else rows


@admin.register(Event)
class EventAdmin(ReadOnlyModelAdmin):
    list_display = ["kind", "subject", "topic", "actor", "reason", since("at")]
    list_filter = [NounFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=subject", "=topic", "=actor", "=kind"]
    search_help_text = (
        "A whole subject (task:17), topic (ticket:OMO-142), actor (agent:ada) or kind (task.claimed)"
    )
    ordering = ["-xid", "-id"]

    def seen(self, rows: QuerySet[Event], who: Any) -> QuerySet[Event]:
        return rows.filter(project_id__in=Project.objects.seen_by(who).values("pk"))


@admin.register(Reply)
class ReplyAdmin(ReadOnlyModelAdmin):
    internal = True
    hidden = ["hash", "request", "body", "headers"]
    list_display = ["__str__", "status", "sealed", since("created_at")]
    list_filter = ["sealed", ("created_at", admin.DateFieldListFilter)]
    search_fields = ["=status"]
    ordering = ["-created_at"]


@admin.register(Account)
class AccountAdmin(ReadOnlyModelAdmin):
    """The number of the last journal event of each person."""

    internal = True
    list_display = ["user", "events"]
    list_filter = ["user__is_active"]
    search_fields = ["=user__username"]
    list_select_related = ["user"]


@admin.register(SignInTry)
class SignInTryAdmin(ReadOnlyModelAdmin):
    """Delete the rows of an address to let it try again at once."""

    internal = True
    list_display = ["address", "who", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["=address"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("agents.delete_signintry")
