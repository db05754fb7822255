from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.text import Truncator

from agents.admin import AgentAdmin, OwnProjects
from agents.models import Agent, Project
from omoi_site.admin_base import (
    OmoiModelAdmin,
    ReadOnlyInline,
    ReadOnlyModelAdmin,
    UnscopedModelAdmin,
    ValueFilter,
    admin_action,
    badge,
    since,
)
from tickets.models import (
    Artifact,
    Awaited,
    Blob,
    Chunk,
    Comment,
    Lane,
    Link,
    Need,
    PhaseMove,
    SweepRun,
    Task,
    Ticket,
    TicketSpec,
    Verdict,
    Workflow,
    WorkflowPhase,
)
from tickets.models.ticket.record import BlockedClass
from tickets.templatetags.tickets import TASK
from tickets.workflows.document import BLOCKED, CANCELLED


class PhaseFilter(ValueFilter):
    """The phases of all workflows: few rows, however many tickets."""

    title, parameter_name = "phase", "phase"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.words = [
            *dict.fromkeys(WorkflowPhase.objects.order_by("position").values_list("name", flat=True)),
            BLOCKED,
            CANCELLED,
        ]
        return super().lookups(request, model_admin)


def under_lock(verb: str) -> Any:
    return lambda ticket, request, reason: Ticket.objects.act(ticket.pk, verb, by=request.user, reason=reason)


def moved(to: str, **how: Any) -> Any:
    return lambda ticket, request, reason: Ticket.objects.move(
        ticket.pk, to, by=request.user, reason=reason, **how
    )


def of_tasks(verb: str) -> Any:
    return lambda task, request, reason: getattr(Task.objects.filter(pk=task.pk), verb)(
        by=request.user, reason=reason
    )


class TicketForm(forms.ModelForm):
    """Only what may be edited; the phase is moved by moves alone."""

    class Meta:
        model = Ticket
        fields = ["project", "title", "description", "priority", "labels"]


class PhaseMoveInline(ReadOnlyInline):
    model = PhaseMove
    fields = ["move", "from_phase", "to_phase", "ground", "reason", "by", "at"]
    verbose_name_plural = "history"


@admin.register(Ticket)
class TicketAdmin(OmoiModelAdmin):
    inside = "project"
    form = TicketForm
    list_display = [
        "key",
        "title",
        "shown_phase",
        "priority",
        "project",
        since("phase_since"),
        since("created_at"),
    ]
    list_filter = [
        PhaseFilter,
        "priority",
        "paused",
        ("archived_at", admin.EmptyFieldListFilter),
        ("phase_since", admin.DateFieldListFilter),
        ("project", OwnProjects),
    ]
    search_fields = ["key", "title", "=source_id"]
    list_select_related = ["project", "workflow"]
    autocomplete_fields = ["project"]
    shown_fields = [
        "key",
        "phase",
        "previous_phase",
        "phase_since",
        "workflow",
        "parent",
        "paused",
        "pause_reason",
        "blocked_class",
        "blocked_reason",
        "move_fault",
    ]
    shown_fields += ["summary", "source", "source_id", "external_ref", "version", "archived_at", "created_at"]
    actions = [
        admin_action(
            "Pause tickets",
            under_lock("pause"),
            effect="No task of theirs is granted until they are resumed. Claims that run go on.",
        ),
        admin_action(
            "Resume tickets", under_lock("resume"), effect="Their ready tasks can be claimed again."
        ),
        admin_action(
            "Block tickets",
            moved(BLOCKED, cause=BlockedClass.CLARIFICATION),
            effect="They wait for a clarification; no task is granted.",
            least=3,
        ),
        admin_action(
            "Unblock tickets", under_lock("unblock"), effect="They return to the phase they were blocked in."
        ),
        admin_action(
            "Cancel tickets",
            moved(CANCELLED),
            effect="All their open tasks are cancelled with them.",
            least=3,
        ),
        admin_action(
            "Archive tickets", under_lock("archive"), effect="They leave the board. Their history stays."
        ),
    ]

    @admin.display(description="phase", ordering="phase")
    def shown_phase(self, ticket: Ticket) -> str:
        tone = (
            "ok"
            if ticket.done
            else "warn"
            if ticket.phase == BLOCKED or ticket.paused
            else "mute"
            if ticket.phase == CANCELLED
            else "run"
        )
        return badge(ticket.phase.lower() + (" · paused" if ticket.paused else ""), tone)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        return super().get_queryset(request).defer("context")

    def get_fields(self, request: HttpRequest, obj: Ticket | None = None) -> Any:
        return [
            *(self.shown_fields[:2] if obj else []),
            *TicketForm.Meta.fields,
            *(self.shown_fields[2:] if obj else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Ticket | None = None) -> Any:
        return [*self.shown_fields, "project"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Ticket | None) -> list[Any]:
        return [PhaseMoveInline] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, ticket: Ticket, form: forms.ModelForm, change: bool) -> None:
        data = form.cleaned_data
        if not change:
            spec = TicketSpec(**{name: data[name] for name in TicketForm.Meta.fields if name != "project"})
            made = Ticket.objects.open(data["project"], spec, by=request.user)
            ticket.__dict__.update(made.__dict__)
            return
        Ticket.objects.act(
            ticket.pk, "edit", by=request.user, **{name: data[name] for name in form.changed_data}
        )


@admin.register(PhaseMove)
class PhaseMoveAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    hidden = ["xid"]
    list_display = ["ticket", "move", "from_phase", "to_phase", "ground", "by", "reason", since("at")]
    list_filter = ["ground", ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


class TaskStateFilter(ValueFilter):
    title, parameter_name, words = "state", "state", Task.State.values


class TaskPhaseFilter(PhaseFilter):
    pass


class ProjectFilter(admin.SimpleListFilter):
    """By the ticket's project: the task's own key to it has no index to be followed back."""

    title, parameter_name = "project", "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Project.objects.seen_by(request.user).order_by("key").values_list("key", "key")[:200])

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(ticket__project__key=self.value()) if self.value() else rows


class SizeFilter(admin.SimpleListFilter):
    title, parameter_name, field = "size", "size", "size"
    steps = {"small": (0, 1 << 16), "medium": (1 << 16, 1 << 20), "large": (1 << 20, 1 << 62)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("small", "Under 64 KiB"), ("medium", "64 KiB to 1 MiB"), ("large", "1 MiB and more")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        least, most = self.steps.get(self.value() or "", (0, 1 << 62))
        return rows.filter(**{f"{self.field}__gte": least, f"{self.field}__lt": most})


class SizeOfBlobFilter(SizeFilter):
    field = "blob__size"


@admin.register(Task)
class TaskAdmin(ReadOnlyModelAdmin):
    """Tasks are added and edited over the API; here they are looked at, and acted on with a reason."""

    inside = "project"
    list_display = [
        "__str__",
        "title",
        "shown_state",
        "phase",
        "priority",
        "holder",
        "attempts",
        since("created_at"),
    ]
    list_filter = [
        TaskStateFilter,
        TaskPhaseFilter,
        "priority",
        "unsatisfiable",
        "held",
        ("created_at", admin.DateFieldListFilter),
        ProjectFilter,
    ]
    search_fields = ["=ticket_key", "title", "=holder__name"]
    list_select_related = ["holder"]
    ordering = ["-id"]
    actions = [
        admin_action(
            "Cancel tasks",
            of_tasks("cancel"),
            effect="Whoever holds one loses its claim; what waits for them is decided by its needs.",
            least=3,
        ),
        admin_action(
            "Retry tasks",
            of_tasks("retry"),
            effect="Failed and cancelled tasks are pending again, with all their attempts.",
            least=3,
        ),
        admin_action("Bump tasks", of_tasks("bump"), effect="They go before all other work."),
    ]

    @admin.display(description="state", ordering="state")
    def shown_state(self, task: Task) -> str:
        return badge(task.standing, TASK[task.standing][0])


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "name", "type", "revision", "by", since("at")]
    list_filter = ["type", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "name", "=blob__hash"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


@admin.register(Blob)
class BlobAdmin(ReadOnlyModelAdmin):
    internal = True
    list_display = ["hash", "size"]
    list_filter = [SizeFilter]
    search_fields = ["hash__startswith"]
    ordering = ["hash"]


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyModelAdmin):
    internal = True
    hidden = ["data"]
    list_display = ["blob", "number"]
    list_filter = [SizeOfBlobFilter]
    search_fields = ["=blob__hash"]
    list_select_related = ["blob"]
    ordering = ["-id"]


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "shown_passed", "by", since("at")]
    list_filter = ["passed", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="verdict", ordering="passed")
    def shown_passed(self, verdict: Verdict) -> str:
        return badge("passed", "ok") if verdict.passed else badge("failed", "bad")


@admin.register(Need)
class NeedAdmin(ReadOnlyModelAdmin):
    inside = "child__project"
    list_display = ["child", "parent", "on_end", "on_failure"]
    list_filter = ["on_end", "on_failure"]
    search_fields = ["=child__ticket_key", "=parent__ticket_key"]
    list_select_related = ["child", "parent"]
    ordering = ["-id"]


@admin.register(Link)
class LinkAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "kind", "other"]
    list_filter = ["kind"]
    search_fields = ["=ticket__key", "=other__key"]
    list_select_related = ["ticket", "other"]
    ordering = ["-id"]


@admin.register(Awaited)
class AwaitedAdmin(ReadOnlyModelAdmin):
    inside, internal = "ticket__project", True
    list_display = ["ticket", "kind", "source_id"]
    list_filter = ["kind"]
    search_fields = ["=ticket__key", "=source_id"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


@admin.register(Comment)
class CommentAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "author", "shown_body", "source", since("created_at")]
    list_filter = [("created_at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=author", "=source"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="comment")
    def shown_body(self, comment: Comment) -> str:
        return Truncator(comment.body).chars(100)


@admin.register(Lane)
class LaneAdmin(ReadOnlyModelAdmin):
    inside, internal = "project", True
    list_display = ["project", "phase", "shown_capabilities", "has_profile", "paused", "floor"]
    list_filter = [("project", OwnProjects), "has_profile", "paused"]
    search_fields = ["=phase"]
    list_select_related = ["project"]

    @admin.display(description="capabilities")
    def shown_capabilities(self, lane: Lane) -> str:
        return ", ".join(lane.capabilities) or "any"


class WorkflowPhaseInline(ReadOnlyInline):
    model = WorkflowPhase
    fields = ["position", "name", "to", "start", "gated", "automatic"]
    verbose_name_plural = "phases"


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    """A version never changes; another one is installed over the API or by `python3 manage.py workflows install`."""

    list_display = ["name", "version", since("created_at")]
    list_filter = ["name"]
    search_fields = ["name"]
    inlines = [WorkflowPhaseInline]


@admin.register(WorkflowPhase)
class WorkflowPhaseAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["workflow", "position", "name", "to", "start", "gated", "automatic"]
    list_filter = ["workflow", ("automatic", admin.EmptyFieldListFilter), "gated"]
    search_fields = ["name", "workflow__name"]
    list_select_related = ["workflow"]


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyModelAdmin, UnscopedModelAdmin):
    internal = True
    list_display = ["name", since("at")]
    list_filter = [("at", admin.DateFieldListFilter)]
    search_fields = ["name"]


class HeldTaskInline(ReadOnlyInline):
    model, fk_name = Task, "holder"
    readonly_fields = ["key", "title", "phase", "attempts", "claimed_at", "lease_expires_at"]
    fields = [*readonly_fields]
    verbose_name_plural = "what it holds"


admin.site.unregister(Agent)


@admin.register(Agent)
class FleetAdmin(AgentAdmin):
    """The agents, with what they hold."""

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
