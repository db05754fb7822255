"""What outcomes bring besides the end of their claims: artifacts, discoveries, failed validations.

All of it belongs to the ticket, which is locked before the tasks. An outcome that only ends its claim costs
nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from agents.models import Agent
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.models.claim.outcome import Outcome
from tickets.models.discovery.discovery import Discovery
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.blob import Blob
from tickets.models.ticket.ticket import Ticket
from tickets.models.validation.validation import Round, Validation

CLAIMED = """
SELECT id, fence, ticket_id, project_id, phase
FROM tickets_task
WHERE id = ANY (%s)
  AND (
    holder_id = %s AND state = 'claimed'
    OR settled_by = %s AND state = 'pending' AND settled_as = 'lapsed'
  )
"""


@dataclass
class Consequences:
    """outcomes: those that bring something, by task, with the ticket of each. contents: of their artifacts.
    discoveries, rounds: of those that found something, and that failed validation.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    contents: list[Blob] = field(default_factory=list)
    discoveries: dict[int, list[Discovery]] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)

    @classmethod
    def prepare(cls, outcomes: Sequence[Outcome], *, by: Agent, lock: str = "") -> Consequences:
        """Before the tasks are locked: store the contents, always in the same order, and lock the tickets.

        Raises Invalid for a discovery that cannot be one, having written nothing. The rest is recorded
        afterwards, only for outcomes whose claim is found held. lock: the lock of
        the agent, which comes before those of the project.
        """
        more = [outcome for outcome in outcomes if outcome.brings_more]
        if not more:
            return cls()
        found = {each.task: Discovery.objects.found_by(each, by=by) for each in more if each.discoveries}
        claimed = sql.rows(CLAIMED, [[outcome.task for outcome in more], by.pk, by.pk])
        held = {(row["id"], row["fence"]): row for row in claimed}
        good = {outcome.task: outcome for outcome in more if (outcome.task, outcome.fence) in held}
        rows = {task: held[task, outcome.fence] for task, outcome in good.items()}
        contents = {
            Blob.of(new.content).hash: new.content for each in good.values() for new in each.artifacts
        }
        written = [(Blob.objects.write(content), content) for _, content in sorted(contents.items())]
        for blob, content in written:
            Blob.objects.keep(blob, content)
        if lock:
            sql.rows(lock, {"agent": by.pk})
        adds_work = {rows[task]["project_id"] for task, each in good.items() if each.adds_work}
        Discovery.objects.lock_before(sorted(adds_work))
        locked = Ticket.lock_in_order({row["ticket_id"] for row in rows.values()})
        tickets = {task: locked[row["ticket_id"]] for task, row in rows.items()}
        failed = {
            task: (outcome, tickets[task], rows[task]["phase"])
            for task, outcome in good.items()
            if outcome.failed_validation
        }
        stored = [blob for blob, _ in written]
        return cls(good, tickets, stored, found, Validation.objects.rounds(failed))

    def record(self, settled: Collection[int], *, by: Agent) -> None:
        """Record what the settled ones of them bring."""
        try:
            for task in sorted(self.outcomes.keys() & settled):
                Artifact.objects.attach(self.outcomes[task], self.tickets[task], by=by)
                Discovery.objects.record(self.discoveries.get(task, ()), self.tickets[task], by=by)
                if task in self.rounds:
                    Validation.objects.record(
                        self.outcomes[task], self.tickets[task], self.rounds[task], by=by
                    )
        except Invalid:
            Blob.objects.discard(self.contents)
            raise
