"""The forms of a whole pattern: one of the library, and a document of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import QueryDict

from omoi_site import humanize
from omoi_site.errors import Invalid, OmoiError
from tickets.models import PatternRequest, Ticket
from tickets.pages.patterns.fields import Field
from tickets.pages.patterns.form import CHOICES, EMPTY, OTHERS, PatternForm
from tickets.patterns import forms
from tickets.patterns.document import Pattern, read
from tickets.workflows.faults import Path as FaultPath

ARGUMENT, PHASE, OPTION = "argument.", "phase.", "option."
HINTS = {
    "number": "A whole number",
    "texts": "Separated by commas",
    "text": "{ticket}, {title} and {phase} are replaced by those of the ticket",
}
LABELS = {  # of the options
    "required_count": "{}: how many are enough",
    "timeout_seconds": "{}: wait at most, in seconds",
    "on_timeout": "{}: when that time is over",
    "others": "{}: the others, when enough have ended",
    "merge_strategy": "{}: strategy",
}


class LibraryForm(PatternForm):
    """A shipped pattern: its arguments, what may be chosen otherwise, and phases that the workflow lacks."""

    names = {"phases": PHASE}

    def __init__(self, ticket: Ticket, typed: QueryDict | None, pattern: Pattern, name: str = "") -> None:
        """name: of a shipped pattern."""
        super().__init__(ticket, typed)
        self.pattern, self.name = pattern, name
        self.names = {
            **{f"arguments.{one.name}": f"{ARGUMENT}{one.name}" for one in forms.arguments(pattern)},
            **{f"phases.{one}": f"{PHASE}{one}" for one in forms.phases(pattern)},
            **{one.name: f"{OPTION}{one.name}" for one in forms.options(pattern)},
        }

    def own_fields(self) -> Sequence[Field]:
        return [*map(self._argument, forms.arguments(self.pattern)), *self._phases, *self._options]

    def _argument(self, argument: forms.Argument) -> Field:
        name, label = f"{ARGUMENT}{argument.name}", humanize.phase(argument.name)
        if argument.kind == "task":
            return self.task(name, label.removesuffix(" id"))
        if argument.kind == "tasks":
            return self.several(name, label.removesuffix(" ids"))
        kind = "number" if argument.kind == "number" else "text"
        return Field(name, label, kind, hint=HINTS[argument.kind])

    @property
    def _phases(self) -> list[Field]:
        known = [phase.name for phase in self.ticket.plan.phases]
        here = self.ticket.plan.works_in(self.ticket.effective_phase)
        return [
            Field(
                f"{PHASE}{name}",
                f"{humanize.phase(name)} is here",
                "choice",
                here,
                self.phases,
                hint="The workflow of this ticket has no such phase",
            )
            for name in forms.phases(self.pattern)
            if name not in known
        ]

    @property
    def _options(self) -> list[Field]:
        fields = []
        for option in forms.options(self.pattern):
            key = str(option.path[-1])
            texts = OTHERS if key == "others" else CHOICES
            words = [(choice, texts.get(choice, choice)) for choice in option.choices]
            empty = [("", "as usual")] if option.value is None else []
            fields.append(
                Field(
                    f"{OPTION}{option.name}",
                    LABELS[key].format(humanize.phase(option.block)),
                    "choice" if words else "number",
                    "" if option.value is None else str(option.value),
                    [*empty, *words],
                    hint=EMPTY.get(key, ""),
                    optional=True,
                )
            )
        return fields

    def made(self, key: str) -> PatternRequest:
        fields = self.fields
        arguments = {
            one.name: self._value(one.kind, f"{ARGUMENT}{one.name}") for one in forms.arguments(self.pattern)
        }
        phases = {one.name.removeprefix(PHASE): one.value for one in self._chosen_phases}
        chosen: dict[FaultPath, Any] = {}
        for option in forms.options(self.pattern):
            name = f"{OPTION}{option.name}"
            value = (fields.text(name) or None) if option.choices else fields.number(name)
            if value != option.value:
                chosen[option.path] = value
        shipped = self.name if self.name and not chosen else forms.with_options(self.pattern, chosen)
        return PatternRequest(shipped, key, arguments, phases)

    @property
    def _chosen_phases(self) -> list[Field]:
        return [one for one in self.fields if one.name.startswith(PHASE)]

    def _value(self, kind: str, name: str) -> Any:
        if kind == "tasks":
            return self.fields.texts(name)
        if kind == "number":
            return self.fields.number(name)
        text = self.fields.text(name)
        return [word.strip() for word in text.split(",") if word.strip()] if kind == "texts" else text


class DocumentForm(PatternForm):
    """A document of one's own. Once it is valid, its arguments and phases are asked for too."""

    @cached_property
    def pattern(self) -> Pattern | None:
        try:
            return read(self.text) if self.text.strip() else None
        except OmoiError as error:
            self.unread = error
            return None

    unread: OmoiError | None = None

    @property
    def text(self) -> str:
        return str(self.typed.get("document", "")).replace("\r\n", "\n") if self.typed else ""

    @cached_property
    def inner(self) -> LibraryForm | None:
        return LibraryForm(self.ticket, self.typed, self.pattern) if self.pattern else None

    def own_fields(self) -> Sequence[Field]:
        hint = "YAML or JSON, as the shipped ones"
        own = Field("document", "Document", "document", hint=hint)
        return [own, *([one for one in self.inner.own_fields() if _given(one)] if self.inner else [])]

    def request(self, key: str) -> PatternRequest:
        try:
            return super().request(key)
        except Invalid as error:
            if self.inner and not any(one.name in (self.typed or ()) for one in self.inner.fields):
                error.message = "the document is valid: fill in what it asks for"
            raise

    def made(self, key: str) -> PatternRequest:
        if self.inner is None:
            assert self.unread
            raise self.unread
        return self.inner.made(key)

    def refuse(self, error: OmoiError) -> None:
        if self.inner:
            self.names = self.inner.names
        super().refuse(error)


def _given(one: Field) -> bool:
    """Whether the document does not say it already."""
    return not one.name.startswith(OPTION)
