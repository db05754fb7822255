"""One turn of a schedule: what is due is noted, and what is owed is opened, in one transaction.

So a crash leaves neither a run without its ticket nor a ticket without its run. The schedule and its project
are locked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from agents.models import Actor
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.schedule.full import full
from tickets.models.schedule.schedule_run import ScheduleRun
from tickets.models.ticket.ticket import Ticket
from tickets.models.workflow import Workflow

BY = "system:clock"
IN_TIME = timedelta(seconds=60)  # a run that is opened later was missed
MOST = 100  # missed runs that are opened at most, and runs that are owed at the same time
LOOK_AGAIN_S, REFUSED_AGAIN_S = 15, 60
State, Why = ScheduleRun.State, ScheduleRun.Why
_CLOCK = sql.ClockTimestamp()
WAITS_FOR_EARLIER = "an earlier run is still owed"


class NoRoom(Exception):
    """Its project, or the phase that a ticket would begin in, is full."""


def take(schedule: Any, now: datetime) -> None:
    """Note what was due up to now, open what can be opened, and say when to look again."""
    if schedule.next_at and schedule.next_at <= now:
        _note_due(schedule, schedule.next_at, now)
        schedule.next_at = schedule.next_after(now)
    again_s = _open_owed(schedule)
    looks = [schedule.next_at, now + timedelta(seconds=again_s) if again_s else None]
    schedule.look_at = min(filter(None, looks), default=None)
    # by hand, as its version is for people who edit it
    type(schedule).objects.filter(pk=schedule.pk).update(next_at=schedule.next_at, look_at=schedule.look_at)


def skip_owed(schedule: Any, *, by: Actor) -> None:
    """It is switched off: nothing is owed any more."""
    _skip(schedule, list(schedule.runs.owed()), Why.DISABLED, "the schedule was switched off", by=by)


def _note_due(schedule: Any, first: datetime, now: datetime) -> None:
    """A row for each time from `first` up to now: owed, or skipped as its policy says."""
    before = first - timedelta(seconds=1)
    times, more = schedule.line.between(before, now, MOST)
    in_time = [at for at in times if now - at <= IN_TIME]
    missed = [at for at in times if now - at > IN_TIME]
    match schedule.misfire:
        case "none":
            wanted = in_time
        case "one":
            wanted = in_time or missed[-1:]
        case _:
            wanted = missed + in_time
    room = max(0, MOST - schedule.runs.owed().count())
    rows = [_row(schedule, at, State.OWED, Why.OVERLAP, WAITS_FOR_EARLIER) for at in wanted[:room]]
    skipped = [
        _row(schedule, at, State.SKIPPED, Why.MISSED, "nobody opened it in time")
        for at in missed
        if at not in wanted
    ]
    skipped += [
        _row(schedule, at, State.SKIPPED, Why.DROPPED, f"{MOST} runs are owed already")
        for at in wanted[room:]
    ]
    if more:
        told = f"more than {MOST} runs were missed: those from this one up to the last {MOST} are dropped"
        skipped.append(_row(schedule, first, State.SKIPPED, Why.DROPPED, told))
    ScheduleRun.objects.bulk_create(rows + skipped, ignore_conflicts=True)
    _record_skipped(schedule, skipped, by=BY)


def _row(schedule: Any, at: datetime, state: str, why: str, detail: str) -> ScheduleRun:
    return ScheduleRun(
        schedule=schedule, project_id=schedule.project_id, due_at=at, state=state, why=why, detail=detail
    )


def _open_owed(schedule: Any) -> int:
    """Open what is owed, the earliest first. Returns after how many seconds to look again; 0: nothing is owed
    any more.
    """
    owed = list(schedule.runs.owed().order_by("due_at"))
    if schedule.overlap == "replace" and len(owed) > 1:
        _skip(schedule, owed[:-1], Why.REPLACED, "a later run was due before it was opened", by=BY)
        owed = owed[-1:]
    while owed:
        run = owed.pop(0)
        before = _last_open(schedule)
        if before and schedule.overlap == "skip":
            _skip(schedule, [run], Why.OVERLAP, f"{before.key} is still open", by=BY)
            continue
        again_s = _waits(schedule, run, before) or _opened(schedule, run, before)
        if again_s:
            if schedule.overlap == "skip":
                _skip(schedule, owed, Why.OVERLAP, WAITS_FOR_EARLIER, by=BY)
            return again_s
    return 0


def _last_open(schedule: Any) -> Ticket | None:
    """The ticket that it opened last, if that is still open."""
    rows = Ticket.objects.select_related("project", "workflow")
    ticket = rows.filter(pk=schedule.last_ticket_id).first() if schedule.last_ticket_id else None
    return None if ticket is None or ticket.closed or ticket.archived_at else ticket


def _waits(schedule: Any, run: ScheduleRun, before: Ticket | None) -> int:
    if before and schedule.overlap == "queue":
        return _owe(schedule, run, Why.OVERLAP, f"{before.key} is still open", LOOK_AGAIN_S)
    return 0


def _opened(schedule: Any, run: ScheduleRun, before: Ticket | None) -> int:
    """A ticket that is replaced makes room; where there is none all the same, it stays."""
    try:
        with transaction.atomic():
            if before:
                reason = f"replaced by the next run of the schedule {schedule.pk} ({schedule.template.name})"
                Ticket.objects.act(before.pk, "cancel", by=BY, reason=reason)
            workflow = Workflow.objects.of_project(schedule.project, schedule.template.workflow)
            if told := full(schedule.project, workflow):
                raise NoRoom(told)
            ticket = schedule.open_ticket(run.due_at, by=BY)
    except NoRoom as none:
        return _owe(schedule, run, Why.FULL, str(none), LOOK_AGAIN_S)
    except OmoiError as refusal:
        return _refused(schedule, run, refusal)
    _change(run, State.OPENED, Why.NONE, "", ticket=ticket)
    data = {"ticket": ticket.key, "due_at": _moment(run)}
    if before:
        data["replaced"] = before.key
    schedule.record("schedule.run_opened", by=BY, data=data)
    return 0


def _refused(schedule: Any, run: ScheduleRun, refusal: OmoiError) -> int:
    """It stays owed, until somebody mends the template or what it names."""
    refusal.trace = None  # the run says it, and is tried again
    told = f"{refusal.message}. {refusal.next_action}".strip()
    return _owe(schedule, run, Why.REFUSED, told, REFUSED_AGAIN_S)


def _owe(schedule: Any, run: ScheduleRun, why: str, detail: str, again_s: int) -> int:
    detail = detail[: field_limits.REASON]
    first = run.detail == WAITS_FOR_EARLIER
    if first or (run.why, run.detail) != (why, detail):
        tell = first or run.why != why
        _change(run, State.OWED, why, detail)
        if tell:
            data = {"due_at": _moment(run), "why": str(why)}
            schedule.record("schedule.run_owed", by=BY, data=data, reason=detail)
    return again_s


def _skip(schedule: Any, runs: list[ScheduleRun], why: str, detail: str, *, by: Actor) -> None:
    for run in runs:
        run.state, run.why, run.detail = State.SKIPPED, why, detail
    if runs:
        ids = [run.pk for run in runs]
        schedule.runs.filter(pk__in=ids).update(state=State.SKIPPED, why=why, detail=detail, at=_CLOCK)
        _record_skipped(schedule, runs, by=by)


def _record_skipped(schedule: Any, runs: list[ScheduleRun], *, by: Actor) -> None:
    """One event for all that were skipped for the same reason."""
    for why, detail in dict.fromkeys((str(run.why), run.detail) for run in runs):
        due = [_moment(run) for run in runs if (run.why, run.detail) == (why, detail)]
        schedule.record("schedule.run_skipped", by=by, data={"due_at": due, "why": why}, reason=detail)


def _change(run: ScheduleRun, state: str, why: str, detail: str, *, ticket: Any = None) -> None:
    run.state, run.why, run.detail, run.ticket = state, why, detail, ticket
    ScheduleRun.objects.filter(pk=run.pk).update(
        state=state, why=why, detail=detail, ticket=ticket, at=_CLOCK
    )


def _moment(run: ScheduleRun) -> str:
    return run.due_at.isoformat().replace("+00:00", "Z")
