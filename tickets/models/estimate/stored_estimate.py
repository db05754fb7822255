"""StoredEstimate: what was expected when a ticket entered a phase, kept to be compared with what came.

The clock stores them, not the move itself, so that a move costs what it costs.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic

from django.db import models

from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from tickets.models.estimate.estimate import estimate
from tickets.models.ticket.ticket import Ticket

BACK = 1_000  # moves: what came before is too old, for an estimate says what was expected at the entry
ENTERED = sql.statement(__file__, "entered")
LAST_MOVE = """
SELECT
  greatest(coalesce((SELECT max(move_id) FROM tickets_storedestimate), m.newest), m.newest - %(back)s) AS id
FROM (SELECT coalesce(max(id), 0) AS newest FROM tickets_phasemove) m
"""


class StoredEstimateManager(models.Manager["StoredEstimate"]):
    def last_move(self) -> int:
        """The id of the last move whose estimate is stored, but not further back than `BACK` moves; of the
        newest move while there is none.
        """
        [row] = sql.rows(LAST_MOVE, {"back": BACK})
        return int(row["id"])

    def follow(self, after: int, *, seen: Collection[int] = (), limit: int, span_s: float) -> list[int]:
        """Estimate the tickets that entered a phase with one of the next `limit` moves after this id, and
        store the estimates that have a figure. After `span_s` seconds no estimate begins, but for the first.
        Returns the moves that were looked at, also those that entered none. `seen`: moves that are left out.
        """
        until, looked, begun = monotonic() + span_s, list[int](), False
        for row in sql.rows(ENTERED, {"after": after, "seen": list(seen), "most": limit}):
            if row["entered"]:
                if begun and monotonic() >= until:
                    break
                begun = True
                # it may have gone on since
                here = Ticket.objects.filter(pk=row["ticket_id"], moves=row["move"])
                for ticket in here.select_related("project", "workflow"):
                    self._store(ticket, move=row["id"])
            looked.append(row["id"])
        return looked

    def _store(self, ticket: Ticket, *, move: int) -> None:
        found = estimate(ticket)
        if found.expected_at and found.likely_by:
            row = self.model(
                move_id=move,
                ticket=ticket,
                made_at=found.made_at,
                expected_at=found.expected_at,
                likely_by=found.likely_by,
                calibrated=found.calibrated,
            )
            self.bulk_create([row], ignore_conflicts=True)  # another clock was faster


class StoredEstimate(models.Model):
    application_privileges = INSERT_ONLY

    move = models.OneToOneField(
        "tickets.PhaseMove", models.PROTECT, related_name="estimate", help_text="the entry into the phase"
    )
    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="estimates")
    made_at = models.DateTimeField(editable=False)
    expected_at = models.DateTimeField(editable=False)
    likely_by = models.DateTimeField(editable=False)
    calibrated = models.BooleanField(
        default=False, help_text="how past estimates held decided `likely_by`", editable=False
    )

    objects = StoredEstimateManager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(made_at__lte=models.F("expected_at"))
                & models.Q(expected_at__lte=models.F("likely_by")),
                name="estimate_in_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}: {self.expected_at}"
