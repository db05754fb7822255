"""DiscoveryFields: the columns of a discovery, and what became of it in words."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from agents.models import Project
from omoi_site import field_limits, humanize
from omoi_site.database import sql
from tickets.workflows import discovery_types

TYPE = RegexValidator(
    discovery_types.TYPE.replace("^", r"\A").replace("$", r"\Z"),
    "use 1 to 60 of a-z, 0-9 and '_'; begin with a letter",
)


class DiscoveryFields(models.Model):
    class State(models.TextChoices):
        OPEN = "open"
        TASK = "task"
        TICKET = "ticket"
        DISMISSED = "dismissed"

    DECISIONS = (State.TASK, State.TICKET, State.DISMISSED)  # what a person may decide

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="discoveries", db_index=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    task = models.ForeignKey("tickets.Task", models.PROTECT, related_name="discoveries", db_index=False)
    fence = models.BigIntegerField(help_text="of the claim that found it")
    place = models.PositiveSmallIntegerField(help_text="among the discoveries of one completion, from 0 on")
    type = models.CharField(max_length=60, validators=[TYPE])
    title = models.CharField(max_length=300, validators=[field_limits.shown, field_limits.not_blank])
    body = field_limits.text(20_000, blank=True)
    by = models.CharField(max_length=170)
    via = models.CharField(max_length=20, blank=True, help_text="the key that was used")
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    made_task = models.OneToOneField(
        "tickets.Task", models.PROTECT, null=True, blank=True, related_name="made_of"
    )
    made_ticket = models.OneToOneField(
        "tickets.Ticket", models.PROTECT, null=True, blank=True, related_name="made_of"
    )
    decided_by = models.CharField(max_length=170, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = field_limits.text(
        field_limits.REASON, blank=True, help_text="of the decision, or why it is still open"
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def key(self) -> str:
        return f"discovery {self.pk}"

    @property
    def outcome_sentence(self) -> str:
        """What became of it, and by whom."""
        match self.state:
            case "task":
                became = f"it became task {self.made_task}"
            case "ticket":
                became = f"it became ticket {self.made_ticket}"
            case "dismissed":
                became = "it was dismissed"
            case _:
                return f"nobody has decided yet{f': {self.reason}' if self.reason else ''}"
        return f"{became}, by {humanize.actor(self.decided_by)}"
