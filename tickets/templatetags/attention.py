"""The numbers beside the entries of the navigation."""

from __future__ import annotations

from typing import Any

from django import template

from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import MOST_COUNTED

register = template.Library()


@register.simple_tag(takes_context=True)
def frame_counts(context: dict[str, Any]) -> dict[str, str]:
    """The numbers beside the navigation, in all projects of the person; without those that are 0."""
    person = context["request"].user
    return counts_for(person) if person.is_authenticated else {}


def counts_for(person: Any) -> dict[str, str]:
    counts = attention_list.frame_counts(by=person)
    return {name: shown_count(count) for name, count in counts.items() if count}


def shown_count(count: int) -> str:
    """Only so many are counted: "99+" is exact enough."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")
