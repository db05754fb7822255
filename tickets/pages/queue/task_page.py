"""The page of one task: why it does not move, its claims, what it prints, its brief, what it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from omoi_site import humanize
from omoi_site.database import sql
from omoi_site.field_limits import whole_number
from tickets.models import Task
from tickets.models.claim.history import PastClaim, claims_of_task
from tickets.models.claim.next_brief import next_brief
from tickets.models.output.task_output import TaskOutput, gap, gaps
from tickets.pages import actions
from tickets.pages.actions import Action
from tickets.pages.actions.action import Permissions
from tickets.pages.agents.agent_page import OUTCOMES
from tickets.pages.cause_display import with_displays
from tickets.pages.previews import terminal

CLAIMS, RELATED = 20, 50  # that are shown
SHOWN = 32 << 10  # bytes of the end of an output, at first
LONGEST_BRIEF = 60_000  # characters
QUOTED = 150  # characters of an error that its cause quotes at least
WHY = {
    "failed": "Why it failed",
    "running": "At work",
    "ready": "Why it waits",
    "waiting": "Why it waits",
    "stuck": "Why it is stuck",
}
RELATIVES = sql.statement(__file__, "task_relatives")


@dataclass(frozen=True)
class Ended:
    """A claim that has ended, as a row shows it. `output`: whether what it printed is kept."""

    claim: PastClaim
    output: bool

    @property
    def tone(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("neutral", "", ""))[0]

    @property
    def icon(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("", "circle-dashed", ""))[1]

    @property
    def word(self) -> str:
        return OUTCOMES.get(self.claim.outcome, ("", "", self.claim.outcome.replace("_", " ")))[2]

    @property
    def by(self) -> str:
        """Who ended it, if it was not the holder itself."""
        return "" if self.claim.by == self.claim.holder else humanize.actor(self.claim.by)

    @property
    def held(self) -> str:
        return humanize.length(self.claim.held_s)


@dataclass(frozen=True)
class Shown:
    """An output as the page shows it. hidden: bytes before what is shown that are kept."""

    output: TaskOutput
    html: SafeString
    hidden: int


class TaskPage:
    def __init__(self, task: Task, request: HttpRequest) -> None:
        self.task, self.request, self.by = task, request, request.user
        self.permissions = Permissions(task.ticket, self.by)

    @property
    def status(self) -> str:
        return self.task.status

    @cached_property
    def actions(self) -> list[Action]:
        possible = (kind(self.task, self.by, self.permissions) for kind in actions.OF_TASK)
        return [action for action in possible if action.available]

    # -- why it does not move

    @cached_property
    def explanation(self) -> dict[str, Any]:
        if self.task.state not in ("pending", "claimed", "failed"):
            return {"waiting_on": None, "causes": [], "late": []}
        return Task.objects.explanations([self.task.pk], page=self.task.ticket_key)[self.task.pk]

    @property
    def why_title(self) -> str:
        return WHY.get(self.status, "How it ended")

    @property
    def long_error(self) -> bool:
        """Whether its error is longer than what its cause says of it."""
        error = self.task.error.strip()
        return self.status == "failed" and (len(error) > QUOTED or "\n" in error)

    @cached_property
    def causes(self) -> Sequence[Any]:
        return with_displays(self.explanation["causes"])

    @property
    def late(self) -> Sequence[str]:
        return list(self.explanation["late"])

    # -- its claims

    @cached_property
    def _claims(self) -> tuple[Sequence[PastClaim], str | None]:
        return claims_of_task(self.task.pk, limit=CLAIMS, before=self.earlier_claims)

    @property
    def earlier_claims(self) -> int | None:
        """Before which event of the task the claims are shown; None: the newest."""
        return whole_number(self.request.GET.get("claims", ""))

    @property
    def following_claims(self) -> str:
        """Where the earlier ones begin; empty where there are no more."""
        return self._claims[1] or ""

    @cached_property
    def claims(self) -> list[Ended]:
        found, _ = self._claims
        fences = TaskOutput.objects.fences(self.task) if found else ()
        return [Ended(claim, claim.fence in fences) for claim in found]

    @property
    def tried(self) -> list[dict[str, Any]]:
        """How its last attempts failed, newest first, where the journal has nothing of them any more."""
        return [] if self.claims or self.earlier_claims else list(reversed(self.task.tried or []))

    # -- what it prints

    @cached_property
    def output(self) -> Shown | None:
        output = TaskOutput.objects.of(self.task, fence=claim_in(self.request.GET))
        if output is None:
            return None
        last = None if self.request.GET.get("earlier") else SHOWN
        parts = output.parts(last=last)
        shown = sum(part.end - part.place for part in parts)
        first = parts[0].place if parts and last is None else None
        text = "".join(
            f"{gap(before, part.place) if before or first else ''}{part.text}" for before, part in gaps(parts)
        )
        return Shown(output, terminal.as_html(text), output.kept - shown)

    @property
    def result_output(self) -> SafeString | None:
        """What a worker's job printed, as its result has it, if nothing was sent meanwhile."""
        result = self.task.result
        text = result.get("output") if isinstance(result, dict) else None
        return terminal.as_html(text[-SHOWN:]) if isinstance(text, str) and text.strip() else None

    @property
    def result(self) -> str:
        """Its result as JSON, without what is shown as output."""
        result = self.task.result
        if isinstance(result, dict):
            result = {name: value for name, value in result.items() if name != "output"}
        return _json(result) if result else ""

    @property
    def running(self) -> bool:
        return self.task.state == "claimed"

    @property
    def following(self) -> bool:
        """Whether what is shown may still grow."""
        return self.running and (self.output is None or self.output.output.fence == self.task.fence)

    # -- what its next claim gets, and what it waits for

    @cached_property
    def brief(self) -> str:
        return _json(next_brief(self.task.pk)) if self.task.state in ("pending", "claimed", "failed") else ""

    @cached_property
    def _relatives(self) -> list[dict[str, Any]]:
        return sql.rows(RELATIVES, {"task": self.task.pk, "most": RELATED + 1})

    @property
    def needs(self) -> list[dict[str, Any]]:
        return [row for row in self._relatives if row["needed"]][:RELATED]

    @property
    def needed_by(self) -> list[dict[str, Any]]:
        return [row for row in self._relatives if not row["needed"]][:RELATED]

    @property
    def more_relatives(self) -> bool:
        return len(self._relatives) > len(self.needs) + len(self.needed_by)

    @property
    def slots(self) -> str:
        return _json(self.task.slots) if self.task.slots else ""

    @property
    def checkpoint(self) -> Mapping[str, Any]:
        """What its holder said of where the work stood, without who and when."""
        return {
            name: value for name, value in (self.task.checkpoint or {}).items() if name not in ("at", "by")
        }

    @property
    def checkpoint_at(self) -> datetime | None:
        return datetime.fromisoformat(self.task.checkpoint["at"]) if self.task.checkpoint else None

    # -- addresses

    @property
    def topics(self) -> str:
        return f"ticket:{self.task.ticket_key}"

    @property
    def address(self) -> str:
        return self.request.get_full_path()

    @property
    def output_address(self) -> str:
        query = self.request.GET.copy()
        query["part"] = "output"
        return f"{reverse('tasks:detail', args=[self.task.key])}?{query.urlencode()}"


def claim_in(query: Mapping[str, str]) -> int | None:
    """The fence of the claim whose output is asked for; None: the newest."""
    return whole_number(query.get("claim", ""))


def _json(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_BRIEF else f"{text[:LONGEST_BRIEF]}\n… ({len(text):,} characters)"
