"""The shape of new discoveries in a completion, and its translation for the verb."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.api.fast_shapes import items
from agents.api.fields import text_of
from agents.api.parsing import Shape
from tickets.models import Discovery, NewDiscovery
from tickets.models.discovery.new_discovery import MOST
from tickets.workflows.discovery_types import USUAL


class DiscoveryIn(Shape):
    type = text_of(Discovery, "type", help_text=f"{', '.join(USUAL)}, or another name of your workflow")
    title = text_of(Discovery, "title", help_text="one line")
    body = text_of(
        Discovery, "body", required=False, allow_blank=True, help_text="what, where, how to see it"
    )


class NewDiscoveriesIn(serializers.ListField):
    child = DiscoveryIn()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": MOST, "required": False, **kwargs})

    def fast_type(self) -> Any:
        return items(self)


def new_discoveries(data: dict[str, Any]) -> list[NewDiscovery]:
    """The discoveries of a completion as the settling verb takes them."""
    return [NewDiscovery(**item) for item in data.get("discoveries") or ()]
