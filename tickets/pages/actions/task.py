"""Actions on one task of a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models import Task, Ticket
from tickets.models.task.readiness import OPEN, retriable
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.past_phases import PhaseLeft, phase_left
from tickets.pages.actions.action import TaskAction, expect_state
from tickets.pages.forms import ActionForm, TaskPriorityForm


class Intervention(TaskAction):
    """A verb of tasks, for one task."""

    done: ClassVar[str]

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        with Ticket.objects.lock(pk=self.task.ticket_id):  # lock the ticket before its tasks
            task = Task.objects.select_for_update(no_key=True).get(pk=self.task.pk)
            expect_state(str(task.events), values)
            Task.objects.act(task.pk, self.name, by=self.by, reason=values["reason"])
        return f"{self.task.key} {self.done}"


class Retry(Intervention):
    name = "retry"
    label = "Retry"
    icon = "rotate-ccw"
    event = "task.retried"
    done = "is back in the queue"

    @property
    def available(self) -> bool:
        return retriable(self.task) and not self._left

    @property
    def _left(self) -> PhaseLeft | None:
        """Why it could never be done, because of where its ticket is."""
        subject = self.permissions.subject
        ticket = subject.ticket if isinstance(subject, Task) else subject
        assert isinstance(ticket, Ticket)
        return phase_left(ticket, ticket.phase, ticket.effective_phase, self.task.phase)

    @property
    def effects(self) -> Sequence[str]:
        return ["It goes back to the queue with all its attempts."]


class Bump(Intervention):
    name = "bump"
    label = "Bump"
    icon = "chevrons-up"
    event = "task.bumped"
    done = "goes first"

    @property
    def available(self) -> bool:
        return self.task.state == "pending" and not (self.task.bumped_at or self.task.operation)

    @property
    def effects(self) -> Sequence[str]:
        return ["It goes before all other work, permanently."]


class Prioritise(TaskAction):
    name = "priority"
    label = "Priority"
    icon = "signal-high"
    event = "task.edited"

    @property
    def available(self) -> bool:
        return self.task.state in OPEN

    @property
    def effects(self) -> Sequence[str]:
        return [f"It is {self.task.priority_name} now. Its place in the order of work changes with it."]

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return TaskPriorityForm(data, label=self.reason_label, least=self.least_reason, **how)

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        with Ticket.objects.lock(pk=self.task.ticket_id):  # lock the ticket before its tasks
            task = Task.objects.select_for_update(no_key=True).get(pk=self.task.pk)
            expect_state(str(task.events), values)
            how = {"priority": Priority[values["priority"].upper()].value, "reason": values["reason"]}
            Task.objects.filter(pk=task.pk).prioritise(by=self.by, **how)
        return f"{self.task.key} has the priority {values['priority']}"


class Cancel(Intervention):
    name = "cancel"
    label = "Cancel"
    icon = "ban"
    event = "task.cancelled"
    dangerous = True
    done = "is cancelled"

    @property
    def available(self) -> bool:
        return self.task.state in ("pending", "claimed")

    @property
    def effects(self) -> Sequence[str]:
        waiting = self.task.needed_by.filter(child__state="pending").count()
        holder = f"{humanize.actor(self.task.holder.name)} loses its claim. " if self.task.holder else ""
        if not waiting:
            return [f"{holder}No task waits for it."]
        wait, needs = ("waits", "its needs decide") if waiting == 1 else ("wait", "their needs decide")
        return [f"{holder}{counted(waiting, 'task')} {wait} for it; {needs} what happens."]
