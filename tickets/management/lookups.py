"""What somebody names on the command line by its key; a name that is not there is refused with advice."""

from __future__ import annotations

from agents.models import Project
from omoi_site.errors import NotFound
from tickets.models import Ticket


def the_ticket(key: str) -> Ticket:
    ticket = Ticket.objects.named(key)
    if ticket is None:
        raise no_ticket(key)
    return ticket


def no_ticket(key: str) -> NotFound:
    return NotFound(
        f"there is no ticket {key}",
        next_action="Look for its key on the board; you can search there for words of its title.",
    )


def the_project(key: str) -> Project:
    project = Project.objects.filter(key=key.upper()).first()
    if project is None:
        keys = list(Project.objects.order_by("key").values_list("key", flat=True)[:6])
        more = ", …" if len(keys) > 5 else ""
        raise NotFound(
            f"there is no project {key}",
            next_action=f"Existing ones: {', '.join(keys[:5])}{more}."
            if keys
            else "Create one first: `python3 manage.py projects create KEY`.",
        )
    return project
