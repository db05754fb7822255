"""Who everything waits on, stored as the clock's sweeps store it."""

from __future__ import annotations

from collections.abc import Mapping

from agents.models import Project
from tickets.models import Lane, Task, TaskWait, Ticket, TicketWait
from tickets.models.explain.found_waits import TASKS, TICKETS
from tickets.runtime.wait_sweep import Follow, Recheck


def follow(after: int = 0) -> None:
    """Look at all that the journal tells of, and at all lanes with ids above `after`."""
    sweep = Follow()
    sweep.lanes.at = after
    while sweep() or Lane.objects.filter(pk__gt=sweep.lanes.at).exists():
        pass


def let_time_pass() -> None:
    """As if the time had come to look again at everything that depends on time."""
    for model in (TaskWait, TicketWait):
        model.objects.filter(until__isnull=False).update(until="2020-01-01T00:00Z")


def store_waits() -> None:
    """As the clock does within 5 s: follow, and look at everything."""
    follow()
    recheck = Recheck()
    while recheck():
        pass
    follow()


def assert_stored_as_explained(project: Project) -> None:
    """What is stored of all open tasks and tickets of the project is what they are explained with."""
    tasks = Task.objects.filter(project=project).values_list("pk", flat=True)
    tickets = Ticket.objects.filter(project=project).values_list("pk", flat=True)
    assert_stored(Task.objects.waits(list(tasks)), Ticket.objects.waits(list(tickets)))


def assert_stored(of_tasks: Mapping[int, str | None], of_tickets: Mapping[int, str | None]) -> None:
    """That these wait on these is what is stored."""
    for name, table, waits in (("tasks", TASKS, of_tasks), ("tickets", TICKETS, of_tickets)):
        told = {pk: who for pk, who in waits.items() if who}
        assert {pk: wait.who for pk, wait in table.stored(waits).items()} == told, name
