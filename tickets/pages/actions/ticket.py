"""Actions on a ticket that are not moves: pause, resume, priority, judge, retry, follow-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum

from agents.models import Event, label
from omoi_site.database import sql
from omoi_site.field_limits import VERSION_DIGITS, whole_number
from omoi_site.humanize import counted
from tickets.models import Link, Notice, NotReady, Task, Ticket, TicketSpec
from tickets.models.attention.notice import NoticeQuerySet
from tickets.models.ticket.fields import Priority
from tickets.models.ticket.past_phases import FOLLOW_UP
from tickets.pages.actions.action import TicketAction, Undo, expect_state
from tickets.pages.actions.moves import effect_of_stopping
from tickets.pages.forms import ActionForm, EditForm, PriorityForm

LOOKED_AT = 100  # follow-ups that came since a form was drawn


class Pause(TicketAction):
    name = "pause"
    label = "Pause"
    icon = "circle-pause"
    event = "ticket.paused"

    @property
    def available(self) -> bool:
        return not (self.ticket.closed or self.ticket.paused)

    @property
    def effects(self) -> Sequence[str]:
        return [effect_of_stopping(self.ticket)]

    def do(self, values: dict[str, Any]) -> str:
        Ticket.objects.act(
            self.ticket.pk, "pause", by=self.by, version=values["version"], reason=values["reason"]
        )
        return f"{self.ticket.key} is paused"

    @property
    def undo(self) -> Undo:
        return Undo("resume", {})


class Resume(TicketAction):
    name = "resume"
    label = "Resume"
    icon = "play"
    event = "ticket.resumed"
    reason_label = ""
    direct = True

    @property
    def available(self) -> bool:
        return self.ticket.paused

    def do(self, values: dict[str, Any]) -> str:
        Ticket.objects.act(self.ticket.pk, "resume", by=self.by, version=values["version"])
        return f"{self.ticket.key} goes on"

    @property
    def undo(self) -> Undo:
        return Undo("pause", {"reason": self.ticket.pause_reason})


class Archive(TicketAction):
    """Of a ticket that has not ended, it asks why."""

    name = "archive"
    label = "Archive"
    icon = "archive"
    event = "ticket.archived"

    @property
    def available(self) -> bool:
        return not self.ticket.archived_at

    @property
    def least_reason(self) -> int:
        return 0 if self.ticket.closed else 1

    @property
    def effects(self) -> Sequence[str]:
        leaves = "It leaves the board and all lists, keeps everything, and can be restored."
        return [leaves] if self.ticket.closed else [leaves, effect_of_stopping(self.ticket)]

    def do(self, values: dict[str, Any]) -> str:
        Ticket.objects.act(
            self.ticket.pk, "archive", by=self.by, version=values["version"], reason=values["reason"]
        )
        return f"{self.ticket.key} is archived"

    @property
    def undo(self) -> Undo:
        return Undo("restore", {})


class Restore(TicketAction):
    name = "restore"
    label = "Restore"
    icon = "undo-2"
    event = "ticket.restored"
    reason_label = ""
    direct = True

    @property
    def available(self) -> bool:
        return bool(self.ticket.archived_at)

    def do(self, values: dict[str, Any]) -> str:
        Ticket.objects.act(self.ticket.pk, "restore", by=self.by, version=values["version"])
        return f"{self.ticket.key} is on the board again"


class Edit(TicketAction):
    name = "edit"
    label = "Edit"
    icon = "file-text"
    event = "ticket.edited"

    @property
    def available(self) -> bool:
        return not self.ticket.archived_at

    @property
    def offered(self) -> dict[str, str]:
        ticket = self.ticket
        return {
            "title": ticket.title,
            "description": ticket.description,
            "labels": ", ".join(ticket.labels),
        }

    def is_made(self, typed: Mapping[str, str]) -> bool:
        """Whether the ticket has all that was typed."""
        form = self.form(typed)
        return form.is_valid() and all(
            form.cleaned_data[name] == getattr(self.ticket, name) for name in self.offered
        )

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return EditForm(data, **how)

    def do(self, values: dict[str, Any]) -> str:
        texts = {name: values[name] for name in self.offered}
        Ticket.objects.act(self.ticket.pk, "edit", by=self.by, version=values["version"], **texts)
        return f"{self.ticket.key} was changed"


class ChangePriority(TicketAction):
    name = "priority"
    label = "Change priority"
    icon = "signal-high"
    event = "ticket.edited"

    @property
    def available(self) -> bool:
        return not self.ticket.closed

    @property
    def effects(self) -> Sequence[str]:
        same = self.ticket.tasks.open().filter(priority=self.ticket.priority).count()
        change = "changes" if same == 1 else "change"
        return [f"{counted(same, 'open task')} of the same priority {change} too."] if same else []

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return typed.get("priority") == self.ticket.priority_name

    def form(self, data: Mapping[str, Any] | None = None, **how: Any) -> ActionForm:
        return PriorityForm(data, **how)

    def do(self, values: dict[str, Any]) -> str:
        Ticket.objects.act(
            self.ticket.pk,
            "edit",
            by=self.by,
            version=values["version"],
            priority=Priority[values["priority"].upper()],
        )
        return f"{self.ticket.key} now has priority {values['priority']}"

    @property
    def undo(self) -> Undo:
        return Undo("priority", {"priority": self.ticket.priority_name})


class Judge(TicketAction):
    name = "judge"
    label = "Run checks"
    icon = "rotate-ccw"
    event = "gate.judged"
    reason_label = ""
    direct = True

    @property
    def available(self) -> bool:
        return self.ticket.gated

    @property
    def state(self) -> str:
        """The last verdict."""
        return str(self.ticket.verdicts.order_by("-id").values_list("pk", flat=True).first() or 0)

    def do(self, values: dict[str, Any]) -> str:
        verdict = Ticket.objects.judge(pk=self.ticket.pk, by=self.by)
        failed = sum(not check["passed"] for check in verdict.checks)
        if verdict.passed:
            return "Every check passes"
        do = "does" if failed == 1 else "do"
        return f"{counted(failed, 'check')} of {len(verdict.checks)} {do} not pass"


class Seen(TicketAction):
    """The notices of the workflow to the person's roles."""

    name = "seen"
    label = "Seen"
    icon = "check"
    event = "notice.dismissed"
    reason_label = ""
    direct = True

    @property
    def notices(self) -> NoticeQuerySet:
        unseen = Notice.objects.unseen().filter(ticket=self.ticket)
        return unseen.for_roles_of(self.by, self.ticket.project)

    @property
    def available(self) -> bool:
        return self.ticket.plan.notifies and self.notices.exists()

    @property
    def permitted(self) -> bool:
        """The notices are those for the person's roles already."""
        return True

    def do(self, values: dict[str, Any]) -> str:
        self.notices.dismiss(by=self.by)
        return f"{self.ticket.key} leaves the attention list"


class RetryFailed(TicketAction):
    name = "retry-failed"
    label = "Retry failed"
    icon = "rotate-ccw"
    event = "task.retried"
    needs_reason = True

    @property
    def available(self) -> bool:
        return not self.ticket.closed

    @property
    def state(self) -> str:
        """The failed tasks, with the number of their last attempt."""
        failed = self.ticket.tasks.filter(state="failed").aggregate(
            number=Count("pk"), events=Sum("events", default=0)
        )
        return f"{failed['number']}.{failed['events']}"

    @property
    def effects(self) -> Sequence[str]:
        failed = self.ticket.tasks.filter(state="failed").count()
        go, their = ("goes", "its") if failed == 1 else ("go", "their")
        return [f"{counted(failed, 'failed task')} {go} back to the queue with all {their} attempts."]

    def do(self, values: dict[str, Any]) -> str:
        with Ticket.objects.lock(pk=self.ticket.pk):
            failed = Task.objects.filter(ticket=self.ticket, state="failed")
            list(failed.order_by("id").select_for_update(no_key=True).values("pk"))
            expect_state(self.state, values)
            retried = failed.retry(by=self.by, reason=values["reason"])
        if not retried:
            raise NotReady(
                f"no task of {self.ticket.key} has failed",
                next_action="Somebody else may have retried them. Look at the list of tasks.",
            )
        return f"{counted(len(retried), 'task')} back in the queue"


class FollowUp(TicketAction):
    name = "follow-up"
    label = "Open a follow-up"
    icon = "corner-down-right"
    event = "ticket.followed_up"
    reason_label = "What to do"
    needs_reason = True

    @property
    def available(self) -> bool:
        return self.ticket.done

    @property
    def follow_ups(self) -> QuerySet[Link]:
        return Link.objects.filter(other=self.ticket, kind=FOLLOW_UP)

    @property
    def state(self) -> str:
        """How many there are: opening one changes nothing else of this ticket."""
        return str(self.follow_ups.count())

    @property
    def last_change(self) -> Event | None:
        return Event.objects.filter(topic=self.ticket.topic, kind=self.event).order_by("-xid", "-id").first()

    def own_change(self, typed: Mapping[str, str]) -> Event | None:
        """That this person opened it since the form was drawn, though others may have opened more since."""
        drawn, title = (
            whole_number(typed.get("state", ""), VERSION_DIGITS) or 0,
            typed.get("reason", "").strip(),
        )
        since = self.follow_ups.order_by("ticket_id")[drawn : drawn + LOOKED_AT]
        keys = [key for key, named in since.values_list("ticket__key", "ticket__title") if named == title]
        mine = Event.objects.filter(topic=self.ticket.topic, kind=self.event, actor=label(self.by))
        return mine.filter(data__ticket__in=keys).order_by("-xid", "-id").first()

    def is_made(self, typed: Mapping[str, str]) -> bool:
        return self.own_change(typed) is not None

    @sql.atomic
    def do(self, values: dict[str, Any]) -> str:
        spec = TicketSpec(values["reason"], follow_up=self.ticket)
        opened = Ticket.objects.open(self.ticket.project, spec, by=self.by)
        # until this commits, the lock on the project's numbers keeps others from opening one
        expect_state(str(self.follow_ups.exclude(ticket=opened).count()), values)
        return f"{opened.key} was opened as a follow-up of {self.ticket.key}"
