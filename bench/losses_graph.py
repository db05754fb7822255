"""Makes the graph of `bench losses` by the verbs of a checkout: reads tasks and edges as JSON, prints ids."""

from __future__ import annotations

import json
import sys

BY = "system:bench"


def main() -> None:
    asked = json.load(sys.stdin)
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from agents.models import Agent, AgentSpec, Key, Project, ProjectSpec
    from tickets.models import Edge, Need, Task, TaskSpec, Ticket, TicketSpec

    spec = ProjectSpec("LOSS", workflow="simple", profiles=asked["profiles"])
    with transaction.atomic():
        project = Project.objects.create_project(spec, by=BY)
        tickets = []
        for n in range(asked["tickets"]):
            ticket = Ticket.objects.open(project, TicketSpec(f"Part {n}"), by=BY)
            with Ticket.objects.locked(pk=ticket.pk) as locked:
                locked.advance(by=BY)
            tickets.append(locked)
        ids = [0] * len(asked["tasks"])
        for n, ticket in enumerate(tickets):
            places = [at for at, task in enumerate(asked["tasks"]) if task["ticket"] == n]
            for begin in range(0, len(places), 500):
                part = places[begin : begin + 500]
                specs = [
                    TaskSpec(f"Task {at}", profile=asked["tasks"][at]["profile"], max_attempts=20)
                    for at in part
                ]
                made = Task.objects.add(ticket, specs, by=BY)
                for at, task in zip(part, made, strict=True):
                    ids[at] = task.pk
        Need.objects.add(
            project.pk,
            [Edge(ids[parent], ids[child], on_failure=how) for parent, child, how in asked["edges"]],
            by=BY,
        )
        keys = []
        for n in range(asked["agents"]):
            agent = Agent.objects.register(AgentSpec(f"bench-{n}", capacity=50), projects=[project], by=BY)
            keys.append(Key.objects.issue(agent=agent, by=BY)[1])
        person = get_user_model().objects.create_superuser("admin", password=None)
        _, admin = Key.objects.issue(user=person, by=BY)
    print(
        json.dumps({"ids": ids, "keys": keys, "admin_key": admin, "tickets": [each.pk for each in tickets]})
    )


main()
