"""The form of an act: what it asks, what it would do, and after a refusal why, and what has changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.urls import reverse

from agents.models import Event, label, rights
from omoi_site.errors import Forbidden, OmoiError, VersionConflict
from tickets.models import NotReady, Task, Ticket
from tickets.models.ticket.record import BlockedClass, Priority, TransitionNotAllowed
from tickets.pages import actions
from tickets.pages.gate_checklist import capital, name_of, told
from tickets.workflows.document import BLOCKED, CANCELLED

LATE = (
    VersionConflict,
    TransitionNotAllowed,
    NotReady,
    actions.Outdated,
)  # refusals that another's act may be behind


class Asking:
    """`typed` is what came with the last try, which is kept."""

    def __init__(
        self,
        act: actions.Act,
        ticket: Ticket,
        subject: Any,
        who: Any,
        refused: OmoiError | None,
        typed: Mapping[str, str],
    ) -> None:
        self.act = act
        self.ticket = ticket
        self.subject = subject
        self.refused = refused
        self.typed = typed
        self.who = label(who)
        self.scopes = rights.scopes(who, ticket.project)

    @property
    def address(self) -> str:
        if isinstance(self.subject, Task):
            return reverse("task_act", args=[self.ticket.key, self.subject.pk, self.act.word])
        return reverse("act", args=[self.ticket.key, self.act.word])

    @property
    def title(self) -> str:
        return (
            f"{self.act.says} {self.subject.key}"
            if " " not in self.act.says
            else f"{self.act.says}: {self.subject.key}"
        )

    @property
    def refusal(self) -> str:
        """Why it was refused, in a sentence: a missing right by the role that has it."""
        if isinstance(self.refused, Forbidden):
            return actions.why_not(self.act, self.scopes) or self.refused.message
        return self.refused.message if self.refused else ""

    @property
    def why_not(self) -> str:
        """What keeps this person from it now, the state of things before the right."""
        if not self.act.fits(self.subject):
            stands = (
                self.subject.state
                if isinstance(self.subject, Task)
                else self.ticket.phase.replace("_", " ").lower()
            )
            return f"{self.subject.key} is {stands} now: this cannot be done to it"
        return actions.why_not(self.act, self.scopes)

    @cached_property
    def effect(self) -> Sequence[str]:
        return self.act.effect(self.subject) if self.act.fits(self.subject) else ()

    @property
    def effects_to(self) -> list[tuple[str, Sequence[str]]]:
        """What more it does for each phase it may lead to."""
        return (
            [(way, self.act.effect_to(self.subject, way)) for way in self.ways] if self.act.effect_to else []
        )

    @cached_property
    def ways(self) -> Sequence[str]:
        return self.act.to(self.ticket) if self.act.to and self.act.fits(self.subject) else ()

    @property
    def way(self) -> str:
        """The phase that is chosen at first."""
        return self.typed.get("to", "") or (self.ways[0] if self.ways and self.act.word != "force" else "")

    @property
    def classes(self) -> list[tuple[str, str]]:
        return BlockedClass.choices

    @property
    def priorities(self) -> list[str]:
        return [name.lower() for name in Priority.names]

    @property
    def priority(self) -> str:
        return self.typed.get("priority", "") or self.ticket.priority_name

    @cached_property
    def changed(self) -> Event | None:
        """Who was faster, where that may be what stands behind the refusal."""
        return actions.last_change(self.act, self.subject) if isinstance(self.refused, LATE) else None

    @property
    def mine(self) -> bool:
        """Whether who asks was that."""
        return bool(self.changed and self.changed.actor == self.who)

    @property
    def done(self) -> bool:
        """Whether it was this very act: the answer was lost, or it was sent twice."""
        if not (self.mine and self.changed and self.changed.kind == self.act.leaves):
            return False
        if "priority" in self.act.asks:  # an edit may have been of something else
            return self.typed.get("priority") == self.ticket.priority_name
        goal = self.typed.get("to") or {"block": BLOCKED, "cancel": CANCELLED}.get(self.act.word)
        return not self.moved or self.moved[1] == goal

    @property
    def again(self) -> bool:
        """Whether the form makes sense once more: not when it is done, nor when it leads nowhere from here."""
        to = self.typed.get("to")
        astray = to and isinstance(self.refused, LATE) and to not in self.ways
        return not (self.done or self.asks_nothing or astray)

    @property
    def asks_nothing(self) -> bool:
        """Whether the form was not even shown: its button was drawn for another state."""
        return isinstance(self.refused, actions.Outdated) and not self.typed

    @property
    def state(self) -> str:
        return self.act.state(self.subject)

    @property
    def moved(self) -> tuple[str, str] | None:
        """From where to where, when the other moved it."""
        data = self.changed.data if self.changed else {}
        return (data["from"], data["to"]) if "from" in data and "to" in data else None

    @property
    def unmet(self) -> list[dict[str, Any]]:
        """What the gate lacks, by name."""
        reasons = self.refused.more.get("unmet", []) if self.refused else []
        return [
            {
                "name": name_of(self._entry(reason)),
                "got": told(reason),
                "how": capital(str(reason.get("how") or "")),
            }
            for reason in reasons
        ]

    def _entry(self, reason: Mapping[str, Any]) -> dict[str, Any]:
        """The gate's entry a reason belongs to, for its parameters."""
        gate = self.ticket.plan[self.ticket.phase].gate if self.ticket.phase in self.ticket.plan else ()
        same = [asked for asked in gate if asked["check"] == reason["check"]]
        typed = [asked for asked in same if asked.get("type") == reason.get("need")]
        return (typed or same or [{"check": reason["check"]}])[0]
