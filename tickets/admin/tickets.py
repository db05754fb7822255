"""Tickets and their history. Only moves change the phase, as over the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from agents.admin.filters import OwnProjects
from omoi_site import humanize
from omoi_site.admin_actions import Choice, admin_action
from omoi_site.admin_base import OmoiModelAdmin, ReadOnlyInline, ReadOnlyModelAdmin, badge, since
from tickets.admin.filters import PhaseFilter
from tickets.admin.priority import PRIORITY, the_priority
from tickets.admin.version_change import change_version
from tickets.models import PhaseMove, StoredEstimate, Task, Ticket, TicketSpec
from tickets.models.ticket.fields import BlockedClass
from tickets.models.ticket.transition_options import MOVES, options
from tickets.workflows.document import BLOCKED, CANCELLED


def acted(verb: str) -> Any:
    """An action that calls the verb of that name on one ticket."""
    return lambda ticket, request, reason, **chosen: Ticket.objects.act(
        ticket.pk, verb, by=request.user, reason=reason, **chosen
    )


def move_action(title: str, verb: str, *, effect: str, choice: Choice | None = None) -> Any:
    """The action for this move, with its reason; beside each ticket stands what `options` says about it."""

    def outlook(ticket: Ticket, request: HttpRequest) -> str:
        possible = options(ticket, request.user, judge=verb == "advance")
        option = next((option for option in possible if option.verb == verb), None)
        if option is None:
            return f"not possible in {humanize.phase(ticket.phase)}"
        if not option.permitted:
            return f"this needs the scope {option.scope}, which you do not have in {ticket.project}"
        return "; ".join(str(reason["how"]) for reason in option.unmet)

    _, least = MOVES[verb]
    return admin_action(title, acted(verb), effect=effect, least=least, outlook=outlook, choice=choice)


def set_priority(ticket: Ticket, request: HttpRequest, reason: str, priority: str) -> None:
    Ticket.objects.act(ticket.pk, "edit", by=request.user, reason=reason, priority=the_priority(priority))


class TicketForm(forms.ModelForm):
    """Only the fields that can be edited; the phase changes only by moves."""

    acceptance = forms.CharField(
        label="Acceptance criteria",
        required=False,
        help_text="What must be true, one criterion on each line.",
        widget=forms.Textarea({"rows": 5, "class": "vLargeTextField"}),
    )

    class Meta:
        model = Ticket
        fields = ["project", "title", "description", "priority", "labels", "acceptance"]

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.initial["acceptance"] = "\n".join(each.text for each in self.instance.criteria)

    def clean_acceptance(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["acceptance"].splitlines() if line.strip()]


class PhaseMoveInline(ReadOnlyInline):
    model = PhaseMove
    fields = ["move", "from_phase", "to_phase", "ground", "reason", "by", "at"]
    verbose_name_plural = "history"


@admin.register(Ticket)
class TicketAdmin(OmoiModelAdmin):
    inside, large = "project", True
    exact = ["key"]
    form = TicketForm
    list_display = [
        "key",
        "title",
        "shown_phase",
        "priority",
        "project",
        "at_work",
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
        "feedback",
        "move_fault",
    ]
    shown_fields += ["summary", "source", "source_id", "external_ref", "version", "archived_at", "created_at"]
    actions = [
        admin_action(
            "Pause tickets",
            acted("pause"),
            effect="Their tasks cannot be claimed until they are resumed. Running claims go on.",
        ),
        admin_action("Resume tickets", acted("resume"), effect="Their ready tasks can be claimed again."),
        move_action(
            "Advance tickets",
            "advance",
            effect="They move to their next phase. A gate is judged first, and opens only on evidence.",
        ),
        move_action(
            "Send tickets back",
            "send_back",
            effect="They go back one phase. In the phase they leave, open tasks are held and claims revoked.",
        ),
        move_action(
            "Block tickets",
            "block",
            effect="Their tasks cannot be claimed; running claims go on. Say in words what they wait for.",
            choice=Choice("cause", "What blocks them", BlockedClass.choices),
        ),
        move_action("Unblock tickets", "unblock", effect="They return to the phase they were blocked in."),
        move_action("Cancel tickets", "cancel", effect="All their open tasks are cancelled too."),
        move_action("Reopen tickets", "reopen", effect="They return to the phase they were cancelled in."),
        admin_action(
            "Set the priority of tickets",
            set_priority,
            effect="Open tasks that have their old priority get the new one too.",
            choice=PRIORITY,
        ),
        change_version,
        admin_action(
            "Archive tickets", acted("archive"), effect="They leave the board. Their history stays."
        ),
        admin_action(
            "Restore tickets", acted("restore"), effect="They are on the board again, as they were."
        ),
    ]

    @admin.display(description="phase", ordering="phase")
    def shown_phase(self, ticket: Ticket) -> str:
        tone = (
            "ok"
            if ticket.done
            else "warn"
            if ticket.phase == BLOCKED or ticket.paused
            else "neutral"
            if ticket.phase == CANCELLED
            else "running"
        )
        return badge(ticket.phase.lower() + (" · paused" if ticket.paused else ""), tone)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        work = Task.objects.filter(ticket=OuterRef("pk"), state=Task.State.CLAIMED).order_by()
        names = StringAgg("holder__name", ", ", distinct=True)
        holders = work.values("ticket").annotate(names=names).values("names")
        rows = super().get_queryset(request).defer("context")
        return rows.annotate(holders=Subquery(holders, output_field=CharField()))

    @admin.display(description="at work")
    def at_work(self, ticket: Any) -> str:
        return ticket.holders or "-"

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


@admin.register(StoredEstimate)
class StoredEstimateAdmin(ReadOnlyModelAdmin):
    inside, internal = "ticket__project", True
    list_display = [
        "ticket",
        "move",
        since("made_at"),
        since("expected_at"),
        since("likely_by"),
        "calibrated",
    ]
    list_filter = ["calibrated", ("made_at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key"]
    list_select_related = ["ticket", "move"]
    ordering = ["-id"]
