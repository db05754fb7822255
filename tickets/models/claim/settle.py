"""Settle: the holder reports how a claim ended.

The first statement checks the fence and writes, in one UPDATE. The second is sent with it and asks whether
anything needs the tasks, with a new snapshot, so it sees an edge added while the first waited for a row:
adding an edge locks the parent. Only then the children are read and decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Agent, Key, rights, via
from omoi_site.brokers import hints
from omoi_site.database import prepared, sql
from omoi_site.errors import Invalid
from tickets.models.claim.fence import HELD_WITH_KEY, KEY_OF_HOLDER, claims_now, lost
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.blob import Blob
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.open_needs import decide, hint_work
from tickets.models.ticket.ticket import Ticket

Row = TypeVar("Row", bound=TaskFields)

SETTLE = sql.statement(
    __file__,
    "settle",
    held=HELD_WITH_KEY,
    held_key=KEY_OF_HOLDER,
    events=task_events(
        "settled",
        "CASE state WHEN 'pending' THEN 'task.retried' ELSE 'task.' || state END",
        data="jsonb_build_object('fence', fence, 'attempt', attempts)",
        reason="error",
    ),
)
NEEDED = """
SELECT EXISTS (
  SELECT
  FROM tickets_need
  WHERE parent_id = ANY (%(ids)s::bigint[])
) AS needed
"""
CLAIMED = """
SELECT id, fence, ticket_id
FROM tickets_task
WHERE id = ANY (%s)
  AND holder_id = %s
  AND state = 'claimed'
"""
AGAIN = {"transient", "validation"}  # kinds of failure worth another attempt; `permanent` is not


class Settling(models.Manager[Row]):
    @sql.joined
    def settle(self, outcomes: Sequence[Outcome], *, by: Agent) -> list[Settlement]:
        """Complete or fail claims of `by`. An outcome with an old fence changes nothing.

        Returns one Settlement per outcome, in order: the new state, or `claim_lost` and the present holder.
        Repeating an outcome with the same fence, while no newer fence exists, returns the task as it is.
        Artifacts are stored for what is settled now: all of them, or nothing is settled.
        """
        settlements, freed = self._settle(outcomes, by)
        hint_work(freed)
        return settlements

    def _settle(
        self, outcomes: Sequence[Outcome], by: Agent, *, lock: str = ""
    ) -> tuple[list[Settlement], list[int]]:
        """As `settle`, in the caller's transaction; and the tasks with a profile that are ready because of
        it, of which the caller must tell the workers. `lock`: a statement that runs before, with the
        parameters of SETTLE.
        """
        rights.require_scope(by, "work")
        # of two outcomes for one task, the first counts
        first = {outcome.task: outcome for outcome in reversed(outcomes)}
        tickets, written = _prepare_artifacts(list(first.values()), by)
        params = {
            "agent": by.pk,
            "actor": by.label,
            "key": via(by),
            "ids": list(first),
            "fences": [outcome.fence for outcome in first.values()],
            "outcomes": [outcome.state for outcome in first.values()],
            "results": [
                None if outcome.result is None else Jsonb(outcome.result) for outcome in first.values()
            ],
            "errors": [outcome.error for outcome in first.values()],
            "again": [outcome.kind in AGAIN for outcome in first.values()],
        }
        statements = [lock, SETTLE, NEEDED] if lock else [SETTLE, NEEDED]
        *_, rows, [needs] = prepared.together(*[(statement, params) for statement in statements])
        settled = {row["id"]: row["state"] for row in rows}
        try:
            for task in sorted(settled.keys() & tickets.keys()):
                Artifact.objects.attach(first[task], tickets[task], by=by)
        except Invalid:
            Blob.objects.discard(written)
            raise
        ended = [row["id"] for row in rows if row["state"] != "pending"]
        freed = decide(ended) if needs["needed"] else []
        # Two last tasks that end at the same moment do not see each other; a sweep then advances their
        # ticket.
        if over := sorted({row["ticket_id"] for row in rows if row["over"]}):
            hints.send("advance_tickets", over)
        not_settled = [
            outcome.task
            for outcome in outcomes
            if outcome.task not in settled or outcome is not first[outcome.task]
        ]
        if not_settled:
            Key.objects.expect_live(by)
        now = claims_now(not_settled, by.pk)
        settlements = [
            Settlement(outcome.task, settled[outcome.task])
            if outcome.task in settled and outcome is first[outcome.task]
            else _repeated(outcome, now.get(outcome.task), by)
            for outcome in outcomes
        ]
        return settlements, freed


def _repeated(outcome: Outcome, now: dict[str, Any] | None, by: Agent) -> Settlement:
    if (
        now
        and now["fence"] == outcome.fence
        and (now["settled_by"], now["settled_fence"], now["settled_as"])
        == (by.pk, outcome.fence, outcome.state)
    ):
        return Settlement(outcome.task, now["state"], repeated=True)
    return Settlement(outcome.task, lost=lost(now))


def _prepare_artifacts(outcomes: Sequence[Outcome], by: Agent) -> tuple[dict[int, Ticket], list[Blob]]:
    """Before the tasks are locked, store the contents, always in the same order, and lock the tickets.
    Returns the ticket of each task, and the contents.

    The artifacts are recorded afterwards, only for outcomes whose claim SETTLE found held.
    """
    ids = [outcome.task for outcome in outcomes if outcome.artifacts]
    if not ids:
        return {}, []
    held = {(row["id"], row["fence"]): row["ticket_id"] for row in sql.rows(CLAIMED, [ids, by.pk])}
    good = [outcome for outcome in outcomes if (outcome.task, outcome.fence) in held]
    contents = {Blob.of(new.content).hash: new.content for outcome in good for new in outcome.artifacts}
    written = [(Blob.objects.write(content), content) for _, content in sorted(contents.items())]
    for blob, content in written:
        Blob.objects.keep(blob, content)
    tickets = Ticket.lock_in_order({held[outcome.task, outcome.fence] for outcome in good})
    of_tasks = {outcome.task: tickets[held[outcome.task, outcome.fence]] for outcome in good}
    return of_tasks, [blob for blob, _ in written]
