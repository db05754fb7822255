"""Handlers of the broker's messages.

A message may come twice, late or never: the rows decide, and a sweep sends it again.
"""

from __future__ import annotations

import dramatiq

from omoi_site.brokers import hints
from tickets.models import Ticket
from tickets.runtime import check_runner, patient_fetches, worker


@dramatiq.actor(broker=hints.get(), max_retries=0)
def work() -> None:
    """Tasks with a profile may be ready: let the worker of this process look."""
    worker.look_for_tasks()


@dramatiq.actor(broker=hints.get(), max_retries=0)
def run_checks() -> None:
    """Checks of gates may be asked for: let the worker of this process look."""
    check_runner.look()


@dramatiq.actor(broker=hints.get(), max_retries=0)
def advance_tickets(ids: list[int]) -> None:
    """These tickets may be due for an automatic move, and those in the other messages that wait."""
    Ticket.objects.advance_due(sorted({*ids, *hints.take_waiting("advance_tickets")}))


@dramatiq.actor(broker=hints.get(), max_retries=0)
def fill_phases(ids: list[int]) -> None:
    """In these projects a phase that was full may have room, and tickets may wait for it."""
    Ticket.objects.fill(sorted({*ids, *hints.take_waiting("fill_phases")}))


@dramatiq.actor(broker=hints.get(), max_retries=0)
def fetch_repositories(ids: list[int]) -> None:
    """These repositories are new, or did not come in the time that somebody waited."""
    patient_fetches.ask(ids)
