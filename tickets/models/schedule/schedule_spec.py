"""ScheduleSpec: a schedule to create, and what there is to choose for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models

from tickets.models.schedule.ticket_template import TicketTemplate


class Overlap(models.TextChoices):
    """What becomes of a run while the ticket of an earlier one is open."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"


class Misfire(models.TextChoices):
    """How many of the runs are opened later that nobody opened in time."""

    NONE = "none"
    ONE = "one"
    ALL = "all"


@dataclass(frozen=True)
class ScheduleSpec:
    """A schedule to create. variables: values of those of its template."""

    template: TicketTemplate
    cron: str
    timezone: str = "UTC"
    overlap: str = Overlap.SKIP
    misfire: str = Misfire.ONE
    enabled: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
