"""A person at work on a task: take it, settle it, hand it back; and giving it to somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.models import Agent, label
from omoi_site import humanize
from omoi_site.database import sql
from tickets.models import Outcome, Task, Ticket
from tickets.models.claim.failure_kind import PERMANENT, TRANSIENT
from tickets.pages.actions.action import TaskAction, expect_state
from tickets.pages.forms import ActionForm, GiveForm, SettleForm

OUTCOMES = {"completed": "", "failed": PERMANENT, "again": TRANSIENT}  # each with the kind of the failure
DONE = {"completed": "is completed", "failed": "has failed", "again": "has failed; it is tried again"}


class ByHand(TaskAction):
    """An act of a person on a task, in one transaction with the look whether it is still as it was shown."""

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        with Ticket.objects.lock(pk=self.task.ticket_id):  # lock the ticket before its tasks
            task = Task.objects.select_for_update(no_key=True).get(pk=self.task.pk)
            expect_state(str(task.events), values)
            return self.act(task, values)

    def act(self, task: Task, values: dict[str, Any]) -> str:
        """Call the verb. Returns a sentence that says what was done."""
        raise NotImplementedError

    @property
    def holder(self) -> str:
        """The name of whoever holds it; empty if nobody does."""
        if self.task.state != "claimed":
            return ""
        # a row of the list has the name beside it
        return getattr(self.task, "agent", None) or (self.task.holder.name if self.task.holder else "")

    @property
    def is_mine(self) -> bool:
        return self.holder == label(self.by)


class Take(ByHand):
    name = "take"
    label = "Take"
    icon = "hand"
    event = "task.taken"
    scope = "work"

    @property
    def available(self) -> bool:
        return self.task.is_ready

    @property
    def effects(self) -> Sequence[str]:
        return ["You hold it until you settle it or hand it back. No agent is granted it."]

    def act(self, task: Task, values: dict[str, Any]) -> str:
        Task.objects.assign(task.pk, by=self.by, reason=values["reason"])
        return f"{self.task.key} is yours"


class Settle(ByHand):
    name = "settle"
    label = "Settle"
    icon = "check"
    event = "task.completed"
    scope = "work"
    reason_label = "What was done, or why it failed"

    @property
    def available(self) -> bool:
        return self.is_mine

    @property
    def effects(self) -> Sequence[str]:
        return ["What you write is kept with the task."]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return SettleForm(data, label=self.reason_label, least=self.least_reason, **how)

    def act(self, task: Task, values: dict[str, Any]) -> str:
        outcome, reason = values["outcome"], values["reason"]
        kind = OUTCOMES[outcome]
        ended = Outcome(
            task.pk,
            task.fence,
            "failed" if kind else "completed",
            error=reason if kind else "",
            kind=kind,
        )
        [settled] = Task.objects.settle([ended], by=self.by, reason=reason)
        settled.or_raise()
        return f"{self.task.key} {DONE['failed' if settled.state == 'failed' else outcome]}"


class HandBack(ByHand):
    name = "hand-back"
    label = "Hand back"
    icon = "undo-2"
    event = "task.released"
    scope = "work"

    @property
    def available(self) -> bool:
        return self.is_mine

    @property
    def effects(self) -> Sequence[str]:
        return ["It is ready again, and it costs no attempt."]

    def act(self, task: Task, values: dict[str, Any]) -> str:
        Task.objects.release(task.pk, task.fence, by=self.by, reason=values["reason"])
        return f"{self.task.key} is handed back"


class Reassign(ByHand):
    name = "reassign"
    label = "Reassign"
    icon = "user-round"
    event = "task.assigned"

    @property
    def available(self) -> bool:
        return self.task.is_ready or bool(self.holder)

    @property
    def effects(self) -> Sequence[str]:
        lost = [f"{humanize.actor(self.holder)} loses it. "] if self.holder else []
        return [
            f"{''.join(lost)}An agent gets it with its next claim; a person holds it until they settle it."
        ]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return GiveForm(
            data, label=self.reason_label, least=self.least_reason, project=self.task.project, **how
        )

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        # the agent before ticket and task, as the verb and every claim do
        list(Agent.objects.select_for_update(no_key=True).filter(name=values["receiver"]))
        return super().do(values)

    def act(self, task: Task, values: dict[str, Any]) -> str:
        given = Task.objects.assign(task.pk, by=self.by, to=values["receiver"], reason=values["reason"])
        return f"{humanize.actor(given.holder)} holds {self.task.key}"
