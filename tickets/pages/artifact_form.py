"""The form that submits an artifact: a file or a text, its type, and where it comes from."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents.models import Actor
from omoi_site import field_limits, humanize
from omoi_site.errors import Invalid, OmoiError
from tickets.models import Artifact, NewArtifact, Ticket
from tickets.pages.gate_checklist import read_types

TEXT = 500_000  # characters of a text that is typed
LONGEST_ASKED = 200  # characters of what the address fills in


class ArtifactForm(forms.Form):
    status = 422  # of the answer that shows its errors
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        max_length=500,
        help_text="up to 100 MiB",
        error_messages={"max_length": "the name of the file is too long: give it a shorter one"},
    )
    text = forms.CharField(
        required=False, strip=False, label="Or a text", widget=forms.Textarea({"rows": 6, "cols": False})
    )
    type = forms.CharField(
        max_length=100,
        help_text="what it is, such as requirements_document",
        error_messages={"required": "say what it is, such as requirements_document"},
    )
    name = forms.CharField(
        required=False,
        max_length=field_limits.longest(Artifact, "name"),
        help_text="if empty, the name of the file; a name that exists already gets a new revision",
    )
    phase = forms.ChoiceField(required=False, error_messages={"invalid_choice": "there is no such phase"})
    commit = forms.CharField(
        required=False,
        max_length=field_limits.longest(Artifact, "commit"),
        help_text="the commit it was made of, if there is one",
    )

    def __init__(self, ticket: Ticket, data: Any = None, files: Any = None, **how: Any) -> None:
        super().__init__(data, files, auto_id="artifact-%s", **how)
        self.ticket = ticket
        phases: Any = self.fields["phase"]
        phases.choices = [(phase.name, humanize.phase(phase.name)) for phase in ticket.plan.phases]
        self.fields["text"].widget.attrs["maxlength"] = TEXT
        self.fields["type"].widget.attrs["list"] = "artifact-types"
        for name, field in self.fields.items():
            if name != "file":
                field.widget.attrs["class"] = "input"

    @property
    def types(self) -> list[str]:
        """Those that a gate of the ticket reads, its present phase first."""
        phases = sorted(self.ticket.plan.phases, key=lambda phase: phase.name != self.ticket.phase)
        return list(dict.fromkeys(kind for phase in phases for kind in read_types(phase)))

    def clean_type(self) -> str:
        """`Test results` is test_results."""
        kind = re.sub(r"[^a-z0-9]+", "_", self.cleaned_data["type"].lower()).strip("_")
        if not kind:
            raise ValidationError("say what it is in letters from a to z")
        return kind

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "file" in values and "text" in values and bool(values["file"]) == bool(values["text"]):
            both = "send either a file or a text" if values["text"] else "choose a file, or write a text"
            self.add_error("file", both)
        return values

    def submit(self, *, by: Actor) -> Artifact | None:
        """The stored artifact; None if it is refused, which the form then says, with `status`."""
        if not self.is_valid():
            return None
        values, file = self.cleaned_data, self.cleaned_data["file"]
        new = NewArtifact(
            values["type"],
            file or io.BytesIO(values["text"].replace("\r\n", "\n").encode()),
            name=values["name"] or (file.name if file else ""),
            phase=values["phase"],
            commit=values["commit"],
        )
        try:
            return Artifact.objects.submit(self.ticket, new, by=by)
        except Invalid as refusal:
            for fault in refusal.more["errors"]:
                self.add_error(fault["field"] if fault["field"] in self.fields else None, fault["message"])
        except OmoiError as refusal:
            refusal.leave_trace()
            self.status = refusal.status
            self.add_error(None, refusal.message)
        return None


def first_values(ticket: Ticket, query: Mapping[str, str]) -> dict[str, str]:
    """What the form shows at first: what the address says, `?type=&name=&phase=`, or what the gate reads."""
    phase = ticket.phase if ticket.phase in ticket.plan else ticket.origin
    awaited = [*read_types(ticket.plan[phase]), ""] if phase in ticket.plan else [""]
    asked = {name: query.get(name, "")[:LONGEST_ASKED] for name in ("type", "name", "phase")}
    return {**asked, "type": asked["type"] or awaited[0], "phase": asked["phase"] or phase}
