"""What somebody names on the command line: by its key, refused with advice if it is not there; or a limit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from agents.models import Agent, Project
from omoi_site.errors import Invalid, NotFound, short
from omoi_site.field_limits import whole_number
from tickets.models import Task, Ticket, TicketTemplate


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


def the_task(key: str) -> Task:
    """The task of a key such as OMO-142.17, or of its id alone, by which the API names it."""
    ticket, dot, number = key.upper().rpartition(".")
    of_ticket = {"ticket_key": ticket} if dot else {}
    found = Task.objects.filter(pk=whole_number(number) or 0, **of_ticket).first()
    if found is None:
        raise NotFound(
            f"there is no task {key}",
            next_action=f"Run `python3 manage.py explain {ticket}` for the open tasks of that ticket."
            if ticket
            else "A task's key is that of its ticket and a number, such as OMO-142.17.",
        )
    return found


def the_person(name: str) -> Any:
    person = get_user_model().objects.filter(username=name).first()
    if person is None or not person.is_active:
        raise NotFound(
            f"there is no person {name} who can sign in",
            next_action="People are managed in the admin: /admin/.",
        )
    return person


def the_agent(name: str) -> Agent:
    agent = Agent.objects.filter(name=name).first()
    if agent is None:
        raise NotFound(f"there is no agent {name}", next_action="`python3 manage.py agents list` names them.")
    return agent


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


def the_template(project: Project, name: str, *, removed: bool = False) -> TicketTemplate:
    """The template of that name; with `removed`, the one that was removed last."""
    rows = TicketTemplate.objects.filter(project=project, name=name, removed_at__isnull=not removed)
    row = rows.select_related("project").order_by("-removed_at").first()
    if row is None:
        raise NotFound(
            f"{project} has no {'removed ' if removed else ''}template {name}",
            next_action=f"`python3 manage.py templates list {project}` has them.",
        )
    return row


def value_in(text: str) -> tuple[str, str]:
    """The name and the value in NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"{short(text, 60)} is no NAME=VALUE", field="variables")
    return name.strip(), value


def number(text: str) -> int | None:
    """A limit as it is typed: a number, or `none`."""
    return None if text == "none" else int(text)
