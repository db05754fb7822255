"""The form that opens a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from agents.models import Project
from omoi_site import field_limits, humanize
from tickets.models import Ticket, TicketSpec
from tickets.models.ticket.fields import Priority
from tickets.models.workflow import allowed
from tickets.pages.work_form import WorkForm, choices, several

FIELDS = ("project", "title", "description", "workflow", "priority", "labels", "acceptance")


class NewTicketForm(WorkForm):
    """One form for all projects in which a person may open tickets: choosing another one loses nothing."""

    project = forms.CharField(widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=field_limits.longest(Ticket, "title"),
        error_messages={"required": "say in a line what is to be done"},
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        strip=False,
        max_length=field_limits.longest(Ticket, "description"),
        widget=forms.Textarea({"rows": 6, "cols": False}),
    )
    acceptance = forms.CharField(
        label="Acceptance criteria",
        required=False,
        widget=forms.Textarea({"rows": 3, "cols": False}),
        help_text="one a line: what must be true when it is done",
    )
    priority = forms.ChoiceField(
        required=False,
        choices=choices([name.lower() for name in Priority.names], humanize.phase),
        error_messages={"invalid_choice": f"choose one of {', '.join(Priority.names).lower()}"},
    )
    labels = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="with commas between them",
    )
    # which of them a project allows, the verb knows, and records
    workflow = forms.CharField(required=False)

    def __init__(
        self,
        projects: Sequence[Project],
        data: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(data, initial={"priority": "medium", **initial})
        if len(projects) > 1:
            named = [(project.key, f"{project.key} {project.name}") for project in projects]
            self.fields["project"].widget = forms.Select(choices=named)
        self.workflows = list(
            dict.fromkeys(
                name for project in projects for name in allowed(project.workflow, project.workflows)
            )
        )
        of_the_project = [("", "That of the project")] if len(projects) > 1 else []
        named = [*of_the_project, *choices(self.workflows)]
        self.fields["workflow"].widget = forms.Select(choices=named)
        self.restyle()

    def clean_acceptance(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["acceptance"].splitlines()]
        return [line for line in lines if line]

    def clean_labels(self) -> list[str]:
        return several(self.cleaned_data["labels"])

    @property
    def spec(self) -> TicketSpec:
        values = self.cleaned_data
        return TicketSpec(
            values["title"],
            description=values["description"].replace("\r\n", "\n"),
            acceptance=values["acceptance"],
            priority=Priority[values["priority"].upper() or "MEDIUM"],
            labels=values["labels"],
            workflow=values["workflow"] or None,
        )

    @property
    def shown(self) -> list[Any]:
        """The fields that are drawn, in order. A choice of one is said and not asked."""
        hidden = {"project"} if isinstance(self.fields["project"].widget, forms.HiddenInput) else set()
        hidden |= {"workflow"} if len(self.workflows) < 2 else set()
        return [self[name] for name in FIELDS if name not in hidden]
