"""The statements of a claim, and the parts of which they are made.

CLAIM reads the lanes that the agent can serve without locks, and locks only what it takes. CLAIM_GUARDED
counts and chooses with the locks of LOCK_GUARDS held. Both end with the same grant, see claim.sql.
"""

from __future__ import annotations

from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from omoi_site.database import sql
from tickets.models.claim.lease import LEASE_ENDED
from tickets.models.explain.sql_fragments import (
    FITS,
    GUARDED,
    HEARD,
    LEASE_HOLDS,
    POOL_ROOM,
    RUNS_ALONE,
    longest_waiting,
)
from tickets.models.freeze.frozen import frozen
from tickets.models.journal_sql import task_events
from tickets.models.task.lane import GUARD_LOCK, TOP
from tickets.models.task.readiness import NOT_DUE, READY

# The columns of a task that are fields of Claim.
GRANTED = """
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.phase,
    t.title,
    t.description,
    t.kind,
    t.priority,
    t.timeout_s,
    t.work_s,
    t.fence,
    t.attempts,
    t.error,
    t.tried,
    t.checkpoint,
    t.rank,
    t.lease_expires_at,
    t.stall_s,
    t.started_at IS NOT NULL AS started,
    t.profile,
    t.slots"""
# After how many seconds without progress the claim of task `t` is stalled: as it says, or its phase, or its
# project, whose answer its lane keeps.
STALL_S = (
    "coalesce(t.stall_after_s, t.phase_stall_after_s,"
    " (SELECT p.stall_after_s FROM places p WHERE p.lane_id = t.lane_id LIMIT 1))"
)
# Columns of what the holder gets with task `t` of ticket `k`.
BRIEF = sql.statement(__file__, "brief")
# Whether a transaction that the statement's snapshot does not see has made the grant `latest`. If the agent's
# row was locked before (`locked`), the snapshot is newer than every grant. Then it is not asked: the numbers
# of transactions from before a restored backup can be higher than any of this server.
GRANTED_UNSEEN = (
    "NOT %(locked)s::bool AND NOT pg_visible_in_snapshot(latest.xid, pg_current_snapshot())"
    " AND latest.xid <> pg_current_xact_id()"
)
KNOWN = f"""
LATERAL (
    SELECT coalesce({GRANTED_UNSEEN}, false) OR locked.version <> seen.version AS stale
    FROM agents_agent seen
    WHERE seen.id = locked.id
  )""".strip()


SPARE = 8  # tasks of a lane that are looked at beyond those needed, because others may be locked
# Whether this agent is to leave task `t` to others, because it failed it a short time ago.
AVOIDED_LATELY = "t.avoid_id = %(agent)s AND t.avoid_until > clock_timestamp()"
LEFT_TO_OTHERS = "t.lane_id = ANY (ARRAY(SELECT o.id FROM left_to_others o))"
AVOIDED = f"{AVOIDED_LATELY} AND {LEFT_TO_OTHERS}"
# The same; others are not looked for where it could not be granted anyway.
LATE = sql.statement(__file__, "late_in_turn", spare=str(SPARE)).strip()
AVOIDED_OR_LATE = f"{AVOIDED_LATELY} AND ({LATE} OR {LEFT_TO_OTHERS})"
COUNTED = 200  # claims of a project that are counted for the fair share
SERVED = sql.statement(__file__, "served", agent_fits=FITS.format(agent="agent"))


def turns(*, counts: str, live: str) -> str:
    """SQL: the order of tasks. counts: whether the claims of projects matter; live: their number, where it
    has been counted already.
    """
    return sql.statement(
        __file__,
        "turns",
        other_fits=FITS.format(agent="a"),
        heard=HEARD,
        counted=str(COUNTED),
        counts=counts,
        live=live,
    ).rstrip()


# Where all first tasks are in guarded lanes, nothing is taken in whichever order.
TURNS = turns(counts="EXISTS (SELECT FROM heads o WHERE NOT o.guarded)", live="NULL")
GUARDED_TURNS = turns(
    counts="true",
    live=f"(SELECT least(b.live, {COUNTED}) FROM limits b WHERE b.project_id = p.project_id)",
)
CHOICE = sql.statement(
    __file__, "choice", ready=READY, served=SERVED.rstrip(), guarded=GUARDED, turns=TURNS
).rstrip()
POOLS_ALLOW = "NOT EXISTS (SELECT FROM rooms r WHERE r.name = ANY (l.pools) AND r.room <= 0)"
WIP_ALLOWS = sql.statement(__file__, "wip_allows").strip()
# Ticket `k` may have waited too long in phase `p`.
MAY_WAIT_TOO_LONG = "k.phase_since < clock_timestamp() - (p.wip->>'oldest_s')::int * interval '1 s'"
# One of the tickets in phase `p` of `h` has waited for people too long.
WAITED_TOO_LONG = sql.statement(
    __file__,
    "waited_too_long",
    longest_waiting=longest_waiting("h.project_id", MAY_WAIT_TOO_LONG),
).strip()
HOLDING = sql.statement(__file__, "holding", waited_too_long=WAITED_TOO_LONG)


def guarded_choice(
    *,
    ready: str = READY,
    served: str = SERVED.rstrip(),
    avoided: str = AVOIDED,
    avoided_or_late: str = AVOIDED_OR_LATE,
) -> str:
    return sql.statement(
        __file__,
        "guarded_choice",
        ready=ready,
        served=served,
        guarded=GUARDED,
        turns=GUARDED_TURNS,
        spare=str(SPARE),
        avoided=avoided,
        avoided_or_late=avoided_or_late,
        other_runs_alone=RUNS_ALONE.format(task="c"),
        other_fits=FITS.format(agent="a"),
        heard=HEARD,
        pool_room=POOL_ROOM,
        pools_allow=POOLS_ALLOW,
        wip_allows=WIP_ALLOWS,
        holding=HOLDING,
        top=str(TOP),
    ).rstrip()


GUARDED_CHOICE = guarded_choice()
# The projects to lock: for what this statement leaves to the one with locks, or for the next claim.
GUARDS = "(SELECT projects FROM guards)"


# What an agent is granted by its own claim; what is assigned to it by hand differs in this.
BY_CLAIM = {
    "held_key": HELD_KEY.format(agents="locked"),
    "key_holds": KEY_HOLDS,
    "delivers_first": "true",
    "known": KNOWN,
    "lock_agent": "FOR NO KEY UPDATE",
    "begins": "NOT (SELECT runs_profiles FROM agent)",
    "events": task_events(
        "granted", "'task.claimed'", data="jsonb_build_object('fence', fence, 'attempt', attempts)"
    ),
}


# How a claim differs that begins with the locks of LOCK_GUARDS.
UNDER_LOCK = {"known": "(SELECT false AS stale)", "lock_agent": ""}
SENT_ON = f"({GUARDS} IS NOT NULL)"


def claim_statement(
    choice: str, guards: str, *, missed: bool, tried: str = "", sent_on: str = SENT_ON, **otherwise: str
) -> str:
    """SQL of a grant; `otherwise` replaces parts of BY_CLAIM."""
    return sql.statement(
        __file__,
        "claim",
        choice=choice,
        guards=guards,
        tried=tried,
        missed=sql.statement(
            __file__, "claim_missed", lease_ended=LEASE_ENDED, not_due=NOT_DUE, sent_on=sent_on
        )
        if missed
        else "",
        frozen_project=frozen("p.id"),
        frozen_membership=frozen("p.project_id"),
        held_runs_alone=RUNS_ALONE.format(task="h"),
        granted=GRANTED,
        stall_s=STALL_S,
        brief=BRIEF,
        **(BY_CLAIM | otherwise),
    )


# Also returns what sweeps have left, if nothing is granted.
CLAIM = claim_statement(CHOICE, GUARDS, missed=True)
CLAIM_NEXT = claim_statement(CHOICE, GUARDS, missed=False)
# With the agent's row and the `guards` locked.
TRY_OUT = sql.statement(__file__, "try_out")
CLAIM_GUARDED = claim_statement(
    GUARDED_CHOICE, GUARDS, missed=True, tried=TRY_OUT, sent_on="false", **UNDER_LOCK
)
# The claims of the agent that were assigned to it by hand and are to be delivered.
DELIVER = sql.statement(
    __file__,
    "deliver",
    held_key=HELD_KEY.format(agents="agents_agent"),
    key_holds=KEY_HOLDS,
    lease_holds=LEASE_HOLDS.strip(),
    granted=GRANTED,
    brief=BRIEF,
)
LOCK_AGENT = "SELECT FROM agents_agent WHERE id = %(agent)s FOR NO KEY UPDATE"
# What must be locked before a grant from guarded lanes of the projects `guards`; for a worker also the pools
# of its profiles.
LOCK_GUARDS = sql.statement(
    __file__,
    "lock_guards",
    columns="",
    lock=str(GUARD_LOCK),
    found="SELECT DISTINCT g.id FROM agent CROSS JOIN unnest(%(guards)s::int[]) g(id)",
)
LOCK_PROFILE_POOLS = sql.statement(__file__, "lock_profile_pools")
# The same, of all projects with guarded lanes that may have work for the agent, which it returns.
FIND_GUARDS = sql.statement(
    __file__,
    "lock_guards",
    columns=sql.statement(__file__, "columns_to_serve").rstrip(),
    lock=str(GUARD_LOCK),
    found=sql.statement(
        __file__, "guarded_projects", served=SERVED.rstrip(), guarded=GUARDED, top=str(TOP)
    ).rstrip(),
)
# In the transaction of a caller, locks with which nothing was granted are released: the next ones may have to
# be taken before them.
MARK, RELEASE_LOCKS = "SAVEPOINT guards", "ROLLBACK TO SAVEPOINT guards"
# These wait for the transaction that ends the first lapsed claim or makes the first due task ready; after it,
# the freed tasks can be claimed.
LAPSING = f"""
SELECT
FROM tickets_task t
WHERE {LEASE_ENDED}
ORDER BY t.lease_look_at
LIMIT 1
FOR SHARE
"""
WAKING = f"""
SELECT
FROM tickets_task t
WHERE {NOT_DUE}
  AND t.not_before <= (SELECT clock_timestamp())
ORDER BY t.not_before
LIMIT 1
FOR SHARE
"""
