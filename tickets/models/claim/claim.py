"""Claim: grants ready tasks to an agent, in one statement whose cost does not grow with the backlog.

The statement (claim.sql) reads the lanes that the agent can serve without locks, then locks exactly the tasks
it takes, with SKIP LOCKED. Its snapshot is taken before it waits for the agent's row, so it asks for the
latest grant to see whether the agent was granted tasks in the meantime. If so, it takes nothing and runs once
more, with the lock held.

Some lanes are guarded: before a task of theirs is granted, something must be counted that others may change
at the same time, such as the agents at work in the project. If one of the first tasks is in such a lane, the
statement takes nothing. Then the agent's row and what guards these lanes are locked, and a second statement
(guarded_choice.sql) chooses among all lanes, with a snapshot from after the locks. An agent that names pools,
or whose last claim needed such locks (last_guards.py), begins with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from django.db import connection

from agents.models import Agent, Key, Project, rights, via
from agents.models.agent import phase_names, words
from omoi_site.database import prepared, sql
from omoi_site.errors import OmoiError
from tickets.models.claim.claim_sql import (
    CLAIM,
    CLAIM_GUARDED,
    DELIVER,
    FIND_GUARDS,
    LAPSING,
    LOCK_AGENT,
    LOCK_GUARDS,
    LOCK_PROFILE_POOLS,
    MARK,
    RELEASE_LOCKS,
    WAKING,
)
from tickets.models.claim.granted_claim import Claim, claims_of
from tickets.models.claim.last_guards import last_guards, remember
from tickets.models.claim.lease import Leasing
from tickets.models.task.fields import TaskFields
from tickets.models.workflow import Workflow

Row = TypeVar("Row", bound=TaskFields)


class CapacityFull(OmoiError):
    """The agent has no free capacity."""

    code = "capacity_full"
    title = "The agent holds as many tasks as its capacity allows"
    next_action = "Complete, fail or release a task first."


class ClaimOptions(TypedDict, total=False):
    """The options of a claim: up to `limit` tasks, each with a lease of `lease_s`. `capabilities`, `phases`
    and `project` narrow the choice. For workers: `ahead`, how many they hold beyond their capacity, for the
    next moment; `starting`, they begin all of them at once, or `starting_profiles`, those with these
    profiles, see start.py.
    """

    limit: int
    lease_s: int
    capabilities: Sequence[str] | None
    phases: Sequence[str] | None
    project: Project | None
    ahead: int
    starting: bool
    starting_profiles: Sequence[str]


class Claiming(Leasing[Row]):
    def claim(self, *, by: Agent, **options: Unpack[ClaimOptions]) -> list[Claim]:
        """Grant up to `limit` ready tasks, most urgent first. `capabilities`, `phases` and `project` narrow
        the choice. What was assigned to the agent by hand is delivered first, and alone.

        If it finds nothing, it ends lapsed claims, makes due tasks ready, and looks once more. Raises
        AgentUnavailable, CapacityFull if the agent has no free capacity, Unauthorized if its key has ended,
        and Invalid if it finds nothing because no workflow has one of `phases`.
        """
        rights.require_scope(by, "work")
        params = claim_params(by, **options)
        rows = self._take(params)
        while rows and rows[0]["assigned"]:
            if delivered := self._deliver(params):
                return claims_of(delivered)
            rows = self._take(params)
        if rows and rows[0]["id"] is None and self._catch_up(rows[0]):
            rows = self._take(params)
        if not rows:
            Key.objects.expect_live(by)
            raise Agent.objects.get(pk=by.pk).unavailable  # its row, as `by` may have been read before
        if not rows[0]["free"]:
            raise CapacityFull()
        if not _granted(rows):
            expect_phases(params)
        return claims_of(rows)

    def claim_at_once(self, *, by: Agent, **options: Unpack[ClaimOptions]) -> list[Claim] | None:
        """Like `claim`, but it only looks once: None where `claim` would look again or
        raise.
        """
        rights.require_scope(by, "work")
        params = claim_params(by, **options)
        rows = self._look(params)
        if not rows or rows[0]["stale"] or rows[0]["assigned"]:
            return None
        first = rows[0]
        if first["id"] is None and (not first["free"] or first["lapsed"] or first["due"]):
            return None
        if first["id"] is None:
            expect_phases(params)
        return claims_of(rows)

    @sql.joined
    def _deliver(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The first claims, up to the limit, that were assigned to the agent by hand and that it does not
        know yet. From now on their leases are as it asks.
        """
        prepared.rows(LOCK_AGENT, params)
        return sql.rows(DELIVER, params)

    def _catch_up(self, missed: dict[str, Any]) -> bool:
        """End lapsed claims and make due tasks ready, or wait until another transaction has. Returns whether
        there were any.
        """
        if missed["lapsed"] and not self.lapse():
            sql.rows(LAPSING)
        if missed["due"] and not self.wake():
            sql.rows(WAKING)
        return bool(missed["lapsed"] or missed["due"])

    @sql.patiently
    def _take(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The granted tasks. Or one row without a task: the agent's free capacity (`free`) and what sweeps
        have not handled yet. Or no row: the agent is not available.

        Outside of a transaction, the statement is one.
        """
        rows = self._look(params)
        if rows and rows[0]["stale"]:
            rows = self._follow(params, self._take_locked(params))
        return rows

    def _look(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Like `_take`, but if the agent was granted tasks in the meantime, the row says so (`stale`)."""
        guards = last_guards(params)
        if not guards and not params["names_pools"]:
            return self._follow(params, prepared.rows(CLAIM, params))
        # who names pools begins with locks always: each lane is guarded
        rows, locked = self._take_guarded(params | {"remembered": bool(guards)}, guards or None)
        more = rows[0]["guards"] if rows and rows[0]["free"] and not _granted(rows) else None
        if more and not set(more) <= set(locked):  # other guarded lanes may have something more urgent
            rows, _ = self._take_guarded(params, more)
        return rows

    @sql.joined
    def _take_locked(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        prepared.rows(LOCK_AGENT, params)
        return prepared.rows(CLAIM, params | {"locked": True})

    def _follow(self, params: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """These rows of CLAIM; where they name guarded lanes, what is granted with their locks."""
        return self._take_guarded(params, rows[0]["guards"])[0] if rows and rows[0]["guards"] else rows

    @sql.joined
    def _take_guarded(
        self, params: dict[str, Any], guards: list[int] | None = None
    ) -> tuple[list[dict[str, Any]], list[int]]:
        """Like `_take`, with the locks of guarded lanes of these projects, or of all that may have work; and
        the projects. Of others it takes nothing, but names them: what finds the projects does not see what
        came while it waited for the agent's row.
        """
        inside = bool(connection.savepoint_ids)  # the transaction of a caller
        params = params | {"locked": True, "guards": guards or []}
        acts = [MARK] if inside else []
        if guards is None:
            [found] = prepared.together(*((act, params) for act in [*acts, FIND_GUARDS]))[-1]
            acts, params["guards"] = [], found["guards"] or []
        else:
            acts.append(LOCK_GUARDS)
        if params["worker"]:
            acts.append(LOCK_PROFILE_POOLS)
        rows = prepared.together(*((act, params) for act in [*acts, CLAIM_GUARDED]), last=True)[-1]
        if inside and not _granted(rows):
            prepared.rows(RELEASE_LOCKS, {})
        remember(params, rows[0]["guards"] if rows else None)
        return rows, params["guards"]


def _granted(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and rows[0]["id"] is not None


def expect_phases(params: dict[str, Any], *, field: str = "phases") -> None:
    """Raise Invalid if no workflow has one of the phases: whoever waits there would wait for ever. It is
    asked of claims that found nothing, so that the others cost no more.
    """
    if params["phases"]:
        Workflow.objects.expect_phases(params["phases"], field=field)


def claim_params(by: Agent, **options: Unpack[ClaimOptions]) -> dict[str, Any]:
    """The parameters of CLAIM."""
    capabilities, phases = options.get("capabilities"), options.get("phases")
    project = options.get("project")
    return {
        "agent": by.pk,
        "actor": by.label,
        "key": via(by),
        "limit": options.get("limit", 1),
        "lease_s": options.get("lease_s", 60),
        "capabilities": None if capabilities is None else words(capabilities),
        "phases": None if phases is None else phase_names(phases),
        "project": project and project.key,
        "ahead": options.get("ahead", 0),
        "starting": options.get("starting", False),
        "locked": False,
        "starting_profiles": list(options.get("starting_profiles", ())),
        "granted_with": "",
        "guards": [],
        "remembered": False,
        "worker": by.runs_profiles,
        "names_pools": bool(by.pools),
    }
