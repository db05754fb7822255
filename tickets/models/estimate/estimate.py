"""When a ticket will be done: an estimate from measured times, what it assumes, or why none can be given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.estimate.critical_path import Ends, ends
from tickets.models.estimate.ended_tickets import CALIBRATING, MOVES, EndedTickets
from tickets.models.estimate.open_work import NAMED, OpenWork, listed
from tickets.models.estimate.quantile import quantile
from tickets.models.estimate.samples import Spell
from tickets.models.freeze.frozen import frozen
from tickets.models.ticket.ticket import Ticket
from tickets.workflows.document import BLOCKED

LONGEST = timedelta(days=3_660)  # what lies beyond is no figure that helps
STANDS = sql.statement(__file__, "stands", frozen=frozen("%(project)s::bigint"))


@dataclass(frozen=True)
class Part:
    """A part of the critical path: a task, or a stay in a phase (`task` is None). `group`: which samples, by
    `GROUPS`, or `stay`; empty: an operation, which takes no time.
    """

    task: int | None
    key: str
    title: str
    phase: str
    expected_s: float
    group: str
    samples: int


@dataclass(frozen=True)
class Late:
    """An open task that ends after its deadline, as things look."""

    task: int
    key: str
    title: str
    deadline: datetime
    expected_at: datetime


@dataclass(frozen=True)
class Past:
    """How the newest estimates of the workflow held: what the work took as a multiple of what was expected.
    A quarter of them are below `low`, a quarter above `high`.
    """

    count: int
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """expected_at: half of such tickets are done by then. likely_by: 80 of 100. Both are None where `unknown`
    says why. critical_path: what decides it, in order. calibrated: past errors decide `likely_by`. past: how
    former estimates held; None: there are none.
    """

    ticket: str
    made_at: datetime
    expected_at: datetime | None = None
    likely_by: datetime | None = None
    calibrated: bool = False
    critical_path: Sequence[Part] = ()
    assumes: Sequence[str] = ()
    unknown: Sequence[str] = ()
    late: Sequence[Late] = field(default=())
    past: Past | None = None


def estimate(ticket: Ticket) -> Estimate:
    """Of a ticket that is loaded with its project and workflow. It costs a fixed number of statements."""
    [row] = sql.rows(
        STANDS,
        {
            "project": ticket.project_id,
            "ticket": ticket.pk,
            "phase": ticket.phase,
            "up_to": [*(ticket.plan.up_to(ticket.phase) if ticket.phase in ticket.plan else ()), BLOCKED],
            "most": NAMED + 1,
            "moves": MOVES,
        },
    )
    now: datetime = row["now"]
    if stands := list(_stands(ticket, frozen=row["frozen"])):
        return Estimate(ticket.key, now, unknown=stands)
    past = EndedTickets(ticket.project_id, ticket.plan)
    work = OpenWork(ticket, (now - (row["since"] or ticket.phase_since)).total_seconds(), past)
    expected = ends(work.steps())
    late = list(_late(work, expected, now))
    unknown = [*work.unknown, *_stuck(ticket, work, row["failed"])]
    if not unknown and work.last not in expected.known:
        unknown.append("Its tasks wait for work of a later phase, so they cannot all be done")
    if not unknown and expected.known[work.last].at > LONGEST.total_seconds():
        unknown.append("It would take more than ten years")
    if unknown:
        return Estimate(ticket.key, now, unknown=unknown, late=late, past=_past(past.errors))
    expected_s = expected.known[work.last].at
    likely_s = past.likely(expected_s)
    calibrated = likely_s is not None
    if likely_s is None:
        likely_s = max(expected_s, ends(work.steps(likely=True)).known[work.last].at)
    return Estimate(
        ticket.key,
        now,
        expected_at=now + timedelta(seconds=expected_s),
        likely_by=now + timedelta(seconds=min(likely_s, LONGEST.total_seconds())),
        calibrated=calibrated,
        critical_path=list(_critical_path(work, expected)),
        assumes=list(_assumes(work, expected, len(past.errors), calibrated=calibrated)),
        late=late,
        past=_past(past.errors),
    )


def _past(errors: Sequence[float]) -> Past | None:
    """`errors` are in order."""
    return Past(len(errors), quantile(errors, 0.25), quantile(errors, 0.75)) if errors else None


def _stands(ticket: Ticket, *, frozen: bool) -> Iterator[str]:
    """Why the whole ticket does not move until somebody acts."""
    if ticket.closed:
        yield f"It has ended: it is in {humanize.phase(ticket.phase)}"
        return
    if frozen:
        yield "Everything is frozen: nothing goes on until somebody thaws it"
    if ticket.archived_at:
        yield "It is archived: restore it first"
    if ticket.phase == BLOCKED:
        yield "It is blocked: nobody knows how long. Unblock it first"
    if ticket.paused:
        yield "It is paused: resume it first"
    if ticket.project.paused:
        yield f"Its project {ticket.project.key} is paused: resume it first"


def _stuck(ticket: Ticket, work: OpenWork, failed: Sequence[int]) -> Iterator[str]:
    """Why it stays in a phase until somebody acts."""
    if failed and ticket.plan[ticket.phase].automatic == "on_completion":
        keys = listed([f"{ticket.key}.{pk}" for pk in failed])
        yield f"{keys} failed, so that it does not move on by itself: retry that first, or move it on"
    for stage in work.stages:
        if stage.phase.name in ticket.project.paused_phases and work.of_phase[stage.phase.name]:
            phase = humanize.phase(stage.phase.name)
            yield f"{phase} is paused in {ticket.project.key}, where it has open tasks: resume it first"


def _critical_path(work: OpenWork, found: Ends) -> Iterator[Part]:
    for key in found.chain(work.last):
        took = found.known[key].at - found.begin(key)
        if isinstance(key, int):
            task, spell = work.tasks[key], work.spells[key] or Spell(0.0, 0.0, "", 0)
            yield Part(key, work.name(key), task["title"], task["phase"], took, spell.group, spell.samples)
        elif isinstance(key, tuple) and key[0] == "stay" and took:
            stay = next(stage.stay for stage in work.stages if stage.phase.name == key[1])
            assert stay
            yield Part(None, "", "", key[1], took, stay.group, stay.samples)


def _late(work: OpenWork, found: Ends, now: datetime) -> Iterator[Late]:
    for pk, task in work.tasks.items():
        if task["ticket_id"] == work.ticket.pk and task["deadline"] and (end := found.known.get(pk)):
            expected_at = now + timedelta(seconds=min(end.at, LONGEST.total_seconds()))
            if expected_at > task["deadline"] and not end.cancelled:
                yield Late(pk, work.name(pk), task["title"], task["deadline"], expected_at)


def _assumes(work: OpenWork, found: Ends, errors: int, *, calibrated: bool) -> Iterator[str]:
    yield "No task fails, nobody adds work, and agents are as free as they were for the measured work."
    if never := [pk for pk in work.tasks if pk not in found.known]:
        yield (
            f"{work.names(never)} would only be done if a task failed; it is not counted, and somebody"
            " cancels it."
        )
    longer = [pk for pk, spell in work.spells.items() if spell and spell.longer]
    for state, long, soon in (("claimed", "taken longer", "end"), ("pending", "waited longer", "begin")):
        if those := [pk for pk in longer if work.tasks[pk]["state"] == state]:
            has, counts = ("has", "is counted") if len(those) == 1 else ("have", "are counted")
            yield (
                f"{work.names(those)} {has} already {long} than all measured work like it, and"
                f" {counts} as about to {soon}."
            )
    if work.of_others:
        yield "Tasks of other tickets, which it waits for, can begin as soon as their needs are met."
    if any(stage.stay for stage in work.stages):
        yield "Times in phases are those of past tickets, with all that people were waited for there."
    if calibrated:
        yield f"`likely_by` is where 80 of 100 of the last {errors} estimates of this workflow ended."
    else:
        yield (
            "`likely_by` lets each part take as long as the slowest fifth: there are only"
            f" {errors} past estimates, and from {CALIBRATING} on they decide it."
        )
