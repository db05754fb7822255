"""The kind of attention about a full phase that waits for itself."""

from __future__ import annotations

from omoi_site.database import sql
from tickets.models.attention.lane_kinds import LANES
from tickets.models.attention.registry import Kind, Values
from tickets.models.attention.ticket_kinds import explain
from tickets.models.explain.sentences import full_phase
from tickets.models.explain.sql_fragments import full_circle, longest_waiting
from tickets.models.freeze.frozen import frozen


def waits_for_itself(values: Values) -> str:
    return full_phase({**values["details"], "phase": values["phase"], "circle": True})


FULL_CIRCLE = Kind(
    "full_circle",
    "Waits for itself",
    "bad",
    "circle-x",
    sql.statement(
        __file__,
        "full_circle",
        lanes=LANES,
        frozen=frozen("j.id"),
        longest_waiting=longest_waiting("j.id"),
        full_circle=full_circle("j.id"),
    ),
    waits_for_itself,
    explain,
    details=sql.statement(__file__, "full_circle_details").strip(),
    indexed=False,
    swept=True,
)
