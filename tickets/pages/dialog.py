"""The dialog of an action: its fields, its effects, and after a refusal the reason and what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from agents.models import Event, Retired, label
from omoi_site import humanize
from omoi_site.errors import Forbidden, OmoiError, VersionConflict
from tickets.models import AlreadyDecided, Discovery, NotReady, Task, Ticket
from tickets.models.ticket.fields import TransitionNotAllowed
from tickets.pages.actions.action import Action, Outdated
from tickets.pages.actions.moves import Move
from tickets.pages.forms import ActionForm
from tickets.pages.gate_checklist import capital, entry_of, name_of, result_text
from tickets.templatetags.addresses import ticket_address

DONE = {  # where the kind of an event does not read as an act on it
    "approval.changes_requested": "requested changes",
    "approval.given": "approved it",
    "discovery.decided": "decided it",
    "agent.made_available": "made it available",
    "agent.made_unavailable": "set it to maintenance",
    "task.assigned": "reassigned it",
    "task.revoked": "took it back",
    "task.taken": "took it",
    "ticket.criterion_answered": "named the evidence of a criterion",
    "ticket.followed_up": "opened a follow-up",
    "ticket.workflow_changed": "changed the version of its workflow",
}
LATE = (
    VersionConflict,
    Retired,
    TransitionNotAllowed,
    NotReady,
    Outdated,
    AlreadyDecided,
)  # somebody else may have been faster


class Dialog:
    """typed: the data of the last try, which is kept in the form. refused: the error of that try."""

    back_label = "Back"

    def __init__(self, action: Action, typed: Mapping[str, str], refused: OmoiError | None = None) -> None:
        self.action = action
        self.typed = typed
        self.refused = refused

    @property
    def subject(self) -> Any:
        return self.action.subject

    @property
    def back(self) -> str:
        """The address of the page that it belongs to."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What it is about, as people know it."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        label = self.action.label
        return f"{label}: {self.name}" if " " in label else f"{label} {self.name}"

    @property
    def refusal(self) -> str:
        """Why it was refused, in a sentence; for a missing right, the role that has it."""
        if isinstance(self.refused, Forbidden):
            return self.action.denied or self.refused.message
        return self.refused.message if self.refused else ""

    @property
    def why_not(self) -> str:
        """Why this person cannot do it now: first the state, then the right."""
        if not self.action.available:
            return f"{self.name} is now {self.state}, so this is not possible"
        return self.action.denied

    @property
    def state(self) -> str:
        """What its subject is now."""
        return str(self.subject.state).lower()

    @property
    def standing(self) -> str:
        """The same as a sentence, after a change by somebody else."""
        return f"It is {self.state} now"

    @cached_property
    def effects(self) -> Sequence[str]:
        return self.action.effects if self.action.available else ()

    @cached_property
    def warning(self) -> str:
        return self.action.warning if self.action.available else ""

    @cached_property
    def form(self) -> ActionForm:
        """The form with what was typed, for the present state: sending it again applies to that."""
        fields = self.action.offered  # of these also what was emptied
        typed = {name: value for name, value in self.typed.items() if value or name in fields}
        initial = {**self.offered, **typed, "version": self.version, "state": self.action.state}
        form = self.action.form(initial=initial)
        if self.refused and "reason" in form.fields:
            form.fields["reason"].widget.attrs["aria-describedby"] = "refused"
        return form

    @property
    def version(self) -> int:
        """Which one of its subject was shown."""
        return int(self.subject.version)

    @property
    def offered(self) -> dict[str, Any]:
        """What the fields have before anything is typed."""
        return {}

    @property
    def plain_fields(self) -> Sequence[Any]:
        """The fields that are drawn one after the other."""
        fields = () if self.action.fields else self.form.visible_fields()
        return [field for field in fields if field.name != "past_limit"]

    @cached_property
    def changed(self) -> Event | None:
        """The last change, if it may be the cause of the refusal."""
        if not isinstance(self.refused, LATE):
            return None
        return self.action.own_change(self.typed) or self.action.last_change

    @property
    def mine(self) -> bool:
        """Whether this person made that change."""
        return bool(self.changed and self.changed.actor == label(self.action.by))

    @property
    def done(self) -> bool:
        """Whether that change was this same action: the answer was lost, or it was sent twice."""
        if not (self.mine and self.changed and self.changed.kind == self.action.event):
            return False
        return self.action.is_made(self.typed)

    @property
    def again(self) -> bool:
        """Whether the form can be sent again: not if the action is done, or is no longer possible."""
        return not (self.done or self.never_shown)

    @property
    def never_shown(self) -> bool:
        """Whether the form was never shown, because its button was shown for another state."""
        return isinstance(self.refused, Outdated) and not self.typed

    @property
    def changed_by(self) -> str:
        if not self.changed:
            return ""
        return "You changed it yourself" if self.mine else f"{humanize.actor(self.changed.actor)} was faster"

    @property
    def change(self) -> str:
        """The other change, in words."""
        if not self.changed:
            return ""
        reason = f" ({self.changed.reason})" if self.changed.reason else ""
        return f"{self.done_to_it}{reason}"

    @property
    def done_to_it(self) -> str:
        """The act in the kind of that change: ticket.edited gives "edited it"."""
        kind = self.changed.kind if self.changed else ""
        return DONE.get(kind) or f"{kind.rpartition('.')[2].replace('_', ' ')} it"


class TicketDialog(Dialog):
    """Of an action on a ticket, or on a task or discovery of it."""

    back_label = "Back to the ticket"

    def __init__(
        self, action: Action, ticket: Ticket, typed: Mapping[str, str], refused: OmoiError | None = None
    ) -> None:
        super().__init__(action, typed, refused)
        self.ticket = ticket

    @property
    def back(self) -> str:
        return ticket_address(self.ticket.key)

    @property
    def name(self) -> str:
        return str(self.subject.key)

    @property
    def version(self) -> int:
        return int(self.ticket.version)

    @property
    def offered(self) -> dict[str, Any]:
        rated = self.subject if isinstance(self.subject, Task) else self.ticket
        return {"priority": rated.priority_name, **self.action.offered}

    @property
    def state(self) -> str:
        if isinstance(self.subject, Discovery):
            return "decided"
        return (
            super().state if isinstance(self.subject, Task) else self.ticket.phase.replace("_", " ").lower()
        )

    @property
    def standing(self) -> str:
        if self.subject == self.ticket:
            return f"It is now in {humanize.phase(self.ticket.phase)}"
        return super().standing

    @property
    def full(self) -> list[tuple[str, int]]:
        """The phases to choose from that are full, each with its limit."""
        return list(self.action.full.items()) if self.destinations and isinstance(self.action, Move) else []

    @property
    def destinations(self) -> Sequence[str]:
        """The phases to choose from."""
        action = self.action
        return action.destinations if isinstance(action, Move) and not action.to and action.available else ()

    @property
    def done(self) -> bool:
        if isinstance(self.action, Move) and self.moved:
            asked = self.moved[1] == (self.action.to or self.typed.get("to"))
            return asked and self.mine and bool(self.changed and self.changed.kind == self.action.event)
        return super().done

    @property
    def again(self) -> bool:
        to = self.typed.get("to")
        astray = to and isinstance(self.refused, LATE) and to not in self.destinations
        return super().again and not astray

    @property
    def moved(self) -> tuple[str, str] | None:
        """The phases from and to, if the other change was a move."""
        if not self.changed or self.changed.kind != "ticket.moved":
            return None
        return self.changed.data["from"], self.changed.data["to"]

    @property
    def done_to_it(self) -> str:
        return f"moved it {' → '.join(map(humanize.phase, self.moved))}" if self.moved else super().done_to_it

    @property
    def unmet(self) -> list[dict[str, Any]]:
        """The unmet checks of the gate, by name."""
        reasons = self.refused.more.get("unmet", []) if self.refused else []
        gate = self.ticket.plan[self.ticket.phase].gate if self.ticket.phase in self.ticket.plan else ()
        return [
            {
                "name": name_of(entry_of(gate, reason)),
                "got": result_text(reason),
                "how": capital(str(reason.get("how") or "")),
            }
            for reason in reasons
        ]
