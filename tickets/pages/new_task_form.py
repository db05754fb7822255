"""The form that adds a task to a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError

from omoi_site import field_limits, humanize
from tickets.models import Need, Task, Ticket
from tickets.models.task.lane import Lane
from tickets.models.task.task_spec import NeedSpec, TaskSpec
from tickets.models.ticket.fields import Priority
from tickets.pages.work_form import WorkForm, choices, several

ROWS = 3  # of needs; each may name several tasks
KNOWN = 60  # capabilities to choose from; others can be typed
OFFERED = 100  # tasks that the browser completes
MOST_NEEDS = 1000  # as many as the API takes
MONTH_MIN = 30 * 1440
FOLDED = ("profile", "slots", "timeout_min", "stall_min", "max_attempts", "not_before", "deadline")
WHEN = (("success", "succeeds"), ("failure", "fails"), ("always", "ends in any way"))
OTHERWISE = (
    ("hold", "Else: hold it, and ask"),
    ("cancel", "Else: cancel it"),
    ("continue", "Else: go on all the same"),
)


def text(**how: Any) -> forms.CharField:
    return forms.CharField(required=False, widget=forms.TextInput({"autocomplete": "off"}), **how)


def number(most: int, least: int = 1, **how: Any) -> forms.IntegerField:
    faults = {"invalid": "write a whole number", "min_value": f"write {least} or more"}
    faults["max_value"] = f"write at most {most}"
    return forms.IntegerField(required=False, min_value=least, max_value=most, error_messages=faults, **how)


def moment(**how: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    faults = {"invalid": "write a date and a time, such as 2027-01-31 09:00"}
    return forms.DateTimeField(required=False, widget=widget, error_messages=faults, **how)


class NeedRow(NamedTuple):
    names: Any
    when: Any
    on_failure: Any


class NewTaskForm(WorkForm):
    title = forms.CharField(
        max_length=field_limits.longest(Task, "title"),
        error_messages={"required": "say in a line what is to be done"},
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        strip=False,
        max_length=field_limits.longest(Task, "description"),
        widget=forms.Textarea({"rows": 5, "cols": False}),
    )
    phase = forms.ChoiceField(error_messages={"invalid_choice": "choose a phase that is not left"})
    priority = forms.ChoiceField(
        required=False,
        choices=[("", "That of the ticket"), *choices([p.lower() for p in Priority.names], humanize.phase)],
        error_messages={"invalid_choice": f"choose one of {', '.join(Priority.names).lower()}"},
    )
    known = forms.MultipleChoiceField(
        label="Capabilities",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "%(value)s is not in the list: write it below"},
    )
    capabilities = text(label="Other capabilities", max_length=10_000, help_text="with commas between them")
    join = forms.ChoiceField(
        label="It waits for",
        required=False,
        choices=[
            ("all", "all of them"),
            ("any", "any one of them"),
            *((str(n), f"{n} of them") for n in range(2, 10)),
        ],
        error_messages={"invalid_choice": "choose how many of them"},
    )
    profile = forms.ChoiceField(
        label="Profile",
        required=False,
        help_text="a worker of Omoi runs it; without one, an agent takes the task",
        error_messages={"invalid_choice": "choose a profile that the project may use"},
    )
    slots = forms.CharField(
        label="Slots of the profile",
        required=False,
        max_length=100_000,
        widget=forms.Textarea({"rows": 2, "cols": False}),
        help_text="one a line, such as `branch: main`",
    )
    timeout_min = number(MONTH_MIN, label="Time limit in minutes")
    stall_min = number(MONTH_MIN, 0, label="Stalled after minutes", help_text="0: never")
    max_attempts = number(100, label="Attempts")
    not_before = moment(label="Not before")
    deadline = moment(label="Deadline")

    def __init__(
        self, ticket: Ticket, data: Mapping[str, Any] | None = None, *, initial: Mapping[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
        self.ticket = ticket
        fields: dict[str, Any] = self.fields
        fields["phase"].choices = choices(self.phases, humanize.phase)
        self.initial.setdefault("phase", ticket.plan.works_in(ticket.effective_phase))
        fields["known"].choices = choices(Lane.objects.capabilities(ticket.project_id, most=KNOWN))
        fields["profile"].choices = [("", "None"), *choices(sorted(ticket.project.profiles))]
        for row in range(ROWS):
            fields[f"need_{row}"] = text(label="Waits for", max_length=10_000)
            fields[f"need_{row}"].widget.attrs.update(
                {"list": "open-tasks", "placeholder": f"{ticket.key}.1"}
            )
            fields[f"when_{row}"] = forms.ChoiceField(
                label="which must end so", required=False, choices=choices_of("Until it ", WHEN)
            )
            fields[f"on_failure_{row}"] = forms.ChoiceField(
                label="and if it does not", required=False, choices=OTHERWISE
            )
        self.restyle()
        for name in ("when", "on_failure", "need"):
            for row in range(ROWS):
                fields[f"{name}_{row}"].widget.attrs["aria-label"] = (
                    f"{fields[f'{name}_{row}'].label}, {row + 1}"
                )

    @cached_property
    def phases(self) -> list[str]:
        """The phases in which it can still be done."""
        plan = self.ticket.plan
        here = plan[self.ticket.effective_phase].position
        return [phase.name for phase in plan.phases if phase.position >= here and not phase.terminal]

    @cached_property
    def open_tasks(self) -> list[Any]:
        """Open tasks of the ticket, which the browser completes."""
        return list(self.ticket.tasks.open().order_by("id").values("ticket_key", "pk", "title")[:OFFERED])

    @property
    def has_limits(self) -> bool:
        """Whether something stands in the part that is folded at first."""
        return any(self[name].value() or name in self.errors for name in FOLDED)

    @property
    def has_more_needs(self) -> bool:
        """The same of needs after the first."""
        names = [f"need_{row}" for row in range(1, ROWS)]
        return any(self[name].value() or name in self.errors for name in names)

    @property
    def need_rows(self) -> list[NeedRow]:
        return [
            NeedRow(self[f"need_{row}"], self[f"when_{row}"], self[f"on_failure_{row}"])
            for row in range(ROWS)
        ]

    def clean_slots(self) -> dict[str, str]:
        slots: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["slots"].splitlines())):
            name, found, value = line.partition(":")
            if not found:
                raise ValidationError(f"write `name: value` instead of {line[:60]}")
            slots[name.strip()] = value.strip()
        return slots

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        self.needs: list[NeedSpec] = []
        self.row_of: list[int] = []  # the row of each need
        named = {row: several(values.get(f"need_{row}", "")) for row in range(ROWS)}
        found = self._found([name for names in named.values() for name in names])
        for row, names in named.items():
            for fault in filter(None, [self._add(found[name], row, values) for name in names]):
                self.add_error(f"need_{row}", fault)
        join = values.get("join") or "all"
        if join.isdigit() and int(join) > len(self.needs) and "join" not in self.errors:
            self.add_error("join", f"it waits for {len(self.needs)} in all: choose fewer")
        return values

    def _add(self, tasks: list[int] | str, row: int, values: Mapping[str, Any]) -> str:
        """Have it wait for these; returns what is wrong."""
        if isinstance(tasks, str):
            return tasks
        there = {need.on for need in self.needs}
        if there.intersection(tasks):
            return "a task stands here twice: name it once"
        if len(there) + len(tasks) > MOST_NEEDS:
            return f"a task waits for at most {MOST_NEEDS} others"
        when = values.get(f"when_{row}") or Need.When.SUCCESS.value
        on_failure = values.get(f"on_failure_{row}") or Need.OnFailure.HOLD.value
        self.needs += [NeedSpec(task, when, on_failure) for task in tasks]
        self.row_of += [row] * len(tasks)
        return ""

    def _found(self, names: list[str]) -> dict[str, list[int] | str]:
        """For each name of a task or ticket its tasks, or what is wrong with it."""
        numbers = {
            name: pk
            for name in names
            if (pk := field_limits.whole_number(name.rpartition(".")[2])) is not None
        }
        tasks = Task.objects.filter(pk__in=numbers.values(), project=self.ticket.project_id)
        keys = (
            {task["pk"]: f"{task['ticket_key']}.{task['pk']}" for task in tasks.values("pk", "ticket_key")}
            if numbers
            else {}
        )
        found: dict[str, list[int] | str] = {}
        others = []
        for name in names:
            pk = numbers.get(name)
            if pk in keys and name.upper() in (keys[pk], str(pk)):
                found[name] = [pk]
            elif pk is not None:
                found[name] = f"there is no task {name[:60]} in {self.ticket.project.key}"
            else:
                others.append(name)
        return found | (self._of_tickets(others) if others else {})

    def _of_tickets(self, names: list[str]) -> dict[str, list[int] | str]:
        """A ticket stands for its open tasks."""
        keys = {name.upper() for name in names}
        tickets = Ticket.objects.filter(project=self.ticket.project_id, key__in=keys)
        rows = Task.objects.open().filter(ticket__in=list(tickets.values_list("pk", flat=True)))
        of: dict[str, list[int]] = {}
        for pk, key in sorted(rows.values_list("pk", "ticket_key")[: MOST_NEEDS + 1]):
            of.setdefault(key, []).append(pk)
        return {
            name: of.get(name.upper())
            or f"{name[:60]} is neither a task nor a ticket with open tasks: write {self.ticket.key}.1"
            for name in names
        }

    @property
    def spec(self) -> TaskSpec:
        values = self.cleaned_data
        priority, stall = values["priority"], values["stall_min"]
        join = values["join"] or "all"
        return TaskSpec(
            values["title"],
            description=values["description"].replace("\r\n", "\n"),
            phase=values["phase"],
            priority=Priority[priority.upper()] if priority else None,
            capabilities=[*values["known"], *several(values["capabilities"])],
            needs=self.needs,
            join={"all": None, "any": 1}.get(join, int(join) if join.isdigit() else None)
            if self.needs
            else None,
            profile=values["profile"],
            slots=values["slots"],
            timeout_s=values["timeout_min"] and values["timeout_min"] * 60,
            stall_after_s=None if stall is None else stall * 60,
            max_attempts=values["max_attempts"] or 3,
            not_before=values["not_before"],
            deadline=values["deadline"],
        )

    def place_of(self, path: str) -> str:
        """The verb names the only task of its batch `tasks.0`."""
        first, *rest = path.removeprefix("tasks.0.").split(".")
        if first == "needs" and rest and rest[0].isdigit() and int(rest[0]) < len(self.row_of):
            return f"need_{self.row_of[int(rest[0])]}"
        return super().place_of({"timeout_s": "timeout_min", "stall_after_s": "stall_min"}.get(first, first))


def choices_of(before: str, named: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(value, f"{before}{words}") for value, words in named]
