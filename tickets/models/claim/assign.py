"""Assign: a task is given to somebody by hand. A person takes it, or an operator gives it to another person
or to an agent, whether it is ready or somebody holds it already.

A person holds it without a lease and without a clock of its progress, until they settle it or hand it back,
or it is reassigned. For an agent it is a claim like any other, with a long lease: it is granted under the
same locks and conditions as from a guarded lane, and the agent's next claim delivers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import models, transaction

from agents.models import Actor, Agent, Project, holder, label, rights, via
from agents.models.actor import is_agent
from omoi_site import field_limits
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound, OmoiError
from tickets.models.claim.claim import CapacityFull, claim_params
from tickets.models.claim.claim_sql import (
    LOCK_GUARDS,
    SERVED,
    TRY_OUT,
    claim_statement,
    guarded_choice,
)
from tickets.models.claim.fence import NO_KEY
from tickets.models.claim.granted_claim import claims_of
from tickets.models.explain.sql_fragments import LANE_HELD_BACK
from tickets.models.explain.task_explanation import explanations
from tickets.models.freeze.frozen import frozen
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import GUARD_LOCK
from tickets.models.task.readiness import DUE, READY, ready_sql

Row = TypeVar("Row", bound=TaskFields)

ME = "me"
LEASE_S = 900  # how long an agent has to come for what was assigned to it
# A task that was given to somebody tells whom; one that a person took has them as its actor.
GIVEN = """
jsonb_build_object('fence', fence, 'attempt', attempts)
|| CASE WHEN %(holder)s::text = '' THEN '{}' ELSE jsonb_build_object('holder', %(holder)s::text) END"""
EVENT = "CASE WHEN %(holder)s::text = '' THEN 'task.taken' ELSE 'task.assigned' END"
TAKE = sql.statement(
    __file__,
    "take",
    ready=ready_sql("not_due"),
    due=DUE,
    frozen=frozen("t.project_id"),
    held_back=LANE_HELD_BACK,
    events=task_events("taken", EVENT, data=GIVEN, reason="%(reason)s"),
)
# Of all that the agent could be granted only this task, even if it has failed it a short time ago.
THIS_LANE = "l.id = (SELECT o.lane_id FROM tickets_task o WHERE o.id = %(task)s::bigint)"
GRANT = claim_statement(
    guarded_choice(
        ready=f"{READY}\n  AND t.id = %(task)s::bigint",
        served=f"{SERVED.rstrip()}\n    AND {THIS_LANE}",
        avoided="false",
        avoided_or_late="false",
    ),
    "NULL::json",
    missed=False,
    tried=TRY_OUT,
    events=task_events(
        "granted", EVENT, data=GIVEN, actor="%(operator)s", key="%(operator_key)s", reason="%(reason)s"
    ),
    held_key=NO_KEY,  # that of the operator is held since their right was asked
    key_holds="true",
    delivers_first="false",
    begins="false",  # its next claim does
    lock_agent="",
)
# What keeps a task from everybody; the other causes are about the agents that could do it.
OF_AGENTS = ("capability", "capacity", "agent_silent", "broker")


class NotAssignable(OmoiError):
    """The task cannot be given to anybody now; the code is that of the cause, as `explain` has it."""

    code = "not_ready"
    title = "The task cannot be taken now"

    def __init__(self, message: str, *, code: str = code, next_action: str = "") -> None:
        super().__init__(message, next_action=next_action)
        self.code = code


@dataclass(frozen=True)
class Assigned:
    """Who holds the task now, under which fence. `changed`: they did not before."""

    task: int
    holder: str
    fence: int
    changed: bool = True


class Assigning(models.Manager[Row]):
    @sql.atomic
    def assign(self, pk: int, *, by: Actor, reason: str, to: str = ME) -> Assigned:
        """Give the task to `to`: ME, the name of an agent, or `user:` and the name of a person. Whoever holds
        it loses the claim, at no cost of an attempt.

        A person who takes a ready task needs `work`; everything else needs `tickets:write`. If they hold it
        already, nothing changes. Raises NotAssignable, AgentUnavailable or CapacityFull if they cannot be
        given it, and then nothing has changed.
        """
        reason = field_limits.reason(reason, 1, "say why")
        project = Project.objects.get(pk=self.values_list("project_id", flat=True).get(pk=pk))
        rights.require(by, "work or tickets:write", project)
        receiver = _receiver(to, by, project)
        if receiver.person is None:  # before the task, as a claim does
            sql.rows("SELECT FROM agents_agent WHERE id = %s FOR NO KEY UPDATE", [receiver.pk])
        task = self.select_for_update(no_key=True).get(pk=pk)
        own = receiver.person is not None and label(by) == receiver.label
        rights.require(by, "work" if own and task.state == "pending" else "tickets:write", project)
        if task.state == "claimed" and task.holder_id == receiver.pk:
            return Assigned(pk, receiver.name, task.fence, changed=False)
        if task.state == "claimed":
            held: Any = self.filter(pk=pk)
            held.revoke(by=by, reason=reason)
        elif task.state != "pending":
            raise NotAssignable(
                f"task {task.key} is {task.state}: only an open task can be given to somebody"
            )
        given = {"reason": reason, "holder": "" if own else receiver.name, "task": pk}
        fence = _take(receiver, given, by, task) if receiver.person else _grant(receiver, given, by, project)
        if fence is None:
            raise _refusal(task, receiver, project, at_work=self.filter(project=project, state="claimed"))
        return Assigned(pk, receiver.name, fence)

    def assignment(
        self, pk: int, *, by: Actor, reason: str = "to see whether it can be", to: str = ME
    ) -> Any:
        """What `assign` would do now: it is done, and taken back. Raises what that raises."""
        with transaction.atomic():
            assigned = self.assign(pk, by=by, reason=reason, to=to)
            transaction.set_rollback(True)
        return assigned


def _take(person: Agent, given: dict[str, Any], by: Actor, task: Any) -> int | None:
    if task.lane.workflow_id:  # a full phase may hold it back, and one becomes full under this lock
        sql.rows("SELECT pg_advisory_xact_lock(%s, %s)", [GUARD_LOCK, task.project_id])
    row = sql.one(TAKE, {**given, "agent": person.pk, "actor": label(by), "key": via(by)})
    if row and row["first_of_phase"]:
        hints.send("advance_tickets", [row["ticket_id"]])
    return row["fence"] if row else None


def _grant(agent: Agent, given: dict[str, Any], by: Actor, project: Project) -> int | None:
    params = claim_params(agent, lease_s=LEASE_S)
    params |= {
        **given,
        "operator": label(by),
        "operator_key": via(by),
        "locked": True,
        "guards": [project.pk],
    }
    sql.rows(LOCK_GUARDS, params)
    rows = sql.rows(GRANT, params)
    if not rows:
        raise Agent.objects.get(pk=agent.pk).unavailable
    claims = claims_of(rows)
    if not claims:
        return None
    with Agent.objects.lock(pk=agent.pk) as locked:
        locked.assigned = True
        locked.save(update_fields=["assigned"])
        # on its own topic: a claim of the agent that waits for work looks at once
        locked.record("agent.assigned", by=by, data={"task": claims[0].key}, inside=project.pk)
    return claims[0].fence


def _receiver(to: str, by: Actor, project: Project) -> Agent:
    """Through whom `to` would hold a task of the project. Raises NotFound and Invalid."""
    if to == ME and is_agent(by):
        raise Invalid("an agent takes work with a claim (POST /claims), not by hand", field="to")
    if to == ME:
        return holder(by)
    kind, _, name = to.rpartition(":")
    if kind == "user":
        person = get_user_model().objects.filter(username=name, is_active=True).first()
        if person is None or "work" not in rights.scopes(person, project):
            raise Invalid(f"there is no person {name} who may work in project {project}", field="to")
        return holder(by if label(by) == to else person)
    agent = None if kind not in ("", "agent") else Agent.objects.filter(name=name).first()
    if agent is None or not (agent.sees_all or agent.projects.filter(pk=project.pk).exists()):
        raise NotFound(f"there is no agent {to} in project {project}; for a person, write user:NAME")
    if agent.runs_profiles:
        raise Invalid(f"{agent} is a worker: workers share their work by themselves", field="to")
    return agent


def _refusal(task: Any, receiver: Agent, project: Project, *, at_work: models.QuerySet[Any]) -> OmoiError:
    """Why the task, which is pending in this transaction, cannot be given to them. at_work: what is claimed
    in the project.
    """
    causes: Sequence[dict[str, Any]] = explanations([task.pk])[task.pk]["causes"]
    of_itself = [cause for cause in causes if cause["code"] not in OF_AGENTS]
    if of_itself:
        [cause, *_] = of_itself
        return NotAssignable(
            f"task {task.key}: {cause['what']}", code=cause["code"], next_action=cause["how"]
        )
    lane = task.lane
    if lane.has_profile:
        return NotAssignable(
            f"task {task.key} runs the profile {task.profile}, which only workers do", code="capability"
        )
    if receiver.phases and lane.phase not in receiver.phases:
        return NotAssignable(f"{receiver} does not work in {lane.phase}", code="capability")
    if missing := sorted(set(lane.capabilities) - set(receiver.capabilities)):
        return NotAssignable(f"{receiver} cannot do {', '.join(missing)}", code="capability")
    if receiver.held_tasks.count() >= receiver.capacity:
        return CapacityFull(f"{receiver} has no free capacity")
    by_agents = at_work.filter(lease_expires_at__isnull=False)  # people are not counted
    for limit, column, own in (
        ("max_agents", "holder_id", receiver.pk),
        ("max_tickets", "ticket_id", task.ticket_id),
    ):
        most, used = getattr(project, limit), {*by_agents.values_list(column, flat=True)}
        if most is not None and len(used) >= most and own not in used:
            return NotAssignable(
                f"project {project} has reached its limit {limit}, which is {most}",
                code="limit",
                next_action="Wait until something that is claimed there has ended, or raise the limit.",
            )
    return NotAssignable(
        f"a pool of {receiver} allows no more now: {', '.join(receiver.pools)}",
        code="quota",
        next_action="Give it to somebody without this pool, or see GET /pools.",
    )
