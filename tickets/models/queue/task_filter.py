"""TaskFilter: which tasks a list or a bulk act is about, as the address of the page says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from omoi_site.errors import Invalid, short
from tickets.models.explain.found_waits import KINDS, TASKS, expect_somebody
from tickets.models.task.readiness import READY
from tickets.models.ticket.documents import literal
from tickets.models.ticket.fields import Priority

# What a status asks of task `t`. Failed tasks of the same kind of error share a mark, see omoi_error_mark.
UNFINISHED, EVERY = "", "all"
STATUSES = {
    "failed": "t.state = 'failed'",
    "stuck": "t.state = 'pending' AND t.unsatisfiable",
    "running": "t.state = 'claimed'",
    "ready": f"NOT t.unsatisfiable AND {READY}",
    "waiting": f"t.state = 'pending' AND NOT t.unsatisfiable AND NOT ({READY})",
    "done": "t.state = 'completed'",
    "cancelled": "t.state = 'cancelled'",
    UNFINISHED: "t.state IN ('pending', 'claimed', 'failed')",
    EVERY: "true",
}
FAILURES = {
    "transient": "Passing",
    "permanent": "For good",
    "validation": "Not right",
    "rate_limited": "Limit of an account",
    "worker_lost": "Worker died",
}
LONGEST = 100  # characters of a text that is looked for
TASK_KEY = re.compile(r"([A-Za-z][A-Za-z0-9]{1,9}-[0-9]{1,12})(?:\.([0-9]{1,18}))?")
MARK = re.compile(r"[0-9a-f]{16}")
# What each other filter asks of task `t`.
CONDITIONS = {
    "ids": "t.id = ANY (%(ids)s::bigint[])",
    "ticket": "t.ticket_id = (SELECT k.id FROM tickets_ticket k WHERE k.key = %(ticket)s::text)",
    "task": "t.id = %(task)s::bigint",
    "agent": "t.holder_id = (SELECT a.id FROM agents_agent a WHERE a.name = %(agent)s::text)",
    "capability": "t.capabilities @> ARRAY[%(capability)s]::varchar[]",
    "text": "t.title ILIKE %(like)s::text",
    "priority": "t.priority = %(priority)s::smallint",
    "error": "t.state = 'failed' AND omoi_error_mark(t.error) = %(error)s::text",
    "failure": (
        "t.state = 'failed' AND %(failure)s::text IN (t.failure, coalesce(t.tried -> -1 ->> 'kind', ''))"
    ),
}


@dataclass(frozen=True)
class TaskFilter:
    """An empty field asks for all; an empty status for what is not finished. `error`: the mark of an error,
    which tasks with the same one share. `ids`: only these tasks, of whatever status.
    """

    project: str = ""
    status: str = UNFINISHED
    ticket: str = ""
    task: int | None = None
    agent: str = ""
    capability: str = ""
    text: str = ""
    priority: int | None = None
    waiting_on: str = ""
    error: str = ""
    failure: str = ""
    ids: tuple[int, ...] = ()

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> TaskFilter:
        """What the parameters of an address ask for. Raises Invalid for values that nothing can have."""
        values = {name: str(asked.get(name) or "").replace("\x00", "").strip() for name in PARAMETERS}
        found = cls(
            project=values["project"].upper(),
            status=_among(values["status"], STATUSES, "status"),
            ticket=values["ticket"].upper(),
            agent=values["agent"],
            capability=values["capability"].lower(),
            priority=_priority(values["priority"]),
            waiting_on=values["waiting_on"],
            error=values["error"],
            failure=_among(values["failure"], FAILURES, "failure"),
        )
        if found.waiting_on:
            expect_somebody(found.waiting_on)
        if found.error and not MARK.fullmatch(found.error):
            raise Invalid("error is the mark of an error: 16 letters of 0-9 and a-f", field="error")
        for name in ("text", "ticket", "agent", "capability", "waiting_on"):
            if len(values[name]) > LONGEST:
                raise Invalid(f"{name} has at most {LONGEST} characters", field=name)
        return found._with_text(values["text"])

    def _with_text(self, text: str) -> TaskFilter:
        """A text that is the key of a ticket or a task asks for that."""
        if not (key := TASK_KEY.fullmatch(text)):
            return replace(self, text=text)
        found = replace(self, ticket=key[1].upper(), status=self.status or EVERY, text="")
        return replace(found, task=int(key[2])) if key[2] else found

    @property
    def names(self) -> list[str]:
        """The filters that are asked, beside project and status, by name."""
        return [name for name in (*CONDITIONS, "waiting_on") if getattr(self, name) not in ("", None, ())]

    @property
    def condition(self) -> str:
        """SQL: what is asked of task `t`, beside its project."""
        return " AND ".join(f"({each})" for each in [self.of_status, *map(self.of, self.names)])

    @property
    def of_status(self) -> str:
        return "true" if self.ids else STATUSES[self.status]

    def of(self, name: str) -> str:
        """SQL: what this filter asks of task `t`."""
        if name != "waiting_on":
            return CONDITIONS[name]
        named = "split_part(s.who, ':', 1)" if self.waiting_on in KINDS else "s.who"
        return (
            f"EXISTS (SELECT FROM ({TASKS.stored_wait} WHERE w.id = t.id) s"
            f" WHERE {named} = %(waiting_on)s::text)"
        )

    @property
    def params(self) -> dict[str, Any]:
        """The values that `condition` names."""
        return {**asdict(self), "ids": list(self.ids), "like": f"%{literal(self.text)}%"}

    @property
    def document(self) -> dict[str, Any]:
        """It as it is stored and shown: what is asked, by name."""
        asked = {name: value for name, value in asdict(self).items() if value not in ("", None, ())}
        if self.priority is not None:
            asked["priority"] = Priority(self.priority).name.lower()
        return asked | ({"ids": len(self.ids)} if self.ids else {})


PARAMETERS = (
    "project",
    "status",
    "ticket",
    "agent",
    "capability",
    "text",
    "priority",
    "waiting_on",
    "error",
    "failure",
)


def _among(value: str, known: Mapping[str, Any] | Sequence[str], field: str) -> str:
    if value and value not in known:
        raise Invalid(
            f"there is no {field} {short(value, 40)}: choose {', '.join(filter(None, known))}", field=field
        )
    return value


def _priority(value: str) -> int | None:
    names = {name.lower(): number.value for name, number in Priority.__members__.items()}
    return names[_among(value.lower(), names, "priority")] if value else None
