"""The fast routes of lists: what tickets.py and tasks.py answer, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked
from agents.api.fast_lists import paged, plain_query
from agents.api.pagination import number_in
from tickets.models import Task, Ticket
from tickets.models.task.documents import TaskQuery
from tickets.models.ticket.documents import TicketQuery

LONGEST = {"project": 10, "ticket": 24}  # as in TicketsIn and TasksIn
STATES = frozenset(Task.State.values)


def tickets(asked: Asked) -> Any:
    query = plain_query(asked.query, ("project",))
    if query is None or too_long(query):
        return None
    page = Ticket.objects.page_json(
        TicketQuery(project=query.get("project", "")),
        by=asked.agent,
        limit=query["limit"],
        before=number_in(query["cursor"]) if "cursor" in query else None,
    )
    return paged(asked, page)


def tasks(asked: Asked) -> Any:
    query = plain_query(asked.query, ("project", "ticket", "state"))
    if query is None or too_long(query) or query.get("state", "pending") not in STATES:
        return None
    page = Task.objects.page_json(
        TaskQuery(**{name: query[name] for name in ("project", "ticket", "state") if name in query}),
        by=asked.agent,
        limit=query["limit"],
        after=number_in(query["cursor"]) if "cursor" in query else 0,
    )
    return paged(asked, page)


def too_long(query: dict[str, Any]) -> bool:
    return any(len(query.get(name, "")) > longest for name, longest in LONGEST.items())
