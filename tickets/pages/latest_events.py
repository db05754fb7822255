"""The latest acts on tickets, as the overview tells them: a line each, in the words of the timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models.explain.sentences import shortened
from tickets.pages.timeline import NAME
from tickets.pages.timeline_kinds import LINES, MOVE_TONES, kinds_of, value

SHOWN = 8
LOOKED_AT, OF_A_PROJECT = 400, 40  # events of all projects, or of each
LONGEST = 120  # characters of a title or reason
OF_ALL = """
SELECT *
FROM agents_event
WHERE project_id IS NOT NULL
ORDER BY xid DESC, id DESC
LIMIT %(looked_at)s::bigint
"""
OF_PROJECTS = """
SELECT f.*
FROM unnest(%(projects)s::bigint[]) p(id)
CROSS JOIN LATERAL (
  SELECT * FROM agents_event WHERE project_id = p.id ORDER BY xid DESC, id DESC LIMIT %(looked_at)s::bigint
) f
"""
LATEST = {
    of_all: sql.statement(__file__, "latest_events", looked_at=OF_ALL if of_all else OF_PROJECTS)
    for of_all in (True, False)
}


@dataclass(frozen=True)
class Latest:
    """title: that of its task. discovery: that of its discovery."""

    id: int
    at: datetime
    topic: str
    subject: str
    kind: str
    actor: str
    reason: str
    data: Mapping[str, Any]
    title: str | None
    discovery: str | None

    @property
    def ticket(self) -> str:
        return self.topic.removeprefix("ticket:")

    @property
    def tone(self) -> str:
        tone = LINES[self.kind].tone
        if self.kind == "ticket.moved":
            return MOVE_TONES.get(str(self.data.get("ground")), tone)
        if self.kind == "gate.judged":
            return "ok" if self.data.get("passed") else "bad"
        return tone

    @property
    def sentence(self) -> str:
        """How it goes on after who did it."""
        words = LINES[self.kind].words
        parts = NAME.split(words if isinstance(words, str) else words(self.data))
        parts[1::2] = [self._filled(name) for name in parts[1::2]]
        return field_limits.visible("".join(parts))

    @property
    def why(self) -> str:
        return field_limits.visible(shortened(self.reason, LONGEST))

    def _filled(self, name: str) -> str:
        match name:
            case "task":
                title = shortened(self.title or str(self.data.get("title") or ""), LONGEST)
                return f"{self.ticket}.{self.subject.partition(':')[2]} {title}".rstrip()
            case "artifact":
                return value("name", self.data)
            case "approvals" | "gate" | "context":
                return value("phase", self.data)
            case "criterion":
                return f"criterion {value('number', self.data)}"
            case "comments":
                return counted(int(self.data.get("comments") or 0), "comment")
            case "discovery":
                return self.discovery or "a discovery"
            case "followed":
                return value("follow_up", self.data)
        return value(name, self.data)


def latest_events(projects: Sequence[int], *, of_all: bool = False) -> list[Latest]:
    """Of these projects, which the reader sees. of_all: they are all that there are."""
    params = {
        "projects": list(projects),
        "looked_at": LOOKED_AT if of_all else OF_A_PROJECT,
        "kinds": kinds_of(set()),
        "limit": SHOWN,
    }
    rows = sql.rows(LATEST[of_all], params)
    return [Latest(**row) for row in rows]
