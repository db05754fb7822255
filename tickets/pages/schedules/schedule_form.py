"""The form of a schedule: its template with values, its line and zone, and what it does about overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import QueryDict

from agents.models import Project
from omoi_site.errors import Invalid, OmoiError
from tickets.models import Schedule, ScheduleSpec, TicketTemplate
from tickets.models.schedule.cron_line import CronLine, offered_zones
from tickets.models.schedule.schedule_spec import Misfire, Overlap
from tickets.models.schedule.variables import Variable
from tickets.pages.patterns.fields import Field, Fields
from tickets.pages.schedules.rows import MISFIRE, OVERLAP

OF_VARIABLE = "variable."
CRON_HINT = (
    "Minute, hour, day of the month, month, day of the week: 0 3 * * 1-5 is three o'clock on working days."
    " Also @hourly, @daily, @weekly, @monthly, @yearly"
)


class ScheduleForm:
    """schedule: the one to edit; None: a new one."""

    def __init__(
        self,
        project: Project,
        typed: QueryDict | None,
        *,
        schedule: Schedule | None = None,
        template: str = "",
    ) -> None:
        self.project, self.typed, self.schedule = project, typed, schedule
        self.asked = str(typed.get("template", "")) if typed else template
        self.others: list[str] = []

    @cached_property
    def templates(self) -> Sequence[TicketTemplate]:
        return list(TicketTemplate.objects.kept().filter(project=self.project).order_by("name"))

    @cached_property
    def template(self) -> TicketTemplate | None:
        """The template that is chosen."""
        own = self.schedule.template_id if self.schedule else None
        wanted = self.asked or str(own or "")
        found = [each for each in self.templates if wanted in ("", str(each.pk))]
        return found[0] if found else None

    @cached_property
    def fields(self) -> Fields:
        schedule = self.schedule
        choices = [(str(each.pk), f"{each.name}: {each.title}") for each in self.templates]
        overlaps = [(each, OVERLAP[each].capitalize()) for each in Overlap.values]
        misfires = [(each, MISFIRE[each].capitalize()) for each in Misfire.values]
        own = [
            Field("template", "Template", "choice", str(self.template.pk) if self.template else "", choices),
            *[
                variable_field(each, OF_VARIABLE, schedule.variables if schedule else {})
                for each in (self.template.declared if self.template else [])
            ],
            Field("cron", "When", default=schedule.cron if schedule else "", hint=CRON_HINT),
            Field(
                "timezone",
                "Time zone",
                default=schedule.timezone if schedule else "UTC",
                hint="Begin to type a city, such as Berlin. Daylight saving is followed",
                offered=offered_zones(),
            ),
            Field(
                "overlap",
                "While its last ticket is open",
                "choice",
                schedule.overlap if schedule else Overlap.SKIP.value,
                overlaps,
            ),
            Field(
                "misfire",
                "Runs that nobody opened in time",
                "choice",
                schedule.misfire if schedule else Misfire.ONE.value,
                misfires,
            ),
        ]
        return Fields(own, self.typed)

    def values(self) -> dict[str, Any]:
        """What is asked for, as the verbs take it. Raises Invalid with the faults by field."""
        self.fields.check()
        line = CronLine.read(self.fields.text("cron"), self.fields.text("timezone"))
        if self.template is None:
            raise Invalid("choose a template", field="template")
        return {
            "template": self.template,
            "cron": line.text,
            "timezone": line.zone,
            "overlap": self.fields.text("overlap"),
            "misfire": self.fields.text("misfire"),
            "variables": values_in(self.fields, self.template.declared, OF_VARIABLE),
        }

    @property
    def spec(self) -> ScheduleSpec:
        return ScheduleSpec(**self.values())

    def refuse(self, error: OmoiError) -> None:
        """Put the messages beside the fields that they are about."""
        names = {field.name.replace(OF_VARIABLE, "variables."): field.name for field in self.fields}
        self.others = self.fields.refused(error, names)


def variable_field(variable: Variable, prefix: str, given: dict[str, str]) -> Field:
    """The field of a variable. It is empty, or has the value that is given; its default stands beside it."""
    return Field(
        f"{prefix}{variable.name}",
        variable.title,
        "area" if "\n" in (variable.default or "") else "text",
        given.get(variable.name, ""),
        hint=f"Empty: {variable.default}" if variable.default else "",
        optional=variable.default is not None,
    )


def values_in(fields: Fields, variables: Sequence[Variable], prefix: str) -> dict[str, str]:
    """What was typed for these variables; one that was left empty keeps its default."""
    typed = {each.name: fields.by_name[f"{prefix}{each.name}"].value for each in variables}
    return {name: text for name, text in typed.items() if text.strip()}
