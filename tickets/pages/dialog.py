"""The dialog of an action: its fields, its effects, and after a refusal the reason and what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from agents.models import Event, label
from omoi_site import humanize
from omoi_site.errors import Forbidden, OmoiError, VersionConflict
from tickets.models import AlreadyDecided, Discovery, NotReady, Task, Ticket
from tickets.models.ticket.fields import TransitionNotAllowed
from tickets.pages.actions.action import Action, Outdated
from tickets.pages.actions.moves import Move
from tickets.pages.forms import ActionForm
from tickets.pages.gate_checklist import capital, entry_of, name_of, result_text

DONE = {  # where the kind of an event does not read as an act on it
    "approval.changes_requested": "requested changes",
    "approval.given": "approved it",
    "discovery.decided": "decided it",
    "task.assigned": "reassigned it",
    "task.taken": "took it",
    "ticket.criterion_answered": "named the evidence of a criterion",
    "ticket.followed_up": "opened a follow-up",
    "ticket.workflow_changed": "changed the version of its workflow",
}
LATE = (
    VersionConflict,
    TransitionNotAllowed,
    NotReady,
    Outdated,
    AlreadyDecided,
)  # somebody else may have been faster


class Dialog:
    """typed: the data of the last try, which is kept in the form. refused: the error of that try."""

    def __init__(
        self, action: Action, ticket: Ticket, typed: Mapping[str, str], refused: OmoiError | None = None
    ) -> None:
        self.action = action
        self.ticket = ticket
        self.typed = typed
        self.refused = refused

    @property
    def subject(self) -> Any:
        return self.action.subject

    @property
    def title(self) -> str:
        label = self.action.label
        return f"{label}: {self.subject.key}" if " " in label else f"{label} {self.subject.key}"

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
            own = isinstance(self.subject, Task | Discovery)
            state = self.state if own else self.ticket.phase.replace("_", " ").lower()
            return f"{self.subject.key} is now {state}, so this is not possible"
        return self.action.denied

    @property
    def state(self) -> str:
        """What its subject, a task or a discovery, is now."""
        return "decided" if isinstance(self.subject, Discovery) else self.subject.state.lower()

    @cached_property
    def effects(self) -> Sequence[str]:
        return self.action.effects if self.action.available else ()

    @cached_property
    def form(self) -> ActionForm:
        """The form with what was typed, for the present state: sending it again applies to that."""
        initial = {
            "priority": self.ticket.priority_name,
            **{name: value for name, value in self.typed.items() if value},
            "version": self.ticket.version,
            "state": self.action.state,
        }
        form = self.action.form(initial=initial)
        if self.refused and "reason" in form.fields:
            form.fields["reason"].widget.attrs["aria-describedby"] = "refused"
        return form

    @property
    def plain_fields(self) -> Sequence[Any]:
        """The fields that are drawn one after the other."""
        fields = () if self.action.fields else self.form.visible_fields()
        return [field for field in fields if field.name != "past_limit"]

    @property
    def full(self) -> list[tuple[str, int]]:
        """The phases to choose from that are full, each with its limit."""
        return list(self.action.full.items()) if self.destinations and isinstance(self.action, Move) else []

    @property
    def destinations(self) -> Sequence[str]:
        """The phases to choose from."""
        action = self.action
        return action.destinations if isinstance(action, Move) and not action.to and action.available else ()

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
        if isinstance(self.action, Move) and self.moved:
            return self.moved[1] == (self.action.to or self.typed.get("to"))
        return self.action.is_made(self.typed)

    @property
    def again(self) -> bool:
        """Whether the form can be sent again: not if the action is done, or is no longer possible."""
        to = self.typed.get("to")
        astray = to and isinstance(self.refused, LATE) and to not in self.destinations
        return not (self.done or self.never_shown or astray)

    @property
    def never_shown(self) -> bool:
        """Whether the form was never shown, because its button was shown for another state."""
        return isinstance(self.refused, Outdated) and not self.typed

    @property
    def moved(self) -> tuple[str, str] | None:
        """The phases from and to, if the other change was a move."""
        if not self.changed or self.changed.kind != "ticket.moved":
            return None
        return self.changed.data["from"], self.changed.data["to"]

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
        what = f"moved it {' → '.join(map(humanize.phase, self.moved))}" if self.moved else ""
        reason = f" ({self.changed.reason})" if self.changed.reason else ""
        return f"{what or done_to_it(self.changed.kind)}{reason}"

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


def done_to_it(kind: str) -> str:
    """The act in an event's kind: ticket.edited gives "edited it"."""
    return DONE.get(kind) or f"{kind.rpartition('.')[2].replace('_', ' ')} it"
