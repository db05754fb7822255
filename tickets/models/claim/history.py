"""What an agent has done: its claims that have ended, as the journal has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.models import Actor, Agent, Project
from agents.models.actor import sees_all
from agents.models.journal_cursor import place
from omoi_site.database import sql
from tickets.models.explain.sql_fragments import QUOTED

EXAMINED = 5_000  # events that a page examines
DAY = timedelta(days=1)
BEGINNING = (2**63 - 1, 2**63 - 1)  # newer than all
# The events of index event_of_holder. What others ended names its holder, a person like an agent.
OF_HOLDER = "e.data ? 'held_s' AND coalesce('agent:' || (e.data ->> 'holder'), e.actor) = {holder}"
PAST_CLAIMS = sql.statement(
    __file__, "past_claims", of_holder=OF_HOLDER.format(holder="h.holder"), quoted=str(QUOTED)
)

NEWEST = 2**31 - 1  # newer than all events of a task
TASK_CLAIMS = sql.statement(__file__, "task_claims", quoted=str(QUOTED))


@dataclass(frozen=True)
class PastClaim:
    """A claim that has ended. outcome: how, as the kind of its event says it (`retried`: it failed and is
    tried again). kind: of a failure. why: its error, or why it was taken away. by: who ended it.
    """

    place: str
    task: int
    key: str
    title: str
    phase: str
    fence: int
    attempt: int | None
    outcome: str
    kind: str
    why: str
    by: str
    held_s: float
    ended_at: datetime
    holder: str = ""  # its label


@dataclass(frozen=True)
class History:
    """A page of claims that have ended. following: the place from which the next page goes on. lately: how
    many ended in a span until now, by outcome, of those that were looked at.
    """

    claims: Sequence[PastClaim]
    following: str | None
    lately: dict[str, int]


def past_claims(
    agent: Agent, *, by: Actor, limit: int, after: str = "", projects: Iterable[Project] | None = None
) -> tuple[Sequence[PastClaim], str | None]:
    """The claims of a page of `history`, and the place from which the next page goes on."""
    page = history(agent, by=by, limit=limit, after=after, projects=projects)
    return page.claims, page.following


def history(
    agent: Agent,
    *,
    by: Actor,
    limit: int,
    after: str = "",
    projects: Iterable[Project] | None = None,
    span: timedelta = DAY,
) -> History:
    """The claims of the agent that have ended in projects that `by` sees, newest first, after this place. A
    page may be short although there is a next one. Raises Malformed. projects: those that `by` sees, if they
    have been read.
    """
    xid, last = place(after) if after else BEGINNING
    theirs = Project.objects.seen_by(by) if projects is None else projects
    seen = None if sees_all(by) else [project.pk for project in theirs]
    params = {
        "holders": list({agent.label, f"agent:{agent.name}"}),
        "xid": str(xid),
        "id": last,
        "projects": seen,
        "limit": limit + 1,
        "examined": EXAMINED,
        "span": span,
    }
    rows = sql.rows(PAST_CLAIMS, params)
    claims = [_past_claim(row) for row in rows if row["place"]]
    lately = {_outcome(kind): number for kind, number in (rows[0]["lately"] or {}).items()}
    if len(claims) > limit:
        return History(claims[:limit], claims[limit - 1].place, lately)
    return History(claims, rows[0]["last"] if rows[0]["examined"] == EXAMINED else None, lately)


def claims_of_task(
    task: int, *, limit: int, before: int | None = None
) -> tuple[Sequence[PastClaim], str | None]:
    """The claims of this task that have ended, newest first, before this event of it; and the one before
    which the next page goes on.
    """
    before = NEWEST if before is None else min(before, NEWEST)
    rows = sql.rows(TASK_CLAIMS, {"subject": f"task:{task}", "before": before, "limit": limit + 1})
    claims = [_past_claim(row) for row in rows[:limit]]
    return claims, claims[-1].place if len(rows) > limit else None


def _past_claim(row: dict[str, Any]) -> PastClaim:
    task, data = int(row["subject"].removeprefix("task:")), row["data"]
    return PastClaim(
        place=row["place"],
        task=task,
        key=f"{row['topic'].removeprefix('ticket:')}.{task}",
        title=row["title"] or "",
        phase=row["phase"] or "",
        fence=data["fence"],
        attempt=data.get("attempt"),
        outcome=_outcome(row["kind"]),
        kind=data.get("kind", ""),
        why=row["reason"],
        by=row["actor"],
        held_s=data["held_s"],
        ended_at=row["at"],
        holder=_label(data["holder"]) if "holder" in data else row["actor"],
    )


def _outcome(kind: str) -> str:
    return kind.removeprefix("task.")


def _label(name: str) -> str:
    """The label of a holder: people are named with their kind."""
    return name if name.startswith("user:") else f"agent:{name}"
