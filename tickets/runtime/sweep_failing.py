"""The kind of attention about sweeps that keep failing: one item, about the one that has failed longest."""

from __future__ import annotations

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.attention.installation_kinds import see_what_runs
from tickets.models.attention.registry import Kind, Values
from tickets.models.explain.sql_fragments import CLOCK_RUNS, QUOTED
from tickets.runtime.sweeps import FAILING


def sweep_failing(values: Values) -> str:
    sweep = values["details"]
    others = sweep["others"]
    more = f" {others} more {'sweep fails' if others == 1 else 'sweeps fail'}, too." if others else ""
    error = sweep["error"].rstrip(". ")
    return (
        f"the sweep {sweep['about']} has been failing for {humanize.length(sweep['late_s'])}, so what it does"
        f" is not done: {error}.{more} The log of the clock has the whole error"
    )


SWEEP_FAILING = Kind(
    "sweep_failing",
    "Sweep failing",
    "bad",
    "circle-x",
    sql.statement(__file__, "sweep_failing", failing=FAILING, clock_runs=CLOCK_RUNS.strip()),
    sweep_failing,
    see_what_runs,
    details=sql.statement(__file__, "sweep_failing_details", failing=FAILING, quoted=str(QUOTED)),
    installation=True,
)
