"""The action that adds the tasks with which the workflow begins a phase once more, with a preview."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms

from agents.models import Event
from omoi_site import field_limits, humanize
from omoi_site.errors import IdempotencyMismatch, Invalid, OmoiError
from omoi_site.humanize import counted
from tickets.models import Chosen, LaunchSpec, Task, TemplateLaunch, Ticket
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket import task_templates, workflow_tasks
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.task_templates import KEY, LONGEST_WORD, Plan, name_of
from tickets.pages.actions.action import TicketAction, ticket_changes
from tickets.pages.forms import ActionForm

TEXTS = ("title", "description")
IN_A_FAULT = re.compile(r"^tasks\.(\d+)\.?")  # how the verb names a task in the path of a fault


@dataclass(frozen=True)
class Row:
    """One template in the form."""

    template: str
    spec: TaskSpec
    chosen: Any
    title: Any
    description: Any

    @property
    def about(self) -> str:
        """Its kind, priority and capabilities."""
        priority = [] if self.spec.priority is None else [Priority(self.spec.priority).name.lower()]
        return ", ".join([self.spec.kind, *priority, *self.spec.capabilities])


class TemplatesForm(ActionForm):
    """What was typed stays while its task is shown; texts that nobody changed follow the words. `key` stays
    the same until something was added under it.
    """

    key = forms.CharField(max_length=KEY, widget=forms.HiddenInput)
    shown_phase = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    shown_word = forms.CharField(required=False, widget=forms.HiddenInput)
    word = forms.CharField(
        label="What it is about",
        max_length=LONGEST_WORD,
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
        error_messages={
            "required": "say what it is about",
            "max_length": "at most %(limit_value)d characters",
        },
    )

    def __init__(self, ticket: Ticket, phases: Sequence[str], *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.ticket = ticket
        given: Mapping[str, Any] = self.data if self.is_bound else self.initial
        again = "shown_word" in given or "shown_phase" in given
        asked = given.get("phase", "")
        usual = task_templates.usual_phase(ticket)
        self.chosen_phase = asked if asked in phases else usual if usual in phases else phases[0]
        self.fields["phase"] = forms.ChoiceField(
            choices=[(phase, humanize.phase(phase)) for phase in phases],
            widget=forms.Select({"class": "input"}),
            error_messages={"invalid_choice": "choose a phase that has tasks and is not left"},
        )
        word = str(given.get("word") or ticket.title)
        self.same_phase = not again or given.get("shown_phase") == self.chosen_phase
        before = self._filled(str(given.get("shown_word") or ticket.title))
        for number, (now, then) in enumerate(zip(self._filled(word), before, strict=True)):
            self._add_row(number, now, then, given if again and self.same_phase else {})
        self.initial.update(
            phase=self.chosen_phase, word=word, shown_phase=self.chosen_phase, shown_word=word
        )
        if not self.is_bound:
            self.initial["key"] = self._unused(str(given.get("key", "")))

    @cached_property
    def seeds(self) -> tuple[dict[str, Any], ...]:
        return self.ticket.plan.first_tasks(self.chosen_phase)

    def _filled(self, word: str) -> list[TaskSpec]:
        return workflow_tasks.specs(self.ticket, self.seeds, self.chosen_phase, {"title": word})

    def _add_row(self, number: int, now: TaskSpec, then: TaskSpec, typed: Mapping[str, Any]) -> None:
        self.fields[f"use_{number}"] = forms.BooleanField(required=False, label=now.title)
        self.initial[f"use_{number}"] = bool(typed.get(f"use_{number}")) if typed else True
        for part, widget in (
            ("title", forms.TextInput({"class": "input", "autocomplete": "off"})),
            ("description", forms.Textarea({"class": "input", "rows": 3, "cols": False})),
        ):
            name = f"{part}_{number}"
            self.fields[name] = forms.CharField(
                label=part.capitalize(),
                required=False,
                strip=part == "title",
                max_length=field_limits.longest(Task, part),
                widget=widget,
            )
            text = str(typed.get(name, getattr(then, part))).replace("\r\n", "\n")
            self.initial[name] = getattr(now, part) if text == getattr(then, part) else text

    def _unused(self, key: str) -> str:
        good = key and "\0" not in key  # which no browser sends and no database takes
        used = good and TemplateLaunch.objects.filter(ticket=self.ticket, key=key).exists()
        return key if good and not used else uuid.uuid4().hex

    @property
    def rows(self) -> list[Row]:
        return [
            Row(name_of(seed), spec, self[f"use_{n}"], self[f"title_{n}"], self[f"description_{n}"])
            for n, (seed, spec) in enumerate(zip(self.seeds, self._filled(self.initial["word"]), strict=True))
        ]

    @property
    def spec(self) -> LaunchSpec:
        """What is asked for. A text that stands as the template has it stays the template's."""
        word = self.initial["word"]
        return LaunchSpec(
            self.chosen_phase,
            [
                Chosen(
                    name_of(seed),
                    *(
                        None
                        if self.initial[f"{part}_{n}"] == getattr(now, part)
                        else self.initial[f"{part}_{n}"]
                        for part in TEXTS
                    ),
                )
                for n, (seed, now) in enumerate(zip(self.seeds, self._filled(word), strict=True))
                if self.initial[f"use_{n}"]
            ],
            {"title": word},
        )

    @cached_property
    def preview(self) -> Preview:
        return Preview(self)


class AddTasks(TicketAction):
    name = "add-tasks"
    label = "Add tasks"
    icon = "plus"
    event = "template.launched"
    fields = "tickets/actions/_templates.html"

    @cached_property
    def phases(self) -> list[str]:
        """The phases that have templates and are not left."""
        if self.ticket.closed or not (phases := task_templates.phases_with_templates(self.ticket)):
            return []
        plan, effective = self.ticket.plan, self.ticket.effective_phase
        return [phase for phase in phases if plan[phase].position >= plan[effective].position]

    @property
    def available(self) -> bool:
        return bool(self.phases)

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> TemplatesForm:
        return TemplatesForm(self.ticket, self.phases, data, **how)

    @property
    def last_change(self) -> Event | None:
        """Of the ticket itself: only that is in its way."""
        return ticket_changes(self.ticket).first()

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return False

    def previews(self, typed: Mapping[str, str]) -> bool:
        """Also where another phase was chosen, whose tasks nobody has seen yet."""
        return "preview" in typed or typed.get("phase", "") != typed.get("shown_phase", "")

    def perform(self, data: Mapping[str, str]) -> str:
        """The verb itself looks whether the ticket is as it was offered, after it has looked at the key: a
        second press is told what the first one did.
        """
        if not self.available:
            self.expect_as_offered({"state": "", "version": None})
        form = self.form(data)
        values = form.check()
        ask = {"key": values["key"], "by": self.by, "version": values["version"]}
        try:
            launched = TemplateLaunch.objects.launch(self.ticket.pk, form.spec, **ask)
        except IdempotencyMismatch:
            raise AddedBefore(
                f"your first press has added tasks to {self.ticket.key}, with the texts as they were then",
                next_action="Look at the list of tasks. Press again if these are to be added too.",
            ) from None
        except Invalid as refused:
            raise in_words(refused) from refused
        number = len(launched.launch.added)
        if not number:
            return "Nothing was added: each of these tasks is still open"
        where = f"{humanize.phase(launched.launch.phase)} of {self.ticket.key}"
        return f"{counted(number, 'task')} {'was' if number == 1 else 'were'} added to {where}"


class AddedBefore(OmoiError):
    """A form was sent again with other texts after its tasks had been added."""

    code = "added_before"
    title = "Tasks were added before"


class Preview:
    """What a form would add, or why it would be refused."""

    def __init__(self, form: TemplatesForm) -> None:
        self.form = form

    @cached_property
    def _plan(self) -> Plan | Invalid:
        try:
            return task_templates.plan_of(self.form.ticket, self.form.spec)
        except Invalid as refused:
            return in_words(refused)

    @property
    def refused(self) -> str:
        return self._plan.message if isinstance(self._plan, Invalid) else ""

    @property
    def tasks(self) -> Sequence[task_templates.Planned]:
        return [] if isinstance(self._plan, Invalid) else self._plan.tasks

    @property
    def number(self) -> int:
        return sum(planned.there is None for planned in self.tasks)


def in_words(refused: Invalid) -> Invalid:
    """The same faults, with the places in the form instead of paths."""
    errors = [{**fault, "field": place_of(fault["field"])} for fault in refused.more["errors"]]
    return Invalid(errors=errors, more_errors=refused.more.get("more_errors", 0))


def place_of(path: str) -> str:
    if found := IN_A_FAULT.match(path):
        return f"chosen task {int(found[1]) + 1}, {path[found.end() :]}".rstrip(", ")
    return "" if path == "tasks" else path.replace("words.title", "what it is about")
