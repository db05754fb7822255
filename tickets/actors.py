"""What the broker's messages set off. They may come twice, late or never: the rows decide, and a sweep repeats them."""

from __future__ import annotations

import dramatiq

from omoi_site import broker
from tickets import worker
from tickets.models import Ticket


@dramatiq.actor(broker=broker.get(), max_retries=0)
def work() -> None:
    """Tasks with a profile may be ready: the worker of this process looks."""
    worker.look()


@dramatiq.actor(broker=broker.get(), max_retries=0)
def advance_tickets(ids: list[int]) -> None:
    """These tickets may be due to move on by themselves."""
    Ticket.objects.advance_due(ids)
