"""The fields of the form with which a pattern is applied, and what was typed into them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from omoi_site import field_limits
from omoi_site.errors import Invalid
from omoi_site.field_limits import whole_number

DIGITS = 9
MARKED = "look at what is marked below"
LINE = re.compile(r"^line \d+: ")


@dataclass
class Field:
    """`kind`: text, area, document, number, choice or tasks. `choices`: pairs of value and label.
    `offered`: what is often meant; anything else can be typed too.
    """

    name: str
    label: str
    kind: str = "text"
    default: str = ""
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""
    optional: bool = False
    values: Sequence[str] = field(default_factory=list)
    error: str = ""
    offered: Sequence[str] = ()

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def id(self) -> str:
        return f"field-{self.name.replace('.', '-')}"

    @property
    def described_by(self) -> str:
        """The ids of its fault and its hint."""
        parts = [("fault", self.error), ("hint", self.hint)]
        return " ".join(f"{self.id}-{part}" for part, text in parts if text)

    @property
    def other(self) -> str:
        """A value that was sent and is not among the choices."""
        return self.value if self.value not in [value for value, _ in self.choices] else ""


class Fields:
    """The fields by name, filled with what was typed; those that were not sent, with their defaults."""

    def __init__(self, fields: Sequence[Field], typed: QueryDict | None) -> None:
        self.by_name = {one.name: one for one in fields}
        for one in fields:
            sent = typed.getlist(one.name) if typed and one.name in typed else [one.default]
            one.values = [text.replace("\r\n", "\n") for text in sent if text]

    def __iter__(self) -> Any:
        return iter(self.by_name.values())

    def text(self, name: str) -> str:
        return self.by_name[name].value.strip()

    def texts(self, name: str) -> list[str]:
        return list(self.by_name[name].values)

    def lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.by_name[name].value.split("\n") if line.strip()]

    def number(self, name: str) -> int | None:
        """None if nothing is typed. A text that is no number is refused by `check`."""
        return whole_number(self.text(name), DIGITS)

    def check(self) -> None:
        """Raises Invalid for each field that is empty and must not be, and for numbers that are none."""
        faults = {}
        for one in self:
            if not (one.optional or any(field_limits.seen(text) for text in one.values)):
                faults[one.name] = "choose one or more" if one.kind == "tasks" else "fill this in"
            elif one.kind == "number" and one.value.strip() and self.number(one.name) is None:
                faults[one.name] = f"must be a whole number of at most {DIGITS} digits"
        if faults:
            raise Invalid(
                MARKED,
                errors=[
                    {"field": name, "code": "invalid", "message": message} for name, message in faults.items()
                ],
            )

    def refused(self, error: Any, names: Mapping[str, str]) -> list[str]:
        """Put the messages of an error beside its fields. Returns those that belong to none, each once.

        names: the field for the beginning of a path in the document.
        """
        left = []
        lines = "document" in self.by_name  # whoever has not written the document does not know its lines
        for fault in error.more.get("errors", ()):
            path, message = fault["field"], fault["message"] if lines else LINE.sub("", fault["message"])
            found = [name for start, name in names.items() if path == start or path.startswith(f"{start}.")]
            own = path if path in self.by_name else found[-1] if found else ""
            if own in self.by_name and not self.by_name[own].error:
                self.by_name[own].error = message
            else:
                left.append(message)
        return list(dict.fromkeys(left))
