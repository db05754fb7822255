"""What the fleet should do, in plain Python: no database, no clock, no SQL.

Each act has the name that it has in the `World`, and returns what that answers, or raises Refused with the
name of the error.
"""

from __future__ import annotations

from tests.histories.model.claims import Claims
from tests.histories.model.fleet import Fleet
from tests.histories.model.parts import Agent, Pool, Refused, Task, Ticket
from tests.histories.model.settlements import Settlements
from tests.histories.model.tasks import Tasks
from tests.histories.model.tickets import Tickets

__all__ = ["Agent", "Model", "Pool", "Refused", "Task", "Ticket"]


class Model(Claims, Settlements, Tasks, Tickets, Fleet):
    pass
