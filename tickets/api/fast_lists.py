"""The fast routes of lists: what the views of tickets, tasks and events answer, where nothing is unusual."""

from __future__ import annotations

from typing import Any

from agents.api.fast import Asked
from agents.api.fast_lists import limit_of, paged, plain_query
from agents.api.pagination import number_in
from agents.models import journal
from tickets.models import Task, Ticket
from tickets.models.task.documents import TaskQuery
from tickets.models.ticket.documents import TicketQuery

# the longest values, as in TicketsIn, TasksIn and EventsIn
OF_TICKETS = {"project": 10}
OF_TASKS = {"project": 10, "ticket": 24, "state": 10}
OF_EVENTS = {"after": 500, "topic": 120, "kind": 60}
STATES = frozenset(Task.State.values)


def tickets(asked: Asked) -> Any:
    query = plain_query(asked.query, OF_TICKETS)
    if query is None:
        return None
    page = Ticket.objects.page_json(
        TicketQuery(project=query.get("project", "")),
        by=asked.agent,
        limit=limit_of(query),
        before=number_in(query["cursor"]) if "cursor" in query else None,
    )
    return paged(asked, query, page)


def tasks(asked: Asked) -> Any:
    query = plain_query(asked.query, OF_TASKS)
    if query is None or query.get("state", "pending") not in STATES:
        return None
    page = Task.objects.page_json(
        TaskQuery(query.get("project", ""), query.get("ticket", ""), state=query.get("state", "")),
        by=asked.agent,
        limit=limit_of(query),
        after=number_in(query["cursor"]) if "cursor" in query else 0,
    )
    return paged(asked, query, page)


def events(asked: Asked) -> Any:
    query = plain_query(asked.query, OF_EVENTS)
    if query is None:
        return None
    page = journal.page_json(
        by=asked.agent,
        limit=limit_of(query),
        after=query.get("after") or query.get("cursor", ""),
        topic=query.get("topic", ""),
        kind=query.get("kind", ""),
    )
    return paged(asked, query, page)
