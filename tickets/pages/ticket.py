"""The ticket page: all its data, read in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models import Artifact, PhaseMove, Tally, Task, Ticket
from tickets.models.ticket.acceptance import Criterion
from tickets.models.ticket.past_phases import FOLLOW_UP
from tickets.models.ticket.room import Limit, limits
from tickets.pages import actions
from tickets.pages.actions import Action
from tickets.pages.actions.action import Permissions
from tickets.pages.approvals import Approvals
from tickets.pages.artifact_list import OpenArtifact
from tickets.pages.cause_display import STALLED, CauseDisplay, with_displays
from tickets.pages.comments import Comments
from tickets.pages.discoveries import Discoveries
from tickets.pages.feedback import Feedback, feedback_of
from tickets.pages.gate_checklist import Gate, Row, gate_of, who_and_when
from tickets.pages.late_display import LateDisplay, late_display
from tickets.pages.stepper import Step, effective_phase, steps_of
from tickets.pages.task_list import TaskList
from tickets.pages.timeline import Timeline
from tickets.workflows.document import BLOCKED, CANCELLED

FIXES = {"phase": "unblock", "pause": "resume", "limit": "retry-failed"}  # the action that resolves a cause
MOVES = sql.statement(__file__, "moves")
ARTIFACTS = sql.statement(__file__, "current_artifacts")
RELATED = sql.statement(__file__, "related_tickets")
CAUSES, MOST_CAUSES = 3, 6  # number of causes shown
LATE = 3  # late tasks shown above the list of tasks


class RelatedTicket(NamedTuple):
    """`relation`: parent, part, or link and its kind; or schedule, with its id as `key` and the name of its
    template. `incoming`: the link leads from there to here.
    """

    relation: str
    incoming: bool
    key: str
    title: str
    phase: str

    @property
    def link(self) -> str:
        """The kind of the link; empty if it is none."""
        return self.relation.removeprefix("link ") if self.relation.startswith("link ") else ""

    @property
    def heading(self) -> str:
        """How the other ticket is linked, in words."""
        if self.link == FOLLOW_UP:
            return "Followed up by" if self.incoming else "Follow-up of"
        return f"{humanize.phase(self.link)}{' (from)' if self.incoming else ''}"


class TicketPage:
    """`query` is the query of the address; see TaskList, Timeline and Comments."""

    def __init__(self, ticket: Ticket, who: Any, query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.who = who
        self.permissions = Permissions(ticket, who)
        if ticket.asks_for_approvals:
            # first: what changes while the rest is read is not what they decide on
            _ = self.permissions.standing
        self.comments = Comments(ticket, query)
        self.query = query

    # -- its phase

    @cached_property
    def tally(self) -> Tally:
        return Task.objects.tallies([self.ticket.pk]).get(self.ticket.pk, Tally())

    @cached_property
    def moves(self) -> list[PhaseMove]:
        """Its moves, with the number of `checks` of the gate that they passed."""
        return list(PhaseMove.objects.raw(MOVES, [self.ticket.pk]))

    @cached_property
    def steps(self) -> list[Step]:
        return steps_of(self.ticket, self.moves)

    @property
    def blocked(self) -> bool:
        return self.ticket.phase == BLOCKED

    @property
    def over(self) -> bool:
        """Whether it has ended, so that nobody is asked for anything."""
        return bool(self.ticket.closed or self.ticket.archived_at)

    @property
    def halt(self) -> str:
        """How its present step is drawn: halted, over, or empty where work goes on."""
        return {BLOCKED: "halted", CANCELLED: "over"}.get(self.ticket.phase, "")

    @property
    def halt_word(self) -> str:
        return f", {humanize.phase(self.ticket.phase).lower()}" if self.halt else ""

    @property
    def opened(self) -> PhaseMove:
        return self.moves[0]

    # -- why it is not moving

    @cached_property
    def explained(self) -> list[dict[str, Any]]:
        """Every cause of the ticket and its open tasks."""
        causes: list[dict[str, Any]] = self.explanation["causes"]
        return causes

    @cached_property
    def explanation(self) -> dict[str, Any]:
        return Ticket.objects.explanation(self.ticket, page=self.ticket.key)

    @cached_property
    def causes(self) -> list[dict[str, Any]]:
        """The causes, each with the action that would resolve it, if there is one."""
        causes = with_displays(self.explained)
        return [{**cause, "display": self.display_of(cause), "fix": self.fix(cause)} for cause in causes]

    def display_of(self, cause: Mapping[str, Any]) -> CauseDisplay:
        """How a cause is drawn here: a block and a failed automatic move are serious, a phase without work is
        not.
        """
        display: CauseDisplay = cause["display"]
        if cause["code"] != "phase":
            return display
        if self.blocked:
            return replace(display, tone="warn", icon="octagon-x")
        if self.ticket.move_fault and not self.of_a_task(cause):
            return replace(display, tone=STALLED[0], icon=STALLED[1])
        return display

    @property
    def shown_causes(self) -> list[dict[str, Any]]:
        """All causes that need a person, and as many of the others as fit."""
        first = [cause for cause in self.causes if cause["who"] == "operator"]
        others = [cause for cause in self.causes if cause["who"] != "operator"]
        return [*first, *others[: max(0, CAUSES - len(first))]][:MOST_CAUSES]

    @property
    def causes_left(self) -> int:
        return len(self.causes) - len(self.shown_causes)

    @cached_property
    def late(self) -> list[LateDisplay]:
        """Its open tasks that are late, the earliest deadlines first."""
        return [late_display(late) for late in self.explanation["late"]]

    @property
    def shown_late(self) -> list[LateDisplay]:
        return self.late[:LATE]

    @property
    def late_left(self) -> int:
        return max(0, len(self.late) - LATE)

    def of_a_task(self, cause: Mapping[str, Any]) -> bool:
        return bool(cause["what"].startswith(f"{self.ticket.key}."))

    def fix(self, cause: Mapping[str, Any]) -> Action | None:
        of_the_project = cause["code"] == "pause" and cause["what"].startswith("project ")
        name = "" if self.of_a_task(cause) or of_the_project else FIXES.get(cause["code"], "")
        return self.actions.get(name)

    # -- actions

    @cached_property
    def actions(self) -> dict[str, Action]:
        """The possible actions on the ticket, by name."""
        kinds = [kind for kind in actions.TICKET if self.tally.failed or kind.name != "retry-failed"]
        return {action.name: action for action in self.available(kinds, self.ticket)}

    def actions_of(self, task: Task) -> list[Action]:
        return self.available(actions.TASK, task)

    def available(self, kinds: Sequence[type[Action]], subject: Any) -> list[Action]:
        every = [kind(subject, self.who, self.permissions) for kind in kinds]
        return [action for action in every if action.available]

    @property
    def main_action(self) -> Action | None:
        names = ("advance", "unblock", "reopen", "follow-up")
        return next((self.actions[name] for name in names if name in self.actions), None)

    @property
    def menu(self) -> list[Action]:
        names = ["edit", "pause", "resume", "block", "back", "priority", "cancel", "force", "archive"]
        return [self.actions[name] for name in names if name in self.actions]

    @property
    def decisions(self) -> list[Action]:
        """What a person may decide about what it shows, the approval first."""
        names = ("approve", "request-changes", "reject")
        return [self.actions[name] for name in names if name in self.actions]

    @property
    def read_only(self) -> bool:
        """Whether this person cannot change it at all; everybody may see what they are told."""
        changes = [action for name, action in self.actions.items() if name != "seen"]
        return bool(changes) and all(action.denied for action in changes)

    @property
    def why_not_advance(self) -> str:
        """Why an advance would be refused; empty if it can be tried."""
        if self.gate and self.gate.closed:
            failed = self.gate.counts["failed"]
            return f"{failed} check{' does' if failed == 1 else 's do'} not pass"
        return ""

    @cached_property
    def limit(self) -> Limit | None:
        """How many tickets may stand in its phase, and do."""
        found = limits(self.ticket.project_id, [self.ticket.workflow])
        return next((each for each in found if each.phase == self.ticket.phase), None)

    # -- the gate and its evidence

    @cached_property
    def criteria(self) -> list[Criterion]:
        return self.ticket.criteria

    @cached_property
    def artifacts(self) -> list[Artifact]:
        """The newest revisions, the latest first, with the `size` of their content."""
        return list(Artifact.objects.raw(ARTIFACTS, [self.ticket.pk]))

    @cached_property
    def open_artifact(self) -> OpenArtifact:
        return OpenArtifact(self.artifacts, self.query)

    @cached_property
    def gate(self) -> Gate | None:
        phase = effective_phase(self.ticket, self.moves)
        if phase not in self.ticket.plan:
            return None
        return gate_of(self.ticket, self.ticket.plan[phase], self.artifacts, self.tally)

    @cached_property
    def approvals(self) -> Approvals:
        return Approvals(self.ticket, self.permissions, self.artifacts)

    @property
    def asks_for_evidence(self) -> bool:
        """Whether this person is asked to submit what the gate reads."""
        return not (self.over or self.blocked or self.read_only)

    @property
    def checks(self) -> list[tuple[Row, str, datetime | None]]:
        return [(row, *who_and_when(row, self.gate)) for row in self.gate.rows] if self.gate else []

    @property
    def feedback(self) -> list[Feedback]:
        """Why it came back to this phase."""
        return feedback_of(self.ticket, effective_phase(self.ticket, self.moves))

    # -- tasks, timeline and the rest

    @cached_property
    def tasks(self) -> TaskList:
        return TaskList(self.ticket, self.tally, self.query, self.explained, self.actions_of)

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.ticket, self.moves, self.query)

    @property
    def topics(self) -> str:
        """Its own topic and those of the tickets that its tasks wait for."""
        return " ".join(f"ticket:{key}" for key in [self.ticket.key, *self.tasks.awaited_tickets[:50]])

    @property
    def from_the_demo(self) -> bool:
        """Whether the demo opened it, so it was not imported."""
        return self.ticket.source == "demo"

    # -- what was found on the way

    @cached_property
    def discoveries(self) -> Discoveries:
        return Discoveries(self.ticket, self.query, lambda found: self.available(actions.DISCOVERY, found))

    # -- related tickets

    @cached_property
    def related(self) -> list[RelatedTicket]:
        return [RelatedTicket._make(row) for row in sql.tuples(RELATED, {"ticket": self.ticket.pk})]

    @property
    def parent(self) -> RelatedTicket | None:
        return next((other for other in self.related if other.relation == "parent"), None)

    @property
    def schedule(self) -> RelatedTicket | None:
        """The schedule that opened it."""
        return next((other for other in self.related if other.relation == "schedule"), None)

    @property
    def children(self) -> list[RelatedTicket]:
        return [other for other in self.related if other.relation == "part"]

    @property
    def links(self) -> list[RelatedTicket]:
        return [other for other in self.related if other.link]
