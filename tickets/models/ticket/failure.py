"""What the workflow does when work fails: its gate refuses after all work is done, or a person rejects it.

No act leads on: it adds tasks, sends the ticket back, blocks it, or leaves it where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F

from omoi_site import field_limits, humanize
from omoi_site.database import sql
from omoi_site.errors import OmoiError, short
from tickets.gates.check_names import name_of
from tickets.models.gate import approval_state
from tickets.models.gate.check_run import WORKFLOW
from tickets.models.gate.verdict import Verdict
from tickets.models.ticket import workflow_tasks
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.room import PhaseFull

FAILED = """jsonb_path_exists(checks, '$[*] ? (@.passed == false && @.check != "approvals")')"""
REVIEW = "system:review"  # who makes the moves that follow a person's rejection


@dataclass(frozen=True)
class Answer:
    """What follows a failure. `act`: tasks, send_back, block or stay. `to`: the phase it is sent back to.

    done, rounds: how often `tasks` or `send_back` has been done already, and how often it may be.
    """

    act: str
    to: str = ""
    done: int = 0
    rounds: int = 0
    rule: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What will happen, for people; empty if the ticket stays."""
        often = f" ({self.done} of {self.rounds} times so far)"
        match self.act:
            case "tasks":
                return f"tasks are added to put it right{often}"
            case "send_back":
                return f"the ticket goes back to {humanize.phase(self.to)} by itself{often}"
            case "block":
                return f"the ticket is blocked ({humanize.phase(self.rule['block']).lower()})"
        return ""


def next_answer(ticket: Any, *, refusal: Verdict | None = None) -> Answer:
    """What follows when its gate refuses the next time; `refusal`: the verdict that has just done so."""
    rule = _rule(ticket)
    rounds = rule.get("rounds", 1)
    if "tasks" in rule and (done := _refusals(ticket, refusal)) < rounds:
        return Answer("tasks", "", done, rounds, rule)
    if "send_back" in rule and (done := _sent_back(ticket)) < rounds:
        return Answer("send_back", rule["send_back"], done, rounds, rule)
    if "block" in rule and not (refusal and _blocked_before(ticket, refusal)):
        return Answer("block", rule=rule)
    return Answer("stay", rule=rule)


def follow_refusal(ticket: Any, verdict: Verdict) -> None:
    """Do what follows this refusal of its gate, and save it. The ticket must be locked."""
    unmet = ", ".join(name_of(check) for check in verdict.checks if not check["passed"])
    reason = f"Checks of {humanize.phase(ticket.phase)} that did not pass: {unmet}"
    _follow(ticket, next_answer(ticket, refusal=verdict), by=WORKFLOW, reason=reason)


def follow_rejection(ticket: Any, *, reason: str) -> None:
    """Like `follow_refusal`, after a person rejected the ticket's work; `reason` says who, and why.

    The rounds of the document do not count here: a person stands in the way of every round.
    """
    rule = _rule(ticket)
    act = next((act for act in ("tasks", "send_back", "block") if act in rule), "stay")
    _follow(ticket, Answer(act, rule.get("send_back", ""), rule=rule), by=REVIEW, reason=reason)


def follow_again(ticket: Any) -> None:
    """Do what a full phase kept from following, if the refusal still stands, and save it. The ticket must be
    locked.
    """
    decided = approval_state.decided(ticket.pk, ticket.phase)
    if decided and not decided[-1].counts:
        follow_rejection(ticket, reason=approval_state.refusal(decided[-1]))
        return
    verdict = ticket.verdicts.filter(move=ticket.moves, by=WORKFLOW).order_by("-pk").first()
    if verdict and not verdict.passed and not verdict.stale_for(ticket):
        follow_refusal(ticket, verdict)


def _rule(ticket: Any) -> dict[str, Any]:
    return (ticket.plan[ticket.phase].on_failure if ticket.phase in ticket.plan else None) or {}


def _follow(ticket: Any, answer: Answer, *, by: str, reason: str) -> None:
    """A fault, such as a missing profile, is recorded: the refusal stands, and says what is missing. Into a
    full phase the ticket goes back once there is room (`Ticket.objects.fill`).
    """
    try:
        with transaction.atomic():
            if _moves(ticket, answer, by=by, reason=reason):
                ticket.save_move()
    except OmoiError as fault:
        if isinstance(fault, PhaseFull):
            since = ticket.move_fault_at or sql.ClockTimestamp()
            # not an edit, so its version stays
            type(ticket).objects.filter(pk=ticket.pk).update(move_fault=fault.message, move_fault_at=since)
            return
        ticket.record("ticket.mend_failed", by=by, reason=fault.message)


def _moves(ticket: Any, answer: Answer, *, by: str, reason: str) -> bool:
    """Do it; returns whether the ticket moved."""
    why = short(reason, field_limits.REASON)
    match answer.act:
        case "tasks":
            specs = workflow_tasks.specs(ticket, tuple(answer.rule["tasks"]), ticket.phase)
            with workflow_tasks.in_document(f"phases.{ticket.phase}.on_failure"):
                ticket.tasks.model.objects.insert(ticket, specs, by=by)
        case "send_back":
            ticket.send_back(answer.to, by=by, reason=why)
        case "block":
            ticket.block(by=by, reason=why, cause=answer.rule["block"])
    return answer.act in ("send_back", "block")


def _refusals(ticket: Any, but: Verdict | None) -> int:
    """How often its gate has refused during this stay. Verdicts that a person asked for do not count, nor
    those that only lack approvals.
    """
    refused = ticket.verdicts.filter(move=ticket.moves, passed=False, by=WORKFLOW).extra(where=[FAILED])
    return int((refused.exclude(pk=but.pk) if but else refused).count())


def _sent_back(ticket: Any) -> int:
    """How often it went back from this phase by itself, ever: so it cannot go round for ever."""
    ground = PhaseMove.Ground.BACK
    return int(ticket.history.filter(from_phase=ticket.phase, ground=ground, by=WORKFLOW).count())


def _blocked_before(ticket: Any, verdict: Verdict) -> bool:
    """Whether the workflow has blocked it for the same before, artifacts and reasons: a person who unblocks
    has seen it. The digest of the evidence would be another, since a worker's answer is new each time.
    """
    blocks = ticket.history.filter(from_phase=ticket.phase, ground=PhaseMove.Ground.BLOCKED, by=WORKFLOW)
    same = ticket.verdicts.filter(by=WORKFLOW, artifacts=verdict.artifacts, checks=verdict.checks)
    return bool(same.filter(move__in=blocks.values(judged=F("move") - 1)).exists())
