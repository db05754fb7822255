"""The priority that an action asks for."""

from __future__ import annotations

from omoi_site.admin_actions import Choice
from omoi_site.errors import Invalid
from tickets.models.ticket.fields import Priority

PRIORITY = Choice("priority", "Priority", [(str(each.value), each.label) for each in Priority])


def the_priority(text: str) -> int:
    """Raises Invalid."""
    if text not in dict(PRIORITY.options):
        raise Invalid("choose one of the priorities", field="priority")
    return int(text)
