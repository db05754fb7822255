"""Transitions: how a ticket goes from phase to phase.

Each move is a transition on a row from `locked()`, with its history row and its event.
"""

from __future__ import annotations

from django_fsm import RETURN_VALUE, transition

from agents.models import Actor, label, rights, via
from omoi_site import field_limits, humanize
from omoi_site.brokers import hints
from omoi_site.errors import Invalid
from tickets.models.attention.notice import Notice
from tickets.models.context.phase_context import Handover, PhaseContext
from tickets.models.gate.verdict import GateClosed, Verdict
from tickets.models.task.intervene import hold
from tickets.models.ticket import feedback, workflow_tasks
from tickets.models.ticket.acceptance import ANSWER
from tickets.models.ticket.destinations import Destinations
from tickets.models.ticket.fields import BlockedClass, TransitionNotAllowed, named
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.room import expect_room, make_room
from tickets.workflows.document import BLOCKED, CANCELLED

Ground = PhaseMove.Ground
# These moves enter a phase anew. After a block or a cancellation a ticket goes on where it was: its tasks
# stay as they are, and nobody is told again.
ENTERING = {Ground.UNGATED, Ground.VERDICT, Ground.BACK, Ground.FORCED}
FORCE = "gates:force"  # the right to bypass a gate
REASON = 10  # the minimum of visible characters in the reason of a forced act
WRITE = "tickets:write"
WAITS_FOR = "say what it waits for, in words"
# Each move with the right that it needs, and the minimum length of its reason.
MOVES = {
    "advance": (WRITE, 0),
    "send_back": (WRITE, 1),
    "unblock": (WRITE, 0),
    "reopen": (WRITE, 1),
    "block": (WRITE, 1),
    "cancel": (WRITE, 1),
    "force": (FORCE, REASON),
}
OTHERS = {"answer": ANSWER, "follow": "admin"}  # rights of verbs that are no moves, where it is not WRITE

CHANGED_BY_MOVES = [
    "phase",
    "version",
    "blocked_class",
    "blocked_reason",
    "feedback",
    "move_fault",
    "move_fault_at",
    "context",
    "summary",
    "updated_at",
]


class Transitions(Destinations):
    # set before a move: a person moves it in even if the phase is full; after it: whether it was full
    past_limit = False

    class Meta:
        abstract = True

    # -- moves: each runs on a row from `locked()`

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def advance(
        self, to: str | None = None, *, by: Actor, verdict: Verdict | None = None, reason: str = ""
    ) -> str:
        """Move on to `to`, or to the next phase. A gate needs a valid verdict, and no task of the phase may
        be open.

        To be done, no task of any phase may be open.
        """
        self.expect_permitted("advance", by)
        onward = self.destinations("advance")
        to = to or next(iter(onward), "")
        if to not in onward:
            raise TransitionNotAllowed(
                f"{self.key} cannot go on from {humanize.phase(self.phase)} to {humanize.phase(to)}; "
                f"it may go to {humanize.phases(onward) or 'no phase'}"
            )
        # check this before the verdict: a task that ends in between would invalidate it. A last phase needs
        # all tasks ended
        left = self.tasks.open() if self.plan[to].terminal else self.tasks.open().filter(phase=self.phase)
        count, phases = left.count(), humanize.phases(sorted(set(left.values_list("phase", flat=True))))
        if self.gated and not (verdict and verdict.holds_for(self)):
            raise GateClosed(self, verdict)
        if count:
            raise TransitionNotAllowed(
                f"{count} {'task' if count == 1 else 'tasks'} of {phases} {'is' if count == 1 else 'are'}"
                " still open",
                next_action=f"Complete or cancel {'it' if count == 1 else 'them'} first.",
            )
        if self.gated:
            return self._move(to, Ground.VERDICT, by=by, reason=reason, verdict=verdict)
        return self._move(to, Ground.UNGATED, by=by, reason=reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def send_back(self, to: str = "", *, by: Actor, reason: str) -> str:
        """Go back to `to`, or by one phase. Pending tasks of the left phase are held and its claims
        revoked. The refusal of its gate goes with it, as `feedback`.
        """
        self.expect_permitted("send_back", by)
        to = to or self.usual_destination("send_back")
        if to not in self.destinations("send_back"):
            raise TransitionNotAllowed(
                f"{self.key} cannot go back from {humanize.phase(self.phase)}"
                f"{f' to {humanize.phase(to)}' if to else ''}"
            )
        reason = field_limits.reason(reason, 1, "say why it is sent back")
        self._take_claims_back(by)
        return self._move(to, Ground.BACK, by=by, reason=reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def block(self, *, by: Actor, reason: str, cause: str = "") -> str:
        """Block it: its tasks cannot be claimed, but running claims go on.

        cause: one of `BlockedClass`. reason: what it waits for, in words.
        """
        self.expect_permitted("block", by)
        if not self.destinations("block"):
            raise TransitionNotAllowed(f"{self.key} is in {humanize.phase(self.phase)} and cannot be blocked")
        if cause not in BlockedClass.values:
            raise Invalid(f"say what blocks it: one of {', '.join(BlockedClass.values)}", field="class")
        self.blocked_class, self.blocked_reason = cause, field_limits.reason(reason, 1, WAITS_FOR)
        if not any(map(str.isalpha, self.blocked_reason)):
            raise Invalid(WAITS_FOR, field="reason")
        return self._move(BLOCKED, Ground.BLOCKED, by=by, reason=self.blocked_reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def unblock(self, to: str | None = None, *, by: Actor, reason: str = "") -> str:
        """Return to the phase it was blocked in, or to an earlier one."""
        self.expect_permitted("unblock", by)
        return self._return("unblock", BLOCKED, to, Ground.UNBLOCKED, by=by, reason=reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def cancel(self, *, by: Actor, reason: str) -> str:
        """Cancel it with all its open tasks."""
        self.expect_permitted("cancel", by)
        if not self.destinations("cancel"):
            raise TransitionNotAllowed(
                f"{self.key} is in {humanize.phase(self.phase)} and cannot be cancelled"
            )
        reason = field_limits.reason(reason, 1, "say why it is cancelled")
        self.tasks.open().cancel(by=by, reason=f"ticket cancelled: {reason}"[: field_limits.REASON])
        return self._move(CANCELLED, Ground.CANCELLED, by=by, reason=reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def reopen(self, to: str | None = None, *, by: Actor, reason: str) -> str:
        """Return from CANCELLED to the phase it was cancelled in, or to an earlier one. Its tasks stay
        cancelled.
        """
        self.expect_permitted("reopen", by)
        reason = field_limits.reason(reason, 1, "say why it is reopened")
        return self._return("reopen", CANCELLED, to, Ground.REOPENED, by=by, reason=reason)

    @transition(field="phase", source="*", target=RETURN_VALUE())
    def force(self, to: str, *, by: Actor, reason: str) -> str:
        """Put it into any phase of its workflow, without gates or order. This needs a separate right, and the
        reason stays visible.
        """
        self.expect_permitted("force", by)
        if to not in self.destinations("force"):
            raise TransitionNotAllowed(
                f"{self.key} is in {humanize.phase(self.phase)} and cannot be forced to {humanize.phase(to)}"
            )
        reason = field_limits.reason(
            reason, REASON, f"a forced move needs a reason of {REASON} characters or more"
        )
        self._take_claims_back(by)
        return self._move(to, Ground.FORCED, by=by, reason=reason)

    def move_to(
        self,
        to: str,
        *,
        by: Actor,
        reason: str = "",
        cause: str = "",
        force: bool = False,
        verdict: Verdict | None = None,
    ) -> None:
        """Make the move that leads to `to`, whichever verb that is."""
        to = named(to)
        if to not in self.plan and to not in (BLOCKED, CANCELLED):
            raise Invalid(f"{to} is not a phase of {self.workflow}", field="to")
        match self.verb_to(to, force=force):
            case "block":
                self.block(by=by, reason=reason, cause=cause)
            case "cancel":
                self.cancel(by=by, reason=reason)
            case "advance":
                self.advance(to, by=by, verdict=verdict, reason=reason)
            case verb:
                getattr(self, verb)(to, by=by, reason=reason)

    # -- what the moves share

    def expect_permitted(self, verb: str, by: Actor) -> None:
        rights.require(by, MOVES[verb][0] if verb in MOVES else OTHERS.get(verb, WRITE), self.project)

    def expect_movable(self) -> None:
        """Refuse to move an archived ticket."""
        if self.archived_at:
            raise TransitionNotAllowed(
                f"{self.key} is archived, so it cannot move",
                next_action=f"Restore it: POST /tickets/{self.key}/restore, or Restore tickets in the admin.",
            )

    def record_move(
        self,
        before: str | None,
        after: str,
        ground: str,
        *,
        by: Actor,
        reason: str = "",
        verdict: Verdict | None = None,
    ) -> PhaseMove:
        """Write the history row that the trigger requires. The database counts `moves` when the phase is
        saved.
        """
        artifacts = (
            {}
            if before is None
            else {f"{artifact.phase}/{artifact.name}": artifact.hash for artifact in self.artifacts.current()}
        )
        row: PhaseMove = self.history.create(
            move=0 if before is None else self.moves + 1,
            from_phase=before,
            to_phase=after,
            ground=ground,
            reason=reason,
            verdict=verdict,
            artifacts=artifacts,
            past_limit=self.past_limit,
            by=label(by),
            key=via(by),
        )
        return row

    def save_move(self) -> None:
        """Save it after a move with the next version: the columns that moves change, not its long texts."""
        self.version += 1
        self.save(update_fields=CHANGED_BY_MOVES)

    def _take_claims_back(self, by: Actor) -> None:
        """Revoke the claims of the phase that is left. For a BLOCKED ticket that is the phase it was blocked
        in, whose claims went on.
        """
        self.tasks.filter(phase=self.origin if self.phase == BLOCKED else self.phase).revoke(by=by)

    def _return(self, verb: str, state: str, to: str | None, ground: str, *, by: Actor, reason: str) -> str:
        if self.phase != state:
            raise TransitionNotAllowed(
                f"{self.key} is in {humanize.phase(self.phase)}, not in {humanize.phase(state)}"
            )
        origin = self.origin
        to = to or origin
        back = self.destinations(verb)
        if to not in back:
            raise TransitionNotAllowed(
                f"{self.key} came from {humanize.phase(origin)}"
                f" and can return only to {humanize.phases(back)}"
            )
        if to != origin:
            self._take_claims_back(by)
        return self._move(to, ground, by=by, reason=reason)

    def enter(self, phase: str, *, by: Actor) -> None:
        """Add the tasks with which its workflow begins this phase, and tell the roles it names there."""
        if tasks := workflow_tasks.entry_specs(self, phase):
            with workflow_tasks.in_document(f"phases.{phase}"):
                self.tasks.model.objects.insert(self, tasks, by=by, phase=phase)
        Notice.objects.tell(self, self.plan[phase].notified, phase=phase, by=by)

    def hand_over(self, phase: str, why: str, *, by: Actor, left: str = "") -> None:
        """Keep what was done in the phases before `phase` and in the one that is `left`, and build the brief
        for the work in `phase`.
        """
        moves = self.moves + bool(left)
        handover = Handover(self.pk, self.plan, phase, moves, frozenset({left} if left else ()))
        [brief] = PhaseContext.objects.hand_over([handover], why=why, by=by).values()
        self.context, self.summary = brief

    def _move(self, to: str, ground: str, *, by: Actor, reason: str, verdict: Verdict | None = None) -> str:
        self.expect_movable()
        self.past_limit = expect_room(self, to, by=by, past_limit=self.past_limit or ground == Ground.FORCED)
        before, data = self.phase, {"from": self.phase, "to": to, "ground": ground}
        origin = self.effective_phase
        left = origin if to in self.plan else to
        returns = left in self.plan and self.plan[to].position < self.plan[left].position
        if returns and (verdict := feedback.last_refusal(self, left)):
            data |= {"verdict": verdict.pk, "unmet": [reason["code"] for reason in verdict.unmet]}
        if self.past_limit:
            data["past_limit"] = True
        row = self.record_move(before, to, ground, by=by, reason=reason, verdict=verdict)
        if returns:
            feedback.attach(self, row, left)
        self.hand_over(to if to in self.plan else origin, PhaseContext.Why.MOVED, by=by, left=origin)
        if to != BLOCKED:
            self.blocked_class = self.blocked_reason = ""
        self.move_fault, self.move_fault_at = "", None
        self.record("ticket.moved", by=by, reason=reason, data=data)
        if self.plan.notifies:
            Notice.objects.note_act(self, by=by)
        if ground in ENTERING:
            self.enter(to, by=by)
        hold(self, phase=to)
        if to in self.plan and self.plan[to].automatic:
            hints.send("advance_tickets", [self.pk])
        make_room(self.project_id, self.plan, before)
        return to
