"""WorkForm: a form whose faults stand beside its fields, also those that a verb finds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from omoi_site.errors import Invalid, OmoiError

SEPARATORS = re.compile(r"[,\n]")


class WorkForm(forms.Form):
    """`status`: of the answer that shows its faults."""

    status = 422

    def __init__(self, data: Mapping[str, Any] | None = None, *, initial: Mapping[str, Any]) -> None:
        super().__init__(data, initial=dict(initial), auto_id="%s")

    def restyle(self) -> None:
        """Give each field the look of ours; call it when all fields are there."""
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxSelectMultiple | forms.HiddenInput):
                field.widget.attrs["class"] = "input"

    def place(self, refused: OmoiError) -> OmoiError | None:
        """Put the faults that a verb found beside their fields. Returns a refusal that has no field."""
        refused.leave_trace()
        self.status = refused.status
        if not isinstance(refused, Invalid):
            return refused
        faults = refused.more["errors"]
        places = [self.place_of(fault["field"]) for fault in faults]
        if not all(places):
            return refused
        for fault, place in zip(faults, places, strict=True):
            if not self.has_error(place) or fault["message"] not in self.errors[place]:
                self.add_error(place, fault["message"])
        return None

    def place_of(self, path: str) -> str:
        """The field of this form for the path of a verb's fault; empty if it has none."""
        first = path.partition(".")[0]
        return first if first in self.fields else ""

    @property
    def wrong(self) -> list[Any]:
        """The fields with faults, in order."""
        return [self[name] for name in self.fields if name in self.errors]


def several(text: str) -> list[str]:
    """The texts that commas or line ends separate, each once."""
    return list(dict.fromkeys(part for each in SEPARATORS.split(text) if (part := each.strip())))


def choices(names: Sequence[str], words: Any = str) -> list[tuple[str, str]]:
    return [(name, words(name)) for name in names]
