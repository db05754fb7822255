"""The forms of the actions and their error messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents.models import Agent, Project
from agents.models.scopes import WORKING_ROLES
from omoi_site import field_limits, humanize
from omoi_site.errors import Invalid
from tickets.models import Ticket
from tickets.models.ticket.fields import BlockedClass, Priority
from tickets.pages.work_form import several

LONGEST_PHASE = 60  # characters in the name of a phase


class VersionField(forms.IntegerField):
    """The version that a page showed. A number that no page can have shown becomes None: no comparison."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> int | None:
        try:
            return super().clean(value)
        except ValidationError:
            return None


class ReasonField(forms.CharField):
    """A text of at least `least` characters; if that is 0 it may be empty."""

    def __init__(self, label: str, least: int = 0) -> None:
        missing = f"give a reason of {least} characters or more" if least > 1 else f"say {label.lower()}"
        super().__init__(
            label=label,
            required=bool(least),
            min_length=least or None,
            max_length=field_limits.REASON,
            widget=forms.Textarea({"class": "input", "rows": 3, "cols": False}),
            error_messages={
                "required": missing,
                "min_length": missing,
                "max_length": "at most %(limit_value)d characters are allowed; there are %(show_value)d",
            },
        )
        self.least, self.missing = least, missing

    def validate(self, value: str) -> None:
        """Only visible characters count, as everywhere."""
        super().validate(value)
        if len(field_limits.seen(value)) < self.least:
            raise ValidationError(self.missing, code="required")

    @property
    def hint(self) -> str:
        """The text beside the label."""
        if self.least > 1:
            return f"({self.least} characters or more)"
        return "" if self.least else "(optional)"


class ActionForm(forms.Form):
    """`state`: what must not have changed, beside the ticket's version; empty: not checked."""

    version = VersionField(required=False)
    state = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial, auto_id="action-%s")

    @property
    def readable(self) -> dict[str, Any]:
        """The valid values, even if others are not valid."""
        self.is_valid()
        return self.cleaned_data

    def check(self) -> dict[str, Any]:
        """The values. Raises Invalid with all faults."""
        if not self.is_valid():
            faults = [
                {"field": name, "code": error.code or "invalid", "message": message}
                for name, errors in self.errors.as_data().items()
                for error in errors
                for message in error.messages
            ]
            raise Invalid("; ".join(fault["message"] for fault in faults), errors=faults)
        return self.cleaned_data


class ReasonForm(ActionForm):
    def __init__(self, *args: Any, label: str, least: int = 0, **how: Any) -> None:
        super().__init__(*args, **how)
        self.fields["reason"] = ReasonField(label, least)


class MoveForm(ReasonForm):
    """The move itself checks whether a phase can be reached, because the ticket may have changed since the
    form was shown.
    """

    to = forms.CharField(
        label="To",
        max_length=LONGEST_PHASE,
        error_messages={"required": "choose a phase", "max_length": "there is no such phase"},
    )

    def __init__(
        self,
        *args: Any,
        destinations: Sequence[str] = (),
        choose: bool = False,
        full: Mapping[str, int] | None = None,
        **how: Any,
    ) -> None:
        """choose: no phase is selected at first. full: the destinations that are full, each with its limit;
        None: any may be.
        """
        super().__init__(*args, **how)
        if full or full is None:
            self.fields["past_limit"] = forms.BooleanField(required=False)
        nothing = [("", "Choose a phase")] if choose and not self.initial.get("to") else []
        choices = [*nothing, *((phase, humanize.phase(phase)) for phase in destinations)]
        alone = len(destinations) == 1
        self.fields["to"].widget = (
            forms.HiddenInput() if alone else forms.Select({"class": "input"}, choices=choices)
        )
        if alone:
            self.initial["to"] = destinations[0]
        elif destinations and not choose:
            self.initial["to"] = self.initial.get("to") or destinations[0]


class BlockForm(ReasonForm):
    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        kinds = forms.ChoiceField(
            label="Kind of obstacle",
            choices=[
                ("", "Choose what blocks it"),
                *((value, humanize.phase(name)) for value, name in BlockedClass.choices),
            ],
            widget=forms.Select({"class": "input"}),
            error_messages={
                "required": "choose what blocks it",
                "invalid_choice": "there is no such kind of obstacle",
            },
        )
        self.fields = {"class": kinds, **self.fields}  # `class` is a keyword in Python


class PriorityForm(ActionForm):
    priority = forms.ChoiceField(
        choices=[(name.lower(), humanize.phase(name)) for name in Priority.names],
        widget=forms.Select({"class": "input"}),
        error_messages={
            "invalid_choice": f"choose one of {', '.join(name.lower() for name in Priority.names)}"
        },
    )


class TaskPriorityForm(ReasonForm):
    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.fields = {"priority": PriorityForm.base_fields["priority"], **self.fields}


class EditForm(ActionForm):
    """The texts of a ticket. What else is wrong with them, the verb says."""

    title = forms.CharField(
        max_length=field_limits.longest(Ticket, "title"),
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
        error_messages={"required": "say in a line what is to be done"},
    )
    description = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea({"class": "input", "rows": 8, "cols": False}),
    )
    labels = forms.CharField(
        label="Labels, with commas between them",
        required=False,
        max_length=10_000,
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
    )

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean_labels(self) -> list[str]:
        return several(self.cleaned_data["labels"])


class SettleForm(ReasonForm):
    """How the task ended, for whoever holds it by hand."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        outcome = forms.ChoiceField(
            label="It is",
            choices=[
                ("completed", "Completed"),
                ("failed", "Failed for good"),
                ("again", "Failed, to be tried again"),
            ],
            widget=forms.Select({"class": "input"}),
            error_messages={"required": "say how it ended", "invalid_choice": "there is no such outcome"},
        )
        self.fields = {"outcome": outcome, **self.fields}


MOST_RECEIVERS = 200  # agents, and people, to choose from


class GiveForm(ReasonForm):
    """To whom a task is given. The verb checks who may hold it."""

    receiver = forms.CharField(label="To", max_length=170, error_messages={"required": "choose who gets it"})

    def __init__(self, *args: Any, project: Project, **how: Any) -> None:
        super().__init__(*args, **how)
        agents = project.agents.filter(state=Agent.State.AVAILABLE).order_by("name")
        people = project.members.filter(role__in=WORKING_ROLES, user__is_active=True)
        choices = [
            ("me", "Me"),
            *((name, name) for name in agents.values_list("name", flat=True)[:MOST_RECEIVERS]),
            *(
                (f"user:{name}", f"{name} (a person)")
                for name in people.order_by("user__username").values_list("user__username", flat=True)[
                    :MOST_RECEIVERS
                ]
            ),
        ]
        chosen = self["receiver"].value()
        if chosen and chosen not in dict(choices):  # they went meanwhile: nobody else is chosen instead
            choices.append((chosen, chosen))
        self.fields["receiver"].widget = forms.Select({"class": "input"}, choices=choices)
