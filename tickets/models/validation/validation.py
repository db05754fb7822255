"""Validation: one failure of kind `validation`, and the task that puts it right.

The failed task is the check that is repeated: it waits for the fix and is then done again, so whatever waits
for it goes on waiting. A failure that comes back in the same way ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Agent, Project, label, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import NO_DELETE
from omoi_site.errors import short
from omoi_site.redaction import redact_text
from tickets.models.journal_sql import task_events
from tickets.models.ticket.past_phases import phase_left
from tickets.models.validation import fix
from tickets.models.validation.signature import signature_of

if TYPE_CHECKING:
    from tickets.models.claim.outcome import Outcome
    from tickets.models.ticket.ticket import Ticket

SAME = 3  # equal failures that end it
ROUNDS = 10  # fixes that are made at most
REPEATED, TOO_MANY = "validation_repeated", "validation_rounds"  # in `failure` of the task
COUNTED = models.Q(counted=True)
BEFORE = """
SELECT task_id AS task, signature, count(*) AS count
FROM tickets_validation
WHERE task_id = ANY (%s)
  AND counted
GROUP BY 1, 2
"""
NOTE = f"""
WITH t AS (
  UPDATE tickets_task
  SET
    events = events + 1,
    -- a round begins with all attempts
    attempts = CASE state WHEN 'pending' THEN 0 ELSE attempts END
  WHERE id = %(task)s
  RETURNING id, ticket_key, project_id, events
)
{task_events("t", "'validation.failed'", data="%(data)s")}
"""


@dataclass(frozen=True)
class Round:
    """A failed validation before it is settled. number, same: which failure it is, and which of this
    signature, since a person last retried the task. again: whether it is repeated after a fix. failure: why
    it is not; empty if its ticket has left the phase.
    """

    signature: str
    number: int
    same: int
    again: bool
    failure: str = ""


class ValidationManager(models.Manager["Validation"]):
    def rounds(self, failed: Mapping[int, tuple[Outcome, Ticket, str]]) -> dict[int, Round]:
        """The rounds of these outcomes, by task, each with its locked ticket and its phase. Only who holds
        the lock of the ticket adds to what is counted.
        """
        before: dict[int, dict[str, int]] = {}
        for row in sql.rows(BEFORE, [list(failed)]) if failed else ():
            before.setdefault(row["task"], {})[row["signature"]] = row["count"]
        return {
            task: _round(outcome, ticket, phase, before.get(task, {}))
            for task, (outcome, ticket, phase) in failed.items()
        }

    def record(self, outcome: Outcome, ticket: Ticket, found: Round, *, by: Agent) -> None:
        """Record the failure of a task that this transaction has settled, and add its fix if it is to be
        repeated.
        """
        error = redact_text(outcome.error)
        fixed_by = fix.add(outcome.task, ticket, error) if found.again else None
        self.create(
            ticket=ticket,
            project_id=ticket.project_id,
            task_id=outcome.task,
            fence=outcome.fence,
            number=found.number,
            signature=found.signature,
            error=short(error, field_limits.longest(self.model, "error")),
            fix_id=fixed_by,
            by=label(by),
        )
        data = {
            "fence": outcome.fence,
            "number": found.number,
            "same": found.same,
            "signature": found.signature,
            "fix": fixed_by and str(fixed_by),
        }
        params = {"task": outcome.task, "data": Jsonb(data), "actor": label(by), "key": via(by)}
        sql.rows(NOTE, params)


class Validation(models.Model):
    application_privileges = NO_DELETE

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="validations", db_index=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    task = models.ForeignKey("tickets.Task", models.PROTECT, related_name="validations", db_index=False)
    fence = models.BigIntegerField(help_text="of the claim that failed")
    number = models.PositiveSmallIntegerField(help_text="which failure it is since the task was last retried")
    signature = models.CharField(max_length=32, help_text="equal for failures that differ only in numbers")
    error = field_limits.text(20_000, blank=True)
    fix = models.OneToOneField(
        "tickets.Task", models.PROTECT, null=True, blank=True, related_name="puts_right"
    )
    counted = models.BooleanField(default=True, help_text="no longer, once a person has retried the task")
    by = models.CharField(max_length=170)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)

    objects = ValidationManager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["ticket", "id"], name="validation_of_ticket")]
        constraints = [models.UniqueConstraint(fields=["task", "fence"], name="validation_once")]

    def __str__(self) -> str:
        return f"failure {self.number} of {self.task_id}"


def _round(outcome: Outcome, ticket: Ticket, phase: str, before: Mapping[str, int]) -> Round:
    signature = signature_of(outcome.error)
    number, same = sum(before.values()) + 1, before.get(signature, 0) + 1
    failure = REPEATED if same >= SAME else TOO_MANY if number > ROUNDS else ""
    left: Any = phase_left(ticket, ticket.phase, ticket.effective_phase, phase)
    return Round(signature, number, same, again=not (failure or left), failure=failure)
