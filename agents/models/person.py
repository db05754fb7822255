"""People at work: each holds tasks through a row of agents, of kind `person`, made when it is first needed.

The row has the name by which the journal names the person. It has no key, no project and no presence, so no
claim grants it anything, and no list of agents that could do something has it. What the person may do is
asked of the person, each time.
"""

from __future__ import annotations

from typing import Any

from agents.models.actor import Actor, label, via
from agents.models.agent import Agent
from omoi_site.errors import Forbidden


def holder(by: Actor) -> Agent:
    """Through whom `by` holds tasks: an agent itself, a person through their row."""
    if isinstance(by, Agent):
        return by
    if isinstance(by, str):
        raise Forbidden("only agents and people hold tasks: say which of them this is for")
    person: Any = by
    row, _ = Agent.objects.get_or_create(
        name=label(person),
        defaults={"kind": Agent.Kind.PERSON, "owner_id": person.pk, "capacity": Agent.MOST_CAPACITY},
    )
    if row.owner_id != person.pk:  # somebody of this name was deleted, and is here again
        Agent.objects.filter(pk=row.pk).update(owner_id=person.pk)
    row.person, row.via_key = person, via(person)
    return row
