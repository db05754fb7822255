"""Makes projects, agents and keys by the verbs of a checkout, older ones too. It runs in the checkout's code,
reads what is wanted as JSON and prints what it made.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    from agents.models import Agent, AgentSpec, Key, Project, ProjectSpec
    from tickets.models import Task, TaskSpec, Ticket, TicketSpec

    by = "system:bench"
    with transaction.atomic():
        projects = [
            Project.objects.create_project(ProjectSpec(f"B{n}", workflow="simple"), by=by)
            for n in range(asked["projects"])
        ]
        agents = []
        for n in range(asked["agents"]):
            agent = Agent.objects.register(
                AgentSpec(
                    f"bench-{n}",
                    capabilities=[f"skill-{skill}" for skill in range(asked["served"])],
                    capacity=asked["capacity"],
                ),
                projects=projects,
                by=by,
            )
            _, key = Key.objects.issue(agent=agent, by=by)
            agents.append({"id": agent.pk, "name": agent.name, "key": key})
        lanes = [
            TaskSpec(f"Template of lane {n}", capabilities=[f"skill-{n}"]) for n in range(asked["lanes"])
        ]
        templates = []
        for project in projects:
            ticket = Ticket.objects.open(
                project, TicketSpec("Template", labels=["backend", "payments"]), by=by
            )
            with Ticket.objects.locked(pk=ticket.pk) as locked:
                locked.advance(by=by)
            Task.objects.add(locked, lanes, by=by)
            templates.append({"ticket": ticket.pk, "project": project.pk, "key": project.key})
        person, _ = get_user_model().objects.get_or_create(
            username="admin", defaults={"is_superuser": True, "is_staff": True}
        )
        _, key = Key.objects.issue(user=person, by=by)
        graph = graph_of(asked["graph"], by) if asked.get("graph") else ""
        session = SessionStore()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = (
            str(person.pk),
            settings.AUTHENTICATION_BACKENDS[0],
        )
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.create()
    made = {"agents": agents, "templates": templates, "admin_key": key, "graph": graph}
    print(json.dumps(made | {"session": session.session_key}))


def graph_of(tasks: int, by: str) -> str:
    """The key of a ticket with so many tasks in layers of twenty; each needs two of the layer before."""
    from agents.models import Project, ProjectSpec
    from tickets.models import Task, TaskSpec, Ticket, TicketSpec
    from tickets.models.task.task_spec import NeedSpec

    project = Project.objects.create_project(ProjectSpec("GRAPH", workflow="simple"), by=by)
    ticket = Ticket.objects.open(project, TicketSpec("A large ticket"), by=by)
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.advance(by=by)
    specs = [
        TaskSpec(
            f"Step {n}",
            ref=f"t{n}",
            description="Write it, with a test.",
            needs=[NeedSpec(f"t{n - 20}"), NeedSpec(f"t{n - n % 20 - 20 + (n + 1) % 20}")] if n >= 20 else [],
        )
        for n in range(tasks)
    ]
    Task.objects.add(locked, specs, by=by)
    return str(ticket.key)


main()
