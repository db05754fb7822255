"""What people may do to a ticket or a task on its page. Each act asks for what its verb needs, says its effect in numbers, and calls the verb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Count, Sum

from agents.models import Event, rights
from omoi_site import limits, spoken
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound, OmoiError
from tickets.models import NotReady, Task, Ticket, TicketSpec
from tickets.models.ticket.record import BlockedClass, Priority, TransitionNotAllowed
from tickets.models.ticket.transitions import REASON
from tickets.workflows.document import BLOCKED, CANCELLED

LONGEST_PHASE = 60  # characters of a phase's name
WRITES = "tickets:write"


class Outdated(OmoiError):
    """The act was offered for a state that is over."""

    code = "outdated"
    title = "This has changed since the page was drawn"


@dataclass(frozen=True)
class Given:
    """What a form brought. `version`: the one its page showed; None where that does not matter."""

    by: Any
    to: str = ""
    reason: str = ""
    cause: str = BlockedClass.DEPENDENCY
    priority: str = ""
    version: int | None = None
    state: str = ""  # of what its version says nothing of; empty where that does not matter

    @classmethod
    def of(cls, query: Mapping[str, str], by: Any) -> Given:
        if strange := [name for name in query if "\x00" in query[name]]:
            raise Invalid("this is not text", field=strange[0])
        if len(query.get("to", "")) > LONGEST_PHASE:
            raise Invalid("there is no such phase", field="to")
        reason, version = limits.reason(query.get("reason", "")), query.get("version", "")
        number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
        cause, priority = query.get("class", BlockedClass.DEPENDENCY), query.get("priority", "")
        return cls(by, query.get("to", ""), reason, cause, priority, number, query.get("state", ""))


@dataclass(frozen=True)
class Act:
    """`word` stands in its address, `says` on its button. `run` answers what was done, in a sentence."""

    word: str
    says: str
    icon: str
    run: Callable[[Any, Given], str]
    fits: Callable[[Any], bool]
    effect: Callable[[Any], Sequence[str]] = lambda subject: ()
    to: Callable[[Any], Sequence[str]] | None = None
    asks: frozenset[str] = frozenset()  # class, priority
    effect_to: Callable[[Any, str], Sequence[str]] | None = (
        None  # what more it does where it leads to that phase
    )
    reason: str = ""  # its label; empty: none is asked for
    least: int = 0  # characters the reason must have; 0: it may be left out
    most: ClassVar[int] = limits.REASON
    scope: str = WRITES
    tone: str = "pri"
    direct: bool = False  # the button does it at once, nothing is asked
    state: Callable[[Any], str] = lambda subject: ""  # what it is bound to beside the ticket's version
    leaves: str = "ticket.moved"  # the kind of event that tells of it

    def perform(self, subject: Any, given: Given) -> str:
        """Do it, if the giver has the right to and it is what it was when it was offered; a move that is refused leaves its trace."""
        if self.to is not None:
            with Ticket.objects.told_if_refused(subject.pk, given.to or subject.phase, by=given.by):
                self.expect(subject, given)
        else:
            self.expect(subject, given)
        return self.run(subject, given)

    def expect(self, subject: Any, given: Given) -> None:
        """Refuse what the giver may not do, and what has become another act meanwhile: a move is known by where it leads alone."""
        rights.need(given.by, self.scope, subject.project)
        expect_state(self.state(subject), given)
        if isinstance(subject, Ticket):
            self.expect_of_ticket(subject, given)

    def expect_of_ticket(self, ticket: Ticket, given: Given) -> None:
        ticket.expect(given.version)
        if not self.fits(ticket):
            raise TransitionNotAllowed(
                f"{ticket.key} is {standing(ticket)}: to {self.says.lower()} is not possible there"
            )
        if self.to and given.to and given.to not in (ways := self.to(ticket)):
            raise TransitionNotAllowed(
                f"{ticket.key} cannot go to {spoken.phase(given.to)} by this; it may go to {spoken.phases(ways) or 'no phase'}"
            )


@dataclass(frozen=True)
class Offer:
    """An act on the page. `why_not` tells what keeps this person from it; empty: nothing."""

    act: Act
    why_not: str = ""


def offers(acts: Sequence[Act], subject: Any, scopes: frozenset[str]) -> dict[str, Offer]:
    """The acts that fit, by word; the rights are only mirrored here, the verb's door asks again."""
    return {act.word: Offer(act, why_not(act, scopes)) for act in acts if act.fits(subject)}


def standing(ticket: Ticket) -> str:
    """In a word, for a sentence."""
    return "paused" if ticket.paused else f"in {spoken.phase(ticket.phase)}"


def why_not(act: Act, scopes: frozenset[str]) -> str:
    if act.scope in scopes:
        return ""
    role = "an operator" if act.scope == WRITES else "an administrator"
    return f"To do this takes the role of {role} of the project, which you do not have here"


def last_change(act: Act, subject: Any) -> Event | None:
    """Who changed the ticket or task last, and how: for whoever was too late. Of an act that changes neither, who did it last."""
    ticket, name = (
        (subject.ticket_key, f"task:{subject.pk}")
        if isinstance(subject, Task)
        else (subject.key, subject.topic)
    )
    told = Event.objects.filter(topic=f"ticket:{ticket}").order_by("-xid", "-id")
    if isinstance(subject, Ticket) and not act.leaves.startswith("ticket."):
        return told.filter(kind=act.leaves).first()
    return told.filter(subject=name).exclude(kind__in=QUIET).first()


def expect_state(state: str, given: Given) -> None:
    if given.state and given.state != state:
        raise Outdated("this has changed since the button was drawn: nothing was done")


def offered_at(ticket: Ticket, moves: str) -> None:
    """Refuse to ask for an act whose button was drawn before the ticket moved: it said something else. `moves`: how often it had; empty: whatever."""
    if moves and moves != str(ticket.moves):
        raise Outdated(f"{ticket.key} has moved since this button was drawn: nothing was done")


QUIET = ["ticket.move_refused", "ticket.move_failed", "gate.judged", "artifact.handed_in"]

# -- moves


def moving(ticket: Ticket, given: Given, **how: Any) -> str:
    if not given.to:
        raise Invalid("choose where it shall go", field="to")
    Ticket.objects.move(ticket.pk, given.to, by=given.by, reason=given.reason, version=given.version, **how)
    return f"{ticket.key} is in {spoken.phase(given.to)} now"


def to_phase(ticket: Ticket, given: Given) -> str:
    return moving(ticket, given)


def forced(ticket: Ticket, given: Given) -> str:
    return f"{moving(ticket, given, force=True)}, forced"


def block(ticket: Ticket, given: Given) -> str:
    moving(ticket, Given(given.by, BLOCKED, given.reason, version=given.version), cause=given.cause)
    return f"{ticket.key} is blocked"


def cancel(ticket: Ticket, given: Given) -> str:
    moving(ticket, Given(given.by, CANCELLED, given.reason, version=given.version))
    return f"{ticket.key} is cancelled"


def judge(ticket: Ticket, given: Given) -> str:
    verdict = Ticket.objects.judge(pk=ticket.pk, by=given.by)
    failed = sum(not check["passed"] for check in verdict.checks)
    return (
        "Every check passes"
        if verdict.passed
        else f"{counted(failed, 'check')} of {len(verdict.checks)} {'does' if failed == 1 else 'do'} not pass"
    )


# -- other changes


def under_lock(verb: str, said: str) -> Callable[[Ticket, Given], str]:
    def run(ticket: Ticket, given: Given) -> str:
        Ticket.objects.act(ticket.pk, verb, by=given.by, version=given.version, reason=given.reason)
        return f"{ticket.key} {said}"

    return run


def prioritise(ticket: Ticket, given: Given) -> str:
    if given.priority.upper() not in Priority.names:
        raise Invalid(f"one of {', '.join(name.lower() for name in Priority.names)}", field="priority")
    Ticket.objects.act(
        ticket.pk, "edit", by=given.by, version=given.version, priority=Priority[given.priority.upper()]
    )
    return f"{ticket.key} has priority {given.priority.lower()} now"


@sql.atomic
def follow_up(ticket: Ticket, given: Given) -> str:
    opened = Ticket.objects.open(ticket.project, TicketSpec(given.reason, follow_up=ticket), by=given.by)
    return f"{opened.key} follows {ticket.key} up"


def retry_failed(ticket: Ticket, given: Given) -> str:
    reason = needed(given.reason, "say why they are tried again")
    with Ticket.objects.held(pk=ticket.pk):
        failed = Task.objects.filter(ticket=ticket, state="failed")
        list(failed.order_by("id").select_for_update(no_key=True).values("pk"))
        expect_state(failed_of(ticket), given)
        gone = failed.retry(by=given.by, reason=reason)
    if not gone:
        raise NotReady(
            f"no task of {ticket.key} has failed",
            next_action="somebody else may have retried them: look at the tasks",
        )
    return f"{counted(len(gone), 'task')} back in the queue"


def of_task(verb: str, said: str, refusal: str) -> Callable[[Task, Given], str]:
    @sql.atomic
    def run(task: Task, given: Given) -> str:
        reason = needed(given.reason, "say why")
        with Ticket.objects.held(pk=task.ticket_id):  # a ticket comes before its tasks
            now = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
            expect_state(state_of(now), given)
            if not getattr(Task.objects.filter(pk=task.pk), verb)(by=given.by, reason=reason):
                raise NotReady(f"task {task.key} is {now.state}: {refusal}")
        return f"{task.key} {said}"

    return run


def needed(reason: str, why: str) -> str:
    if not reason:
        raise Invalid(why, field="reason")
    return reason


# -- states an act is bound to


def state_of(task: Task) -> str:
    return str(task.events)


def failed_of(ticket: Ticket) -> str:
    """Which tasks have failed, and in which try."""
    failed = ticket.tasks.filter(state="failed").aggregate(
        number=Count("pk"), events=Sum("events", default=0)
    )
    return f"{failed['number']}.{failed['events']}"


def judged_of(ticket: Ticket) -> str:
    return str(ticket.verdicts.order_by("-id").values_list("pk", flat=True).first() or 0)


# -- effects, in numbers


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def states(ticket: Ticket) -> Counter[str]:
    """Tasks of the phase the ticket stands in, by state; pending ones an agent could be granted count as ready."""
    counts: Counter[str] = Counter()
    for state, open_needs, asleep, held in ticket.tasks.filter(phase=ticket.phase).values_list(
        "state", "open_needs", "asleep", "held"
    ):
        counts[state] += 1
        counts["ready"] += state == "pending" and not (open_needs or asleep or held)
    return counts


def of_advance(ticket: Ticket) -> list[str]:
    counts, gate = states(ticket), ticket.plan[ticket.phase].gate
    left = counts["pending"] + counts["claimed"]
    judged = (
        f"The gate is judged first: {counted(len(gate), 'check')}."
        if gate
        else f"{spoken.phase(ticket.phase)} has no gate."
    )
    open_left = f"{counted(left, 'task')} of this phase {'is' if left == 1 else 'are'} still open and must be completed or cancelled first."
    return [judged, *([open_left] if left else [])]


def of_leaving(ticket: Ticket) -> list[str]:
    counts = states(ticket)
    return [
        f"{counted(counts['claimed'], 'claim')} {'is' if counts['claimed'] == 1 else 'are'} taken back, "
        f"{counted(counts['pending'] + counts['claimed'], 'open task')} of this phase held until it returns."
    ]


def of_force(ticket: Ticket) -> list[str]:
    return [*of_leaving(ticket), "The move stays marked as forced in the history, with your name and reason."]


def of_force_to(ticket: Ticket, to: str) -> list[str]:
    """Which gates it passes over on the way, and what becomes of a ticket there."""
    here, there = ticket.plan[ticket.standing], ticket.plan[to]
    passed = [
        phase
        for phase in ticket.plan.phases
        if phase.gate and here.position <= phase.position < there.position
    ]
    gates = " and ".join(
        f"{spoken.phase(phase.name)} ({counted(len(phase.gate), 'check')})" for phase in passed
    )
    over = f"Gates that are passed over: {gates}." if passed else "No gate is passed over."
    return [
        over,
        *(["The ticket has ended then: no work can be added to it any more."] if there.terminal else []),
    ]


def of_block(ticket: Ticket) -> list[str]:
    counts = states(ticket)
    return [
        f"{counted(counts['ready'], 'ready task')} not granted meanwhile; {counted(counts['claimed'], 'running claim')} may go on."
    ]


def of_cancel(ticket: Ticket) -> list[str]:
    counts = Counter(ticket.tasks.open().values_list("state", flat=True))
    return [
        f"{counted(counts['pending'] + counts['claimed'], 'open task')} cancelled, {counts['claimed']} of them being worked on."
    ]


def of_retry(ticket: Ticket) -> list[str]:
    return [
        f"{counted(ticket.tasks.filter(state='failed').count(), 'failed task')} go back to the queue with all their attempts."
    ]


def of_priority(ticket: Ticket) -> list[str]:
    return [
        f"{counted(ticket.tasks.open().filter(priority=ticket.priority).count(), 'open task')} of the same priority change with it."
    ]


def of_task_cancel(task: Task) -> list[str]:
    waiting = task.needed_by.filter(child__state="pending").count()
    holder = f"{task.holder.name} loses its claim. " if task.holder else ""
    return [f"{holder}{counted(waiting, 'task')} that wait for it are decided by their needs."]


# -- where to


def onward(ticket: Ticket) -> list[str]:
    return [to for to in ticket.plan[ticket.phase].to if ticket.is_later(to)]


def earlier(ticket: Ticket) -> list[str]:
    return [name for name in reversed(ticket.plan.up_to(ticket.phase)) if name != ticket.phase]


def anywhere(ticket: Ticket) -> list[str]:
    return [phase.name for phase in ticket.plan.phases if phase.name != ticket.phase]


def way_back(ticket: Ticket) -> list[str]:
    return list(
        reversed(
            ticket.plan.way_back(ticket.origin)
            if ticket.phase == BLOCKED
            else ticket.plan.up_to(ticket.origin)
        )
    )


def going(ticket: Ticket) -> bool:
    return ticket.phase in ticket.plan and not ticket.done


def unfinished(ticket: Ticket) -> bool:
    return not ticket.closed


WHY = "Why"
TICKET = [
    Act("advance", "Advance", "arrow-right", to_phase, lambda t: going(t) and bool(onward(t)), of_advance, onward, reason=WHY),
    Act("unblock", "Unblock", "corner-down-right", to_phase, lambda t: t.phase == BLOCKED, to=way_back, reason=WHY),
    Act("reopen", "Reopen", "rotate-ccw", to_phase, lambda t: t.phase == CANCELLED, to=way_back, reason=WHY, least=1),
    Act("follow-up", "Open a follow-up", "corner-down-right", follow_up, lambda t: t.done, reason="What is to be done", least=1, leaves="ticket.opened"),
    Act("judge", "Run checks", "rotate-ccw", judge, lambda t: t.gated, direct=True, state=judged_of, leaves="gate.judged"),
    Act("retry-failed", "Retry failed", "rotate-ccw", retry_failed, unfinished, of_retry, reason=WHY, least=1,
        state=failed_of, leaves="task.retried"),
    Act("pause", "Pause", "circle-pause", under_lock("pause", "is paused"), lambda t: unfinished(t) and not t.paused, of_block, reason=WHY,
        leaves="ticket.paused"),
    Act("resume", "Resume", "play", under_lock("resume", "goes on"), lambda t: t.paused, direct=True, leaves="ticket.resumed"),
    Act("block", "Block", "octagon-x", block, going, of_block, asks=frozenset({"class"}), reason="What blocks it", least=1),
    Act("back", "Send back", "undo-2", to_phase, lambda t: going(t) and bool(earlier(t)), of_leaving, earlier, reason=WHY, least=1),
    Act("priority", "Change priority", "signal-high", prioritise, unfinished, of_priority, asks=frozenset({"priority"}), leaves="ticket.edited"),
    Act("cancel", "Cancel ticket", "ban", cancel, unfinished, of_cancel, reason=WHY, least=1, tone="bad"),
    Act("force", "Force a transition", "shield-alert", forced, unfinished, of_force, to=anywhere, effect_to=of_force_to, reason=WHY, least=REASON, scope="gates:force",
        tone="bad"),
]  # fmt: skip
TASK = [
    Act("retry", "Retry", "rotate-ccw", of_task("retry", "is back in the queue", "only a failed or cancelled task can be retried"),
        lambda task: task.state in ("failed", "cancelled"), lambda task: ["It goes back to the queue with all its attempts."], reason=WHY, least=1, state=state_of,
        leaves="task.retried"),
    Act("bump", "Bump", "chevrons-up", of_task("bump", "goes first", "only an open task can be bumped"),
        lambda task: task.state == "pending" and not task.bumped_at, lambda task: ["It goes before all other work, for good."], reason=WHY, least=1,
        state=state_of, leaves="task.bumped"),
    Act("cancel", "Cancel", "ban", of_task("cancel", "is cancelled", "only an open task can be cancelled"),
        lambda task: task.state in ("pending", "claimed"), of_task_cancel, reason=WHY, least=1, tone="bad", state=state_of, leaves="task.cancelled"),
]  # fmt: skip


def act_of(acts: Sequence[Act], word: str) -> Act:
    """The act of this word; raises NotFound."""
    found = next((act for act in acts if act.word == word), None)
    if found is None:
        raise NotFound(f"there is no act {word}")
    return found
