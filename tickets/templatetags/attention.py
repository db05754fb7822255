"""The number of items beside the attention list's entry in the navigation."""

from __future__ import annotations

from typing import Any

from django import template

from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import MOST_COUNTED, Query

register = template.Library()


@register.simple_tag(takes_context=True)
def attention_count(context: dict[str, Any]) -> str:
    """How many items the person can act on, in all their projects; empty if none."""
    person = context["request"].user
    return count_for(person) if person.is_authenticated else ""


def count_for(person: Any) -> str:
    return shown_count(attention_list.count(Query(mine=True), by=person))


def shown_count(count: int) -> str:
    """Only so many are counted: "99+" is exact enough."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")
